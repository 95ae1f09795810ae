"""Tables and pages on small frames, and the average over frozen-phonon configurations."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shared
from numpy.typing import NDArray

from ptychobasis.bases.basis import Request
from ptychobasis.bases.compressed_file import write_compressed
from ptychobasis.bases.quantise import Coefficients
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.variant import Variant
from ptychobasis.core.volume import Volume
from ptychobasis.data.blocks import stored_bytes
from ptychobasis.data.dataset import Truth, read_dataset, write_dataset
from ptychobasis.data.hdf5 import open_hdf5
from ptychobasis.reconstruction.result_file import Reconstruction, Run
from ptychobasis.report.jobs import expected_jobs, job_table, not_recorded
from ptychobasis.report.left_out import judge_models
from ptychobasis.report.pages import write_provenance
from ptychobasis.report.render import text_table, write_page
from ptychobasis.report.tables import (
    add_sizes,
    add_storage,
    gather,
    overview,
    read_csv,
    write_csv,
    write_overview,
)
from ptychobasis.simulation.average import average_configurations
from ptychobasis.simulation.noise import CountBytes
from ptychobasis.study.load import load_study

ROOT = Path(__file__).parents[2]
OPTICS = shared.optics((16, 14))
POSITIONS = shared.positions((4, 5))
REFERENCE = Variant("uncompressed", "all")
VARIANTS = {Variant("zernike", "6"): 6, Variant("zernike", "3"): 3, REFERENCE: 224}


def summary(truth: bool = True) -> pd.DataFrame:
    """A frame as `evaluate` makes it; the score tells variant, comparison and slice."""
    rows = []
    for i, ((sweep, size), stored) in enumerate(VARIANTS.items()):
        for j, against in enumerate(["reference", "truth"] if truth else ["reference"]):
            for k, part in enumerate(["0", "1", "volume"]):
                basis = {"uncompressed": "pixels"}.get(sweep, sweep)
                score = 0.1 + 0.2 * i + 0.05 * j + 0.01 * k
                rows.append(
                    {"sweep": sweep, "size": size, "basis": basis, "stored_values": stored,
                     "against": against, "slice": part, "mean_fsc": score,
                     "resolution_half": 1 + score, "resolution_143": 0.5 + score,
                     "resolution_half_is_bound": False, "resolution_143_is_bound": i == 1,
                     "scale": 0.9, "column_error_pm": 1.26,
                     "unknowns_per_pattern": 51.0, "knowns_per_unknown_in_band": stored / 4,
                     "seconds_per_epoch": 0.25}
                )  # fmt: skip
    return pd.DataFrame(rows)


def compressed(folder: Path) -> dict[Variant, Path]:
    files = {}
    for (sweep, size), stored in VARIANTS.items():
        name = "pixels" if sweep == "uncompressed" else sweep
        basis = build_basis(name, Request(OPTICS, stored))
        patterns = np.random.default_rng(0).random((20, 16, 14))
        path = folder / sweep / f"{size}.h5"
        write_compressed(path, OPTICS, POSITIONS, basis, Coefficients([basis.forward(patterns)]))
        files[Variant(sweep, size)] = path
    return files


def test_overview_has_one_row_per_variant_with_both_scores() -> None:
    table = overview(summary())
    assert table["stored_values"].tolist() == [224, 3, 6]
    # the resolution is that of the volume against the truth
    expected = {224: (0.52, 0.57), 3: (0.32, 0.37), 6: (0.12, 0.17)}
    for row in table.itertuples():
        reference, truth = expected[int(str(row.stored_values))]
        assert (row.reference, row.truth) == pytest.approx((reference, truth))
        assert row.resolution_half == pytest.approx(1 + truth)


def test_overview_without_a_truth_tells_the_reference() -> None:
    table = overview(summary(truth=False))
    assert len(table) == 3
    assert "truth" not in table
    np.testing.assert_allclose(table["resolution_half"], 1 + table["reference"])


def over_seeds() -> pd.DataFrame:
    """Of three seeds; the second finds every score 0.03 higher, the third 0.03 lower."""
    parts = []
    for seed, more in ((4, 0.0), (7, 0.03), (9, -0.03)):
        part = summary()
        part["mean_fsc"] += more
        part["resolution_half"] += 10 * more
        part["resolution_143_is_bound"] = seed == 7
        parts.append(part.assign(seed=seed))
    return pd.concat(parts, ignore_index=True)


def test_overview_of_several_seeds_is_their_mean_and_deviation() -> None:
    table, one = overview(over_seeds()), overview(summary())
    assert table["stored_values"].tolist() == [224, 3, 6]
    for name, spread in (("reference", 0.03), ("truth", 0.03), ("resolution_half", 0.3)):
        np.testing.assert_allclose(table[name], one[name])
        np.testing.assert_allclose(table[f"{name}_std"], spread)  # of (0, d, -d), n - 1 in the root
        assert one[f"{name}_std"].isna().all()
    assert table["resolution_143_is_bound"].all()  # the mean is one if any of them is


def test_tables_of_all_seeds_lie_below_one_another(tmp_path: Path) -> None:
    files = {seed: tmp_path / f"{seed}.csv" for seed in (3, 1)}
    for seed, path in files.items():
        write_csv(summary().assign(mean_fsc=seed), path)
    table = gather(files)
    assert table.columns.tolist() == ["seed", *summary().columns]
    assert table["seed"].tolist() == [3] * 18 + [1] * 18
    np.testing.assert_array_equal(table["mean_fsc"], table["seed"])
    assert set(table["size"]) == {"3", "6", "all"}
    assert table.index.is_unique


def test_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    files, before = compressed(tmp_path), summary()
    table = add_sizes(before, files)
    pd.testing.assert_frame_equal(table[before.columns.tolist()], before)
    for (sweep, size), path in files.items():
        rows = table[(table["sweep"] == sweep) & (table["size"] == size)]
        assert len(rows) == 6
        assert set(rows["bytes_on_disk"]) == {stored_bytes(path, "coefficients")}
        assert set(rows["bytes_per_pattern"]) == {stored_bytes(path, "coefficients") / 20}
        less = 100 * (1 - VARIANTS[Variant(sweep, size)] / 224)
        np.testing.assert_allclose(rows["reduction_percent"], less, atol=1e-12)


STORAGE: dict[str, tuple[str, float | None]] = {
    "zernike": ("int8", 1e4),
    "uncompressed": ("float32", None),
}


def test_storage_is_that_of_the_sweep() -> None:
    table = add_storage(summary(), STORAGE, {1e4: CountBytes(448, 99.5)})
    pd.testing.assert_frame_equal(table[summary().columns.tolist()], summary())
    noisy = table["sweep"] == "zernike"
    for column, value in {
        "store": "int8", "dose_electrons_per_angstrom2": 1e4,
        "raw_bytes_per_pattern": 448, "lossless_bytes_per_pattern": 99.5,
    }.items():  # fmt: skip
        assert set(table.loc[noisy, column]) == {value}
    assert set(table.loc[~noisy, "store"]) == {"float32"}
    assert table.loc[~noisy, table.columns[-3:].tolist()].isna().all(axis=None)


def test_page_tells_storage_and_dose_where_they_differ(tmp_path: Path) -> None:
    full = add_storage(add_sizes(summary(), compressed(tmp_path)), STORAGE, {})
    write_overview(full, tmp_path / "page.html", REFERENCE)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in text.split("<tr>")[2:]]
    assert re.findall(r"<th>(.*?)</th>", text)[5:7] == ["stored as", "electrons per Å²"]
    assert [row[5:7] for row in rows] == [["float32", "-"], ["int8", "10000"], ["int8", "10000"]]
    write_overview(full[full["sweep"] == "zernike"], tmp_path / "page.html", REFERENCE)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "stored as" not in text
    assert "electrons per" not in text


def test_csv_returns_what_was_written(tmp_path: Path) -> None:
    write_csv(summary(), tmp_path / "t" / "summary.csv")
    read = read_csv(tmp_path / "t" / "summary.csv")
    pd.testing.assert_frame_equal(read, summary(), rtol=1e-6, check_dtype=False)
    assert [path.name for path in (tmp_path / "t").iterdir()] == ["summary.csv"]


def test_page_holds_the_overview(tmp_path: Path) -> None:
    full = add_sizes(summary(), compressed(tmp_path))
    before = full.copy()
    write_overview(full, tmp_path / "page.html", REFERENCE)
    pd.testing.assert_frame_equal(full, before)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert re.findall(r"<th>(.*?)</th>", text) == [
        "sweep", "size", "basis", "numbers per pattern", "reduction [%]", "size on disk [kB]",
        "bytes per pattern", "unknowns per pattern", "knowns per unknown in the band",
        "FSC with all pixels", "FSC with the truth", "resolution at 0.5 [Å]",
        "resolution at 0.143 [Å]", "strength", "column error [pm]", "s per epoch",
    ]  # fmt: skip
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in text.split("<tr>")[2:]]
    assert rows[0][:4] == ["uncompressed", "all", "pixels", "224"]
    assert rows[2][:5] == ["zernike", "6", "zernike", "6", "97.3214"]
    assert rows[2][7:13] == ["51.000", "1.500", "0.120", "0.170", "1.17", "0.67"]
    assert rows[2][13:] == ["0.900", "1.3", "0.250"]
    assert "&lt; 0.87" in text  # a bound: the curve never falls below
    assert "One seed." in text
    assert "±" not in text
    for outside in ("http", "<script", "<link", "src="):
        assert outside not in text


HOLDS = {"left_out_misfit": 0.021, "left_out_explained": 0.97, "left_out_sigmas": 1.04,
         "left_out_holds": True}  # fmt: skip
WRONG = {"left_out_misfit": 0.34, "left_out_explained": -0.125, "left_out_sigmas": 17.6,
         "left_out_holds": False}  # fmt: skip


def left_out(wrong: int, known: bool = True) -> pd.DataFrame:
    """A summary whose first variants, so many, do not explain the data."""
    table = summary()
    for i, (sweep, size) in enumerate(VARIANTS):
        rows = (table["sweep"] == sweep) & (table["size"] == size)
        for name, value in (WRONG if i < wrong else HOLDS).items():
            table.loc[rows, name] = value
    return table if known else table.assign(left_out_sigmas=np.nan)


def page_of(table: pd.DataFrame, folder: Path) -> str:
    """The page as a CSV of the table gives it."""
    write_csv(add_sizes(table, compressed(folder)), folder / "summary.csv")
    write_overview(read_csv(folder / "summary.csv"), folder / "page.html", REFERENCE)
    return html.unescape((folder / "page.html").read_text(encoding="utf-8"))


def test_page_tells_how_well_left_out_patterns_are_predicted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = page_of(left_out(0), tmp_path)
    assert "<h1>Quality against numbers per pattern</h1>" in text
    assert "Every model predicts patterns that were left out" in text
    assert "largest misfit is that of zernike/6 (2.1 %, 1.04 times what the counts' noise" in text
    for cell in ("2.1", "1.04", "97", "yes"):
        assert text.count(f"<td>{cell}</td>") == 3
    assert 'class="doubt"' not in text
    assert not caplog.records


def test_page_begins_with_what_does_not_explain_its_data(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = page_of(left_out(1), tmp_path)
    assert "<h1>1 of 3 reconstructions do not explain their data</h1>" in text
    assert "zernike/6 (34 %, 17.6 times what the counts' noise allows, -12.5 % of what" in text
    assert "try focus_search_angstrom, thinner slices" in text
    assert text.index('class="doubt"') < text.index("<table>")
    assert (text.count("<td>no</td>"), text.count("<td>yes</td>")) == (1, 2)
    assert "1 of 3 reconstructions do not explain their data" in caplog.text


def test_a_study_in_which_nothing_holds_does_not_look_like_one_that_does(tmp_path: Path) -> None:
    text = page_of(left_out(3, known=False), tmp_path)
    assert "<h1>The models do not explain the data</h1>" in text
    assert "<title>The models do not explain the data</title>" in text
    assert "Whatever is said below, it is not about the sample." in text
    assert "zernike/6 (34 %, -12.5 % of what the sample does)" in text
    assert "noise allows" not in text


def test_page_says_that_nothing_was_left_out(tmp_path: Path) -> None:
    text = page_of(summary(), tmp_path)
    assert "No patterns were left out (reconstruction.left_out: 0)" in text
    assert "misfit of left-out patterns" not in text


def test_one_seed_that_does_not_hold_is_enough() -> None:
    both = pd.concat([left_out(0).assign(seed=1), left_out(1).assign(seed=2)])
    table = overview(both).set_index("size")
    assert table["left_out_holds"].to_dict() == {"3": True, "6": False, "all": True}
    assert table["left_out_misfit"]["6"] == pytest.approx((0.021 + 0.34) / 2)
    judged = judge_models(both)
    assert judged.title == "1 of 6 reconstructions do not explain their data"
    assert "zernike/6, seed 2 (34 %" in judged.text


def test_page_tells_the_spread_over_seeds_and_what_it_is(tmp_path: Path) -> None:
    write_overview(add_sizes(over_seeds(), compressed(tmp_path)), tmp_path / "page.html", REFERENCE)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Means over 3 seeds" in text
    assert "± is the standard deviation of one seed, not the error of the mean" in text
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in text.split("<tr>")[2:]]
    assert len(rows) == 3
    assert rows[2][:5] == ["zernike", "6", "zernike", "6", "97.3214"]
    assert rows[2][9:13] == [
        "0.120 ± 0.030", "0.170 ± 0.030", "1.17 ± 0.30", "&lt; 0.67 ± 0.00",
    ]  # fmt: skip


def test_pages_escape_names_from_files(tmp_path: Path) -> None:
    table = summary().replace({"basis": {"zernike": "<b>mine</b>"}})
    write_overview(add_sizes(table, compressed(tmp_path)), tmp_path / "page.html", REFERENCE)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;mine&lt;/b&gt;" in text
    assert "<b>mine" not in text


def test_pages_are_written_whole_and_escape_what_they_are_told(tmp_path: Path) -> None:
    table = text_table(pd.DataFrame({"<b>": ["<i>", None], "n": [0.5, np.nan]}), left=True)
    write_page(tmp_path / "a.html", "claims", "Å <u>", content=table)
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")
    assert "<title>Å &lt;u&gt;</title>" in text
    assert "<th>&lt;b&gt;</th>" in text
    assert "<tr><td>&lt;i&gt;</td><td>0.500</td></tr>" in text
    assert "<tr><td>-</td><td>-</td></tr>" in text


def test_the_table_of_jobs_holds_all_there_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    study = load_study(ROOT / "config" / "test.yaml")
    jobs = expected_jobs(study)
    assert len(jobs) == len(set(jobs)) == 29
    assert "seed_1/compress/zernike/6" in jobs
    assert "seed_1/compress/joint/6" not in jobs  # stored as zernike/6
    assert "seed_1/reconstruct/joint/6" in jobs
    two = study.model_copy(update={"seeds": (1, 7)})
    assert len(expected_jobs(two)) == 29 + 17
    ready = study.model_copy(
        update={"dataset": study.dataset.model_copy(update={"file": Path("x.h5")})}
    )
    assert "compress/zernike/6" in expected_jobs(ready)
    assert not {"crystal", "depth", "seed_1/average_phonons"} & set(expected_jobs(ready))
    table = job_table(study, tmp_path)
    assert table["job"].tolist() == jobs == not_recorded(table)


def test_provenance_page_tells_software_runs_jobs_and_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    study = load_study(ROOT / "config" / "test.yaml")
    results = {
        f"zernike/{size}": Reconstruction(
            Volume(np.zeros((1, 2, 2), np.float32), (0.3, 0.3), (0.0, 0.0)),
            np.ones((2, 2), np.complex64), np.array([1, 0.125]), (0.0,), 60e3,
            Run("zernike", size, "cpu", 7, 0.5, 0.4, 40.0, 3 * 10**8, 4, 4), {}, {"numpy": "9.8.7"},
        )
        for size in (3, 6)
    }  # fmt: skip
    jobs = tmp_path / "made" / "seed_1" / "benchmarks" / "compress" / "zernike"
    jobs.mkdir(parents=True)
    row = "s\th:m:s\tmax_rss\tcpu_time\n12.34\t0:00:12\t456.78\t{}\n"
    (jobs / "3.tsv").write_text(row.format(9.87))
    (jobs / "6.tsv").write_text(row.format("-"))  # of a job too short to be looked at
    table = job_table(study, tmp_path / "made")
    write_provenance(tmp_path / "p.html", study, results.items(), table)
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert text.count("9.8.7") == 1
    assert f"not recorded of {len(table) - 2}: crystal, seed_1/simulate/phonon_0" in text
    for cell in ("zernike/3", "zernike/6", "0.125", "300", "12.3", "456.8", "9.9", "-"):
        assert f"<td>{cell}</td>" in text
    assert "<td>seed_1/compress/zernike/3</td>" in text
    found = re.search(r"<pre>(.*)</pre>", text, re.DOTALL)
    assert found is not None
    assert json.loads(html.unescape(found[1])) == study.model_dump(mode="json")


# frozen phonons


def members(folder: Path, patterns: NDArray[np.floating]) -> list[Path]:
    """A data set of each of ``(configurations, scan_y, scan_x, ky, kx)`` patterns."""
    paths = []
    for i, part in enumerate(patterns):
        potential = np.full((2, 6, 5), float(i + 1), np.float32)
        potential[0, 2, 3] = 10 * i
        truth = Truth(Volume(potential, (0.1, 0.2), (-1.0, 2.0)), 3.0)
        paths.append(folder / f"{i}.h5")
        write_dataset(paths[-1], OPTICS, POSITIONS, part, truth)
    return paths


def all_patterns(path: Path) -> NDArray[np.floating]:
    return np.concatenate([block for _, block in read_dataset(path).blocks()])


def test_configurations_are_averaged_incoherently(tmp_path: Path) -> None:
    patterns = np.random.default_rng(0).random((3, 4, 5, 16, 14)).astype(np.float32) / 224
    average_configurations(
        members(tmp_path, patterns), tmp_path / "mean.h5", about={"config": {"study": "x"}}
    )
    mean = read_dataset(tmp_path / "mean.h5")
    expected = patterns.astype(float).mean(axis=0).reshape(20, 16, 14)
    np.testing.assert_allclose(all_patterns(tmp_path / "mean.h5"), expected, rtol=1e-6)
    np.testing.assert_array_equal(mean.positions, POSITIONS)
    assert mean.optics.detector.sampling == pytest.approx(OPTICS.detector.sampling)
    truth = mean.truth
    assert truth is not None
    found = truth.potential
    assert (found.sampling, found.origin, truth.slice_thickness) == ((0.1, 0.2), (-1.0, 2.0), 3.0)
    assert found.array[0, 2, 3] == 10
    assert found.array[1].tolist() == np.full((6, 5), 2.0).tolist()
    with open_hdf5(tmp_path / "mean.h5", "ptychobasis-dataset") as file:
        assert '"study": "x"' in file.attrs["provenance"]


def test_one_configuration_without_noise_is_kept_as_it_is(tmp_path: Path) -> None:
    patterns = np.random.default_rng(0).random((1, 4, 5, 16, 14)).astype(np.float32)
    average_configurations(members(tmp_path, patterns), tmp_path / "mean.h5")
    np.testing.assert_array_equal(all_patterns(tmp_path / "mean.h5"), patterns.reshape(20, 16, 14))


def test_noise_has_the_mean_and_variance_of_counted_electrons(tmp_path: Path) -> None:
    """Of the average, not of each configuration: the electrons are counted once."""
    electrons = 5000.0
    rates = np.random.default_rng(1).random((16, 14)) * (2 / 224)
    patterns = np.stack([np.broadcast_to(rates * f, (4, 5, 16, 14)) for f in (0.5, 1.5)])
    average_configurations(members(tmp_path, patterns), tmp_path / "mean.h5", electrons, seed=3)
    counts = all_patterns(tmp_path / "mean.h5").astype(float) * electrons
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-3)
    expected = rates * electrons
    score = (counts - expected) / np.sqrt(expected)
    n = score.size
    assert abs(score.mean()) < 4 / np.sqrt(n)
    assert abs(score.var() - 1) < 4 * np.sqrt((2 + (1 / expected).mean()) / n)
    # no two pixels or patterns share their noise
    flat = score.reshape(20, -1)
    shared = np.asarray(np.corrcoef(flat)) - np.eye(20)
    assert abs(shared).max() < 6 / np.sqrt(224)


@pytest.mark.parametrize(
    ("electrons", "kind"), [(500.0, "uint16"), (1e5, "uint32"), (1e11, "uint64"), (None, "float32")]
)
def test_a_data_set_with_noise_tells_its_dose(
    tmp_path: Path, electrons: float | None, kind: str
) -> None:
    rates = np.full((1, 4, 5, 16, 14), 0.2 / 223)
    rates[..., 8, 7] = 0.8  # nearly all electrons in one pixel
    average_configurations(members(tmp_path, rates), tmp_path / "mean.h5", electrons, seed=3)
    with open_hdf5(tmp_path / "mean.h5", "ptychobasis-dataset") as file:
        assert file["patterns"].dtype == kind
    found = read_dataset(tmp_path / "mean.h5")
    assert found.electrons_per_pattern == electrons
    bright = all_patterns(tmp_path / "mean.h5")[:, 8, 7]
    assert bright.mean() == pytest.approx(0.8, abs=4 * np.sqrt(0.8 / (electrons or 1e12) / 20))
    if electrons is not None:  # patterns that are too bright hold more electrons than was said
        assert found.scaled(2.0).electrons_per_pattern == 2 * electrons


def test_noise_follows_the_seed(tmp_path: Path) -> None:
    paths = members(tmp_path, np.full((2, 4, 5, 16, 14), 1 / 224))
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        average_configurations(paths, tmp_path / f"{name}.h5", 500, seed)
    a, b, c = (all_patterns(tmp_path / f"{name}.h5") for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert (a != c).mean() > 0.3
