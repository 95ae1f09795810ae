"""The claims judged from made tables: each criterion holds, fails, and holds in part."""

import itertools
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ptychobasis.report.claims.claims import table_of_claims
from ptychobasis.report.claims.counts import fewest
from ptychobasis.report.claims.drawn import drawn_claims
from ptychobasis.report.claims.findings import Finding, Tables, differences, plain
from ptychobasis.report.claims.lengths import epochs_needed
from ptychobasis.report.figures.dark_field_and_time import draw_claims
from ptychobasis.report.figures.style import save
from ptychobasis.report.pages import write_claims
from ptychobasis.study.layers import read_layers
from ptychobasis.study.load import load_study
from ptychobasis.study.schema import Study, Sweep

ROOT = Path(__file__).parents[2]
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def study() -> Study:
    """The default study with a sweep of config/claims.yaml, which takes it too long."""
    demo, claims = (read_layers([ROOT / f"config/{name}.yaml"]) for name in ("demo", "claims"))
    demo["sweeps"]["focused"] = claims["sweeps"]["focused"]
    return load_study(demo, "demo.yaml and claims.yaml")


def stored(study: Study, sweep: str, size: str) -> int:
    if size == "all":
        return 1465
    if study.sweeps[sweep].basis == "binning":
        return {"5": 69, "6": 52, "7": 45, "8": 35, "9": 25, "11": 21}[size]
    return int(size)


def score(study: Study, sweep: str, size: str, seed: int) -> float:
    """A quality that rises with the numbers and with the epochs, and differs by the seed."""
    epochs, numbers = study.recon(sweep).epochs, stored(study, sweep, size)
    worse = 1.4 if study.sweeps[sweep].basis == "binning" else 1
    return 1 - worse * (0.4 + 110 / epochs**1.5) / numbers - 0.001 * seed


def derived(sweep: str, size: str) -> float:
    """A loss that no other run has."""
    return 1e-3 + 1e-6 * (zlib.crc32(f"{sweep}/{size}".encode()) % 1000)


def made(study: Study, **changes: Any) -> Tables:
    """Tables of a study in which, unless changed, every statement holds."""
    rows, curves = [], []
    q = np.linspace(0.05, 1.3, 26)
    for (sweep, size), seed in itertools.product(study.variants(), SEEDS):
        settings, quality = study.recon(sweep), score(study, sweep, size, seed)
        numbers = stored(study, sweep, size)
        free = settings.probe == "joint" and not settings.probe_band_limit
        free = free and settings.dark_field == "none"
        row: dict[str, Any] = {
            "seed": seed, "sweep": sweep, "size": size, "basis": study.sweeps[sweep].basis,
            "stored_values": numbers, "slice": "volume", "mean_fsc": quality,
            "epochs": settings.epochs, "final_loss": derived(sweep, size),
            "processor_seconds_per_epoch": 0.3 if settings.dark_field == "bins" else 0.2,
            "probe_outside": 0.2 * (settings.epochs / 60) ** 2 if free else 0.0005,
            "probe_distance": 0.2 if free else 0.1, "probe_defocus": 0.7, "probe_norm": 1.0,
        }  # fmt: skip
        row |= changes.get(sweep, {})
        steep = 3.9 if row["basis"] == "binning" else 2.8
        for against in ("reference", "truth"):
            rows.append({**row, "against": against})
            curves.append(
                pd.DataFrame(
                    {"seed": seed, "sweep": sweep, "size": size, "basis": row["basis"],
                     "stored_values": numbers, "against": against, "slice": "volume",
                     "q_per_angstrom": q, "fsc": 1 - q * steep / numbers}
                )
            )  # fmt: skip
    return Tables(pd.DataFrame(rows), pd.concat(curves, ignore_index=True))


