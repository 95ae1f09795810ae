"""The statements of the paper, each with what was measured, a criterion and a verdict.

A statement that no sweep of a study speaks to is left out; see `ptychobasis.findings`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ptychobasis.config import Claims, Study
from ptychobasis.findings import (
    Finding,
    Tables,
    column,
    largest_common,
    listed,
    plain,
    sweeps_of,
    text_of,
    volume,
)
from ptychobasis.tables import write_html

_PAPER_ZERNIKE, _PAPER_BINS = 36, 45
_LEAKED = 0.01  # share of the probe's energy outside the aperture that counts as kept
_DIVERGED = 10.0  # times the energy of the known probe there
_FOCUS = 2.0  # [Å] of the true focus
_CONVERGED = 0.99  # of the final correlation
_DEPENDS = 1.25  # times as many epochs,
_COSTS = 1.1  # or seconds, count as more


def judge(study: Study, tables: Tables) -> pd.DataFrame:
    """The table of claims: one row for each statement that the study measured.

    Args:
        study: the configuration.
        tables: what was measured.
    """
    parts: tuple[Callable[[Study, Tables], Iterator[Finding]], ...] = (
        _counts, _known_probe, _joint_probe, _focus, _iterations, _time, _depth,
    )  # fmt: skip
    rows = [finding.row() for part in parts for finding in part(study, tables)]
    return pd.DataFrame(rows, columns=list(Finding("", "", "", (), "", (), "").row()))


def fewest(curves: pd.DataFrame, keys: Claims, low: float) -> pd.Series:
    """The fewest stored numbers whose correlation stays high enough, by seed.

    Args:
        curves: rows of ``fsc.csv`` of one sweep's volumes against one target.
        keys: threshold and frequency.
        low: frequency from which on it counts [1/Å].

    Returns:
        NaN for a seed for which none is enough.
    """
    q = curves["q_per_angstrom"]
    inside = curves[(q >= low) & (q <= keys.up_to_per_angstrom)]
    least = inside.groupby(["seed", "stored_values"])["fsc"].min().reset_index()
    enough = least[least["fsc"] >= keys.threshold].groupby("seed")["stored_values"].min()
    return enough.reindex(sorted(curves["seed"].unique())).astype(float)


def _counts(study: Study, tables: Tables) -> Iterator[Finding]:
    keys, low = study.claims, study.evaluation.band_per_angstrom[0]
    volumes = tables.curves[tables.curves["slice"] == "volume"]
    cases = (
        ("C1", "zernike", "36 Zernike coefficients suffice", f"at most {_PAPER_ZERNIKE}",
         lambda count: count <= _PAPER_ZERNIKE),
        ("C2", "binning", "binning needs at least 45 bins", f"at least {_PAPER_BINS}",
         lambda count: count >= _PAPER_BINS),
    )  # fmt: skip
    for claim, basis, statement, limit, test in cases:
        for sweep in plain(study, basis):
            own = volumes[volumes["sweep"] == sweep]
            for against, what in (("reference", "all pixels"), ("truth", "the truth")):
                curves = own[own["against"] == against]
                if curves.empty:
                    continue
                found = fewest(curves, keys, low)
                tried = sorted(curves["stored_values"].unique())
                yield Finding(
                    claim, statement, f"fewest numbers, against {what}", found.tolist(),
                    f"FSC ≥ {keys.threshold:g} up to {keys.up_to_per_angstrom:g} 1/Å takes {limit}",
                    [bool(np.isfinite(count) and test(count)) for count in found], "fsc",
                    _every_threshold(curves, keys, low) + f"; tried: {listed(tried)}",
                )  # fmt: skip


def _every_threshold(curves: pd.DataFrame, keys: Claims, low: float) -> str:
    """What other thresholds would ask for."""
    texts = []
    for threshold in (0.8, 0.9, 0.95):
        found = fewest(curves, keys.model_copy(update={"threshold": threshold}), low)
        counts = [f"{count:.0f}" if np.isfinite(count) else "more" for count in found]
        texts.append(f"FSC {threshold:g}: {'/'.join(counts)}")
    return "; ".join(texts)


def _known_probe(study: Study, tables: Tables) -> Iterator[Finding]:
    masked = sweeps_of(study, "zernike", lambda keys: set(keys) == {"dark_field"})
    for base in plain(study, "zernike")[:1] if masked else ():
        size = largest_common(study, [base, *masked])
        if not size:
            continue
        without = column(volume(tables, base), "mean_fsc", size)
        scores = {
            study.recon(name).dark_field: column(volume(tables, name), "mean_fsc", size)
            for name in masked
        }
        gain = pd.DataFrame(scores).max(axis=1) - without
        texts = [f"{kind}: {text_of(score)}" for kind, score in scores.items()]
        yield Finding(
            "C3", "with a known probe the dark field can be left out",
            "mean FSC that the best dark-field masks add", gain.tolist(),
            f"they add less than {study.claims.tolerance:g}",
            (gain < study.claims.tolerance).tolist(), "claims",
            f"{size} masks; without: {text_of(without)}, {listed(texts)}",
        )  # fmt: skip


def _is_joint(keys: Mapping[str, Any]) -> bool:
    return keys.get("probe") == "joint" and "probe_defocus_angstrom" not in keys


def _joint_probe(study: Study, tables: Tables) -> Iterator[Finding]:
    base = plain(study, "zernike")
    for name in sweeps_of(study, "zernike", _is_joint) if base else ():
        size, settings = largest_common(study, [base[0], name]), study.recon(name)
        rows = volume(tables, name)
        if not size or "probe_outside" not in rows:
            continue
        outside = column(rows, "probe_outside", size)
        known = volume(tables, base[0])
        before = column(known, "probe_outside", size)
        lost = column(known, "mean_fsc", size) - column(rows, "mean_fsc", size)
        masks = settings.dark_field != "none"
        kept = [f"dark field ({settings.dark_field})"] * masks
        kept += ["band limit"] * settings.probe_band_limit
        details = (
            f"FSC {text_of(column(rows, 'mean_fsc', size))}, known probe "
            f"{text_of(column(known, 'mean_fsc', size))}; distance to the true probe "
            f"{text_of(column(rows, 'probe_distance', size))}"
        )
        if not kept:
            yield Finding(
                "C4", "a joint probe without dark-field masks diverges",
                "share of its energy outside the aperture", outside.tolist(),
                f"more than {_LEAKED:g} and {_DIVERGED:g} times the known probe's",
                ((outside > _LEAKED) & (outside > _DIVERGED * before)).tolist(), "probe", details,
            )  # fmt: skip
            continue
        good = (outside < _LEAKED) & (lost < study.claims.tolerance)
        yield Finding(
            "C5", f"it does not with {' and '.join(kept)}", "mean FSC less than the known probe's",
            lost.tolist(),
            f"less than {study.claims.tolerance:g}, and at most {_LEAKED:g} of the energy outside",
            good.tolist(), "probe", f"outside: {text_of(outside, '.2g')}; {details}",
        )  # fmt: skip


def _focus(study: Study, tables: Tables) -> Iterator[Finding]:
    def starts_wrong(keys: Mapping[str, Any]) -> bool:
        return "probe_defocus_angstrom" in keys

    for name in sweeps_of(study, "zernike", starts_wrong):
        settings, rows = study.recon(name), volume(tables, name)
        size = largest_common(study, [name])
        if not size or "probe_defocus" not in rows or study.microscope is None:
            continue
        wrong = settings.probe_defocus_angstrom or 0.0
        start = wrong - study.microscope.defocus_angstrom
        error = column(rows, "probe_defocus", size)
        how = "with a search of the focus" if settings.focus_search_angstrom else "by its own steps"
        yield Finding(
            "C5", f"a {settings.probe} probe {start:g} Å out of focus is put right {how}",
            "focus found, from the true one [Å]", error.tolist(), f"within {_FOCUS:g} Å",
            (error.abs() < _FOCUS).tolist(), "probe",
            f"FSC {text_of(column(rows, 'mean_fsc', size))}",
        )  # fmt: skip


def epochs_needed(epochs: Sequence[float], scores: Sequence[float]) -> float:
    """Epochs after which the score is within 1 % of that of the longest run.

    Runs of different lengths are compared, since steps that decay with the length of a run make
    any run converge at its end. Between two lengths the score is taken to be linear in the
    logarithm of the epochs; a first run that is good enough counts in full.
    """
    order = np.argsort(epochs)
    x, y = np.log(np.asarray(epochs, float)[order]), np.asarray(scores, float)[order]
    goal = _CONVERGED * y[-1]
    first = int(np.argmax(y >= goal))
    if first == 0:
        return float(np.exp(x[0]))
    share = (goal - y[first - 1]) / (y[first] - y[first - 1])
    return float(np.exp(x[first - 1] + share * (x[first] - x[first - 1])))


def _iterations(study: Study, tables: Tables) -> Iterator[Finding]:
    names = sweeps_of(study, "zernike", lambda keys: set(keys) <= {"epochs"})
    if len({study.recon(name).epochs for name in names}) < 3:
        return
    rows = pd.concat([volume(tables, name) for name in names])
    counts = rows.groupby("size")["epochs"].nunique()
    sizes = sorted(counts[counts == counts.max()].index, key=int)
    needed = {
        size: rows[rows["size"] == size]
        .groupby("seed")[["epochs", "mean_fsc"]]
        .apply(lambda part: epochs_needed(part["epochs"], part["mean_fsc"]))
        for size in sizes
    }
    ratio = pd.DataFrame(needed).max(axis=1) / pd.DataFrame(needed).min(axis=1)
    texts = [f"{size} masks: {text_of(values, '.0f')}" for size, values in needed.items()]
    yield Finding(
        "C6", "the iterations needed depend on the number of masks",
        "most epochs over fewest, between numbers of masks", ratio.tolist(),
        f"at least {_DEPENDS:g}", (ratio >= _DEPENDS).tolist(), "claims",
        f"epochs to {_CONVERGED:.0%} of the final FSC: {listed(texts)}",
    )  # fmt: skip


def _time(study: Study, tables: Tables) -> Iterator[Finding]:
    bins = sweeps_of(study, "binning", lambda keys: keys == {"dark_field": "bins"})
    donut = sweeps_of(study, "zernike", lambda keys: keys == {"dark_field": "donut"})
    for slow, fast in zip(bins, donut, strict=False):
        a, b = (
            volume(tables, name).groupby("seed")["seconds_per_epoch"].mean()
            for name in (slow, fast)
        )
        ratio = a / b
        yield Finding(
            "C7", "binning with dark-field bins takes more time than Zernike with a donut",
            "seconds per epoch, over those of Zernike", ratio.tolist(), f"at least {_COSTS:g}",
            (ratio >= _COSTS).tolist(), "claims",
            f"{text_of(a)} against {text_of(b)} s per epoch",
        )  # fmt: skip


def _depth(study: Study, tables: Tables) -> Iterator[Finding]:
    if tables.depth is None or study.crystal is None or study.crystal.substitution is None:
        return
    for sweep, size in (label.split("/") for label in study.figures.compare):
        rows = tables.depth[(tables.depth["sweep"] == sweep) & (tables.depth["size"] == size)]
        own, other, holds = [], [], []
        for _, part in rows.groupby("seed"):
            matrix = part.pivot(index="slice", columns="true_slice", values="share").to_numpy()
            diagonal = np.diag(matrix)
            rest = np.abs(matrix - np.diag(diagonal)).max(axis=1)
            own.append(float(diagonal.min()))
            other.append(float(rest.max()))
            holds.append(bool((diagonal > 0.5).all() and (diagonal > rest).all()))
        yield Finding(
            "C8", "four slices along the beam are recovered",
            f"least share of its own depth that a slice of {sweep}/{size} holds", own,
            "more than half in every slice, and more than of any other depth", holds, "depth",
            f"largest share of another depth: {text_of(other, '.2f')}",
        )  # fmt: skip


def write_claims(table: pd.DataFrame, path: str | Path, study: str) -> None:
    """Write the table of claims as a page of its own.

    Args:
        table: from `judge`.
        path: of the page.
        study: its name.
    """
    text = (
        "<p>Each statement, what was measured, and the criterion that decides; ± is the standard "
        "deviation over the seeds. A statement holds if its criterion does for every seed, in "
        "part if for some.</p>"
    )
    if table.empty:
        write_html(path, f"Claims: {study}", "<p>No sweep of this study speaks to one.</p>", "")
        return
    shown = pd.DataFrame(
        {
            "": table["claim"],
            "statement": table["statement"],
            "verdict": table["verdict"],
            "measured": table["quantity"] + ": " + table.apply(_measured, axis=1),
            "holds if": table["criterion"],
            "in detail": table["details"],
            "figure": table["figure"],
        }
    )
    html = shown.to_html(index=False, border=0, classes="left", justify="left")
    write_html(path, f"Claims: {study}", text, f'<div class="left">{html}</div>')


def _measured(row: pd.Series) -> str:
    """Mean ± standard deviation for people."""
    if not np.isfinite(row["mean"]):
        return "none of those tried"
    spread = f" ± {row['std']:.2g}" if np.isfinite(row["std"]) else ""
    return f"{row['mean']:.3g}{spread}"