def verdicts(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    keys = zip(table["claim"], table["statement"], strict=True)
    return dict(zip(keys, table["verdict"], strict=True))


def test_the_demo_speaks_to_the_statements_of_the_paper(study: Study) -> None:
    table = table_of_claims(study, made(study))
    assert list(table["claim"].unique()) == ["C1", "C2", "C3", "C4", "C5", "C6", "C7"]
    assert set(table["seeds"]) == {3}
    assert set(table["verdict"]) == {"holds"}
    assert table["criterion"].str.len().min() > 0
    assert table["claim"].value_counts().to_dict() == {
        "C1": 2, "C2": 2, "C3": 2, "C4": 1, "C5": 5, "C6": 1, "C7": 1
    }  # fmt: skip


def test_counts_are_the_fewest_that_stay_above_the_threshold(study: Study) -> None:
    """1 - 2.8 q / stored stays above 0.9 up to 1.1 1/Å from 31 numbers on, of bins from 43."""
    table = table_of_claims(study, made(study))
    rows = table[table["claim"].isin(["C1", "C2"])]
    assert rows["mean"].tolist() == [36, 36, 45, 45]
    assert rows["std"].tolist() == [0] * 4
    assert set(rows["verdict"]) == {"holds"}
    assert "tried: 6, 10, 15, 21, 28, 36, 45" in rows["details"].iloc[0]


def test_a_count_that_no_one_reached_is_more_than_any(study: Study) -> None:
    tables = made(study)
    low = tables.curves.assign(fsc=0.5)
    table = table_of_claims(study, Tables(tables.summary, low))
    rows = table[table["quantity"] == "fewest numbers, against all pixels"]
    assert rows["mean"].isna().all()
    assert rows["verdict"].tolist() == ["does not hold", "holds"]  # bins need at least 45
    found = fewest(low[low["sweep"] == "zernike"], study.claims, 0.15)
    assert found.index.tolist() == list(SEEDS)
    assert np.isinf(found).all()


def test_a_count_that_passes_by_chance_is_not_enough(study: Study) -> None:
    curves = made(study).curves
    curves = curves[(curves["sweep"] == "zernike") & (curves["against"] == "reference")]
    curves = curves.assign(fsc=curves["stored_values"].isin([21, 45]).astype(float))
    assert fewest(curves, study.claims, 0.15).tolist() == [45] * 3


def test_without_truth_only_what_needs_none_is_judged(study: Study) -> None:
    tables = made(study)
    without = (table[table["against"] == "reference"] for table in (tables.summary, tables.curves))
    table = table_of_claims(study, Tables(*without))
    assert set(table["claim"]) == {"C1", "C2", "C7"}
    assert np.isfinite(table["mean"]).all()


def test_one_seed_is_sure_of_no_dependence(study: Study) -> None:
    tables = made(study)
    one = (table[table["seed"] == 1] for table in (tables.summary, tables.curves))
    table = table_of_claims(study, Tables(*one)).set_index("claim")
    assert table.loc["C6", "verdict"] == "undecided"
    assert table.loc["C7", "verdict"] == "undecided"


def test_seeds_that_differ_too_much_decide_nothing(study: Study) -> None:
    tables = made(study)
    slow = tables.summary["sweep"] == "binning-bins"
    tables.summary.loc[slow, "processor_seconds_per_epoch"] = tables.summary["seed"].map(
        {1: 0.1, 2: 0.2, 3: 0.3}
    )
    table = table_of_claims(study, tables).set_index("claim")
    assert table.loc["C7", "verdict"] == "undecided"


def test_a_statement_that_some_seeds_bear_out_holds_in_part(study: Study) -> None:
    tables = made(study)
    summary = tables.summary
    wild = (summary["sweep"] == "free") & (summary["seed"] == 2)
    summary.loc[wild, "probe_outside"] = 0.0001
    found = verdicts(table_of_claims(study, tables))
    assert found["C4", "a joint probe without dark-field masks diverges"] == "holds in part"


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"donut": {"mean_fsc": 1.1}}, "C3"),
        ({"known-bright": {"mean_fsc": 0.9}}, "C3"),
        ({"free": {"probe_outside": 0.0005}}, "C4"),
        ({"both": {"probe_outside": 0.3}}, "C5"),
        ({"limited": {"mean_fsc": 0.5}}, "C5"),
        ({"both": {"probe_distance": 0.2}}, "C5"),
        ({"refocused": {"probe_defocus": -5.0}}, "C5"),
        ({"focused": {"mean_fsc": 0.9}}, "C5"),
        ({"binning-bins": {"processor_seconds_per_epoch": 0.2}}, "C7"),
    ],
)
def test_a_statement_that_was_not_borne_out_does_not_hold(
    study: Study, changes: dict[str, Any], claim: str
) -> None:
    table = table_of_claims(study, made(study, **changes))
    wrong = table[table["verdict"] != "holds"]
    assert set(wrong["claim"]) == {claim}
    assert set(wrong["verdict"]) == {"does not hold"}


def test_epochs_are_those_to_one_percent_of_the_longest_run() -> None:
    assert epochs_needed([10, 20, 40, 80], [0.5, 0.8, 0.995, 1.0]) == pytest.approx(
        20 * 2 ** ((0.99 - 0.8) / (0.995 - 0.8))
    )
    assert epochs_needed([80, 10, 20], [1.0, 0.995, 0.998]) == pytest.approx(10)
    assert epochs_needed([10, 80], [0.1, 0.9]) == pytest.approx(10 * 8 ** (0.791 / 0.8))


def test_a_sample_with_layers_tells_what_slices_hold() -> None:
    base = read_layers([ROOT / "config/demo.yaml"])
    base["crystal"]["substitution"] = {
        "element": "Ge", "replaces": "Si", "share": 0.5, "depth_angstrom": [31, 61],
    }  # fmt: skip
    base["simulation"]["frozen_phonons"]["sigma_angstrom"]["Ge"] = 0.07
    study = load_study(base)
    tables = made(study)
    rows = [
        {"seed": seed, "sweep": sweep, "size": size, "slice": str(i), "true_slice": j,
         "share": (0.8 if i == j else 0.1) if sweep != "uncompressed" else 0.3}
        for seed in SEEDS
        for sweep, size in study.compared
        for i, j in itertools.product(range(4), range(4))
    ]  # fmt: skip
    table = table_of_claims(study, Tables(tables.summary, tables.curves, pd.DataFrame(rows)))
    found = table[table["claim"] == "C8"]
    assert found["verdict"].tolist() == ["holds", "holds", "does not hold"]
    assert found["mean"].tolist() == pytest.approx([0.8, 0.8, 0.3])


def test_without_sweeps_that_speak_to_it_nothing_is_claimed(tmp_path: Path) -> None:
    study = load_study(ROOT / "config/oxide.yaml")
    only = study.model_copy(update={"sweeps": {"uncompressed": study.sweeps["uncompressed"]}})
    tables = made(only)
    table = table_of_claims(only, tables)
    assert table.empty
    assert "verdict" in table
    write_claims(table, tmp_path / "page.html", "oxide")
    assert "No sweep of this study" in (tmp_path / "page.html").read_text()


def test_differences_are_those_to_the_study(study: Study) -> None:
    assert differences(study, "zernike") == {}
    assert differences(study, "donut") == {"dark_field": "donut", "probe": "known"}
    assert set(differences(study, "free")) == {"probe_pull", "probe_band_limit"}
    assert plain(study, "zernike") == ["zernike"]


def test_the_page_tells_verdict_criterion_and_spread(study: Study, tmp_path: Path) -> None:
    write_claims(table_of_claims(study, made(study)), tmp_path / "page.html", "demo")
    text = (tmp_path / "page.html").read_text()
    for expected in ("holds", "36 Zernike coefficients suffice", "±", "FSC ≥ 0.9 up to 1.1 1/Å"):
        assert expected in text


def test_one_seed_has_no_spread() -> None:
    row = Finding("C1", "s", "q", [3.0], "c", [True], "fsc").row()
    assert row["mean"] == 3
    assert np.isnan(row["std"])


def test_the_figure_draws_what_there_is(study: Study, tmp_path: Path) -> None:
    figure = draw_claims(drawn_claims(study, made(study).summary))
    left, middle, right = figure.axes
    assert [label.get_text() for label in left.get_xticklabels()] == ["none", "donut"]
    assert [line.get_label() for line in middle.get_lines()] == ["10 masks", "36 masks"]
    for line in middle.get_lines():
        assert np.asarray(line.get_xdata()).tolist() == [15, 30, 60]
    assert len(right.containers) == 1 + 1 + 1  # without zeros, with a donut, with bins
    save(figure, [tmp_path / "claims.png"])
    assert (tmp_path / "claims.png").stat().st_size > 10_000


# what is no evidence


def rows_of(table: pd.DataFrame, claim: str) -> pd.DataFrame:
    return table[table["claim"] == claim]


def without(study: Study, sweep: str) -> dict[str, Sweep]:
    """The sweeps of the study but one."""
    return {name: each for name, each in study.sweeps.items() if name != sweep}


def with_keys(study: Study, sweep: str, **keys: Any) -> Study:
    """The study with other keys of the reconstruction of one sweep."""
    own = study.sweeps[sweep]
    own = own.model_copy(update={"reconstruction": own.reconstruction.model_copy(update=keys)})
    return study.model_copy(update={"sweeps": {**study.sweeps, sweep: own}})


def test_a_joint_probe_that_never_moved_is_no_evidence(study: Study) -> None:
    late = study.model_copy(update={"sweeps": without(study, "free-short")})
    late = with_keys(late, "free", probe_start_epoch=study.reconstruction.epochs)
    (row,) = rows_of(table_of_claims(late, made(late)), "C4").to_dict("records")
    assert row["verdict"] == "not measured"
    assert "the probe of free never moves: probe_start_epoch is 60 of 60" in row["details"]
    assert np.isnan(row["mean"])


def test_runs_that_came_out_the_same_are_no_evidence(study: Study) -> None:
    """As the keys tell it the probe moves; the numbers tell that it did not."""
    tables = made(study)
    summary = tables.summary.copy()
    known = summary[summary["sweep"] == "known"]
    for name in ("mean_fsc", "final_loss", "probe_distance"):
        summary.loc[summary["sweep"] == "limited", name] = known[name].to_numpy()
    found = rows_of(table_of_claims(study, Tables(summary, tables.curves)), "C5")
    verdict = found.set_index("statement")["verdict"]
    assert verdict["it does not with band limit"] == "not measured"
    assert verdict["it does not with dark field (donut) and band limit"] == "holds"


def test_masks_that_changed_nothing_are_no_evidence(study: Study) -> None:
    tables = made(study)
    summary = tables.summary
    plain_rows = summary["sweep"] == "known"
    for name in ("mean_fsc", "final_loss", "probe_distance"):
        summary.loc[summary["sweep"] == "donut", name] = summary.loc[plain_rows, name].to_numpy()
    found = rows_of(table_of_claims(study, tables), "C3")
    assert found["verdict"].tolist() == ["holds", "not measured"]
    assert "the masks changed nothing" in found["details"].iloc[1]


def test_divergence_is_growth_with_the_length_of_the_run(study: Study) -> None:
    for first, last, verdict in ((0.023, 0.436, "holds"), (0.06, 0.07, "does not hold")):
        tables = made(
            study, free={"probe_outside": last}, **{"free-short": {"probe_outside": first}}
        )
        (row,) = rows_of(table_of_claims(study, tables), "C4").to_dict("records")
        assert row["verdict"] == verdict
        assert row["mean"] == pytest.approx(last / first)
        assert "after 60 epochs, over that after 30" in row["quantity"]
    one = study.model_copy(update={"sweeps": without(study, "free-short")})
    (row,) = rows_of(table_of_claims(one, made(one)), "C4").to_dict("records")
    assert "no run twice as long or longer tells whether it grows" in row["details"]


def test_sizes_that_give_no_volume_are_left_out(study: Study) -> None:
    tables = made(study)
    summary = tables.summary
    summary.loc[(summary["basis"] == "zernike") & (summary["size"] == "10"), "mean_fsc"] *= 0.7
    (row,) = rows_of(table_of_claims(study, tables), "C6").to_dict("records")
    assert row["verdict"] == "not measured"
    assert "only one size gives a volume" in row["details"]
    assert "left out, since they give no volume: 10 masks (FSC 0.65)" in row["details"]


def test_a_reference_behind_the_bright_field_measures_nothing(study: Study) -> None:
    table = table_of_claims(study, made(study, **{"bright-field": {"mean_fsc": 1.01}}))
    verdicts_of = table.groupby("claim")["verdict"].agg(set)
    assert verdicts_of["C1"] == verdicts_of["C2"] == {"undecided"}
    text = "further from the truth than the bright field"
    assert rows_of(table, "C1")["details"].str.contains(text).all()
    assert verdicts_of["C4"] == {"holds"}


def test_nothing_is_judged_on_data_that_the_model_does_not_explain(study: Study) -> None:
    wrong = {"left_out_misfit": 0.4, "left_out_holds": False}
    tables = made(study, refocused=wrong)
    tables.summary.fillna({"left_out_misfit": 0.01, "left_out_holds": True}, inplace=True)
    table = table_of_claims(study, tables)
    (row,) = table[table["verdict"] == "undecided"].to_dict("records")
    assert row["statement"].startswith("a start 20 Å out of focus is put right by a search")
    text = "does not explain the data: refocused/36 (misfit of left-out patterns 40 %)"
    assert text in row["details"]
    assert set(table["verdict"]) == {"holds", "undecided"}


def test_what_was_never_left_out_throws_no_doubt(study: Study) -> None:
    """Other runs of the same study were judged by left-out patterns."""
    tables = made(study, uncompressed={"left_out_misfit": 0.3, "left_out_holds": False})
    verdicts_of = table_of_claims(study, tables).groupby("claim")["verdict"].agg(list)
    assert verdicts_of["C1"] == ["undecided"] * 2
    assert verdicts_of["C3"] == ["holds", "holds"]
    assert verdicts_of["C4"] == ["holds"]


def test_frequencies_beyond_the_evaluation_are_not_measured(study: Study) -> None:
    keys = study.claims.model_copy(update={"up_to_per_angstrom": 5.0})
    table = table_of_claims(study.model_copy(update={"claims": keys}), made(study))
    first, second = rows_of(table, "C1").to_dict("records")
    assert (first["verdict"], second["verdict"]) == ("not measured", "holds")
    assert "claims.up_to_per_angstrom is 5, beyond the evaluation's band" in first["details"]


def test_the_reference_is_called_by_its_own_name(study: Study) -> None:
    keys = study.evaluation.model_copy(update={"reference": "zernike/45"})
    other = study.model_copy(update={"evaluation": keys})
    rows = rows_of(table_of_claims(other, made(other)), "C1").to_dict("records")
    assert rows[0]["quantity"] == "fewest numbers, against Zernike, 45 numbers"
    assert "below that of Zernike, 45 numbers takes" in rows[1]["criterion"]


def test_the_page_says_what_was_not_measured(study: Study, tmp_path: Path) -> None:
    late = study.model_copy(update={"sweeps": without(study, "free-short")})
    late = with_keys(late, "free", probe_start_epoch=60)
    write_claims(table_of_claims(late, made(late)), tmp_path / "page.html", "demo")
    text = (tmp_path / "page.html").read_text()
    assert "<td>share of its energy outside the aperture: not measured</td>" in text
