"""The statements of the paper, each with what was measured, a criterion and a verdict.

A statement that no sweep of a study speaks to is left out; see
`ptychobasis.report.claims.findings`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ptychobasis.report.claims.findings import (
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
from ptychobasis.report.claims.probe import focus, joint_probe
from ptychobasis.study.schema import Claims, Study

_PAPER_ZERNIKE, _PAPER_BINS = 36, 45
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
        _counts, _known_probe, joint_probe, focus, _iterations, _time, _depth,
    )  # fmt: skip
    found = [finding for part in parts for finding in part(study, tables)]
    rows = [finding.row() for finding in found if finding.holds]
    return pd.DataFrame(rows, columns=list(Finding("", "", "", (), "", (), "").row()))


def fewest(curves: pd.DataFrame, keys: Claims, low: float) -> pd.Series:
    """The fewest stored numbers from which on the correlation stays high enough, by seed.

    Args:
        curves: rows of ``fsc.csv`` of one sweep's volumes against one target.
        keys: threshold and frequency.
        low: frequency from which on it counts [1/Å].

    Returns:
        Infinity for a seed for which even the most are not enough.
    """
    q = curves["q_per_angstrom"]
    inside = curves[(q >= low) & (q <= keys.up_to_per_angstrom)]
    least = inside.groupby(["seed", "stored_values"])["fsc"].min().reset_index()
    return _first_of_all(least, least["fsc"] >= keys.threshold)


def _first_of_all(rows: pd.DataFrame, good: pd.Series) -> pd.Series:
    """The fewest numbers from which on all are good, by seed."""
    counts = rows["stored_values"]
    worst = counts.where(~good, -np.inf).groupby(rows["seed"]).max()
    enough = counts[good & (counts > rows["seed"].map(worst))].groupby(rows["seed"]).min()
    return enough.reindex(worst.index).astype(float).fillna(np.inf)


@dataclass(frozen=True)
class _Counted:
    """A statement about how many numbers are enough."""

    claim: str
    basis: str
    statement: str
    limit: str
    test: Callable[[float], bool]

    def finding(self, against: str, found: pd.Series, enough: str, *, figure: str, details: str
                ) -> Finding:  # fmt: skip
        """What was `found` to be `enough`, by seed."""
        return Finding(
            self.claim, self.statement, f"fewest numbers, against {against}", found.tolist(),
            f"{enough} takes {self.limit}", [self.test(count) for count in found], figure, details,
        )  # fmt: skip


_COUNTED = (
    _Counted("C1", "zernike", f"{_PAPER_ZERNIKE} Zernike coefficients suffice",
             f"at most {_PAPER_ZERNIKE}", lambda count: bool(count <= _PAPER_ZERNIKE)),
    _Counted("C2", "binning", f"binning needs at least {_PAPER_BINS} bins",
             f"at least {_PAPER_BINS}", lambda count: bool(count >= _PAPER_BINS)),
)  # fmt: skip


def _counts(study: Study, tables: Tables) -> Iterator[Finding]:
    keys, low = study.claims, study.evaluation.band_per_angstrom[0]
    volumes = tables.curves[tables.curves["slice"] == "volume"]
    volumes = volumes[volumes["against"] == "reference"]
    for counted in _COUNTED:
        for sweep in plain(study, counted.basis):
            curves, scores = volumes[volumes["sweep"] == sweep], volume(tables, sweep)
            tried = f"tried: {listed(sorted(curves['stored_values'].unique()))}"
            yield counted.finding(
                "all pixels", fewest(curves, keys, low),
                f"FSC ≥ {keys.threshold:g} up to {keys.up_to_per_angstrom:g} 1/Å", figure="fsc",
                details=f"{_every_threshold(curves, keys, low)}; {tried}",
            )  # fmt: skip
            if scores.empty:
                continue
            whole = _reference_score(study, tables)
            good = scores["mean_fsc"] >= scores["seed"].map(whole) - keys.tolerance
            yield counted.finding(
                "the truth", _first_of_all(scores, good),
                f"a mean FSC at most {keys.tolerance:g} below that of all pixels",
                figure="quality", details=f"all pixels: {text_of(whole)}; {tried}",
            )  # fmt: skip


def _reference_score(study: Study, tables: Tables) -> pd.Series:
    """Mean FSC of the reference with the truth, by seed."""
    sweep, size = study.evaluation.reference.split("/")
    return column(volume(tables, sweep), "mean_fsc", size)


def _every_threshold(curves: pd.DataFrame, keys: Claims, low: float) -> str:
    """What other thresholds would ask for."""
    texts = []
    for threshold in (0.8, 0.9, 0.95):
        found = fewest(curves, keys.model_copy(update={"threshold": threshold}), low)
        counts = [f"{count:.0f}" if np.isfinite(count) else "more" for count in found]
        texts.append(f"FSC {threshold:g}: {'/'.join(counts)}")
    return "; ".join(texts)


def _known_probe(study: Study, tables: Tables) -> Iterator[Finding]:
    """What the data of the dark field bring, and what zeros in their place do."""
    keys = study.claims
    for sweep in plain(study, "bright-field"):
        bright = column(volume(tables, sweep), "mean_fsc", "all")
        gain = _reference_score(study, tables) - bright
        yield Finding(
            "C3", "with a known probe the dark field can be left out",
            "mean FSC that all pixels have more than those of the bright field", gain.tolist(),
            f"less than {keys.tolerance:g}", (gain < keys.tolerance).tolist(), "quality",
            f"bright field: {text_of(bright)}",
        )  # fmt: skip
    masked = sweeps_of(study, "zernike", lambda changed: set(changed) == {"dark_field"})
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
            "C3", "and so can masks there that are forced to zero",
            f"mean FSC that the best of them add to {size} masks", gain.tolist(),
            f"less than {keys.tolerance:g}", (gain < keys.tolerance).tolist(), "claims",
            f"without: {text_of(without)}, {listed(texts)}",
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
    if rows.empty or len(sizes) < 2:
        return
    needed = {
        size: rows[rows["size"] == size]
        .groupby("seed")[["epochs", "mean_fsc"]]
        .apply(lambda part: epochs_needed(part["epochs"], part["mean_fsc"]))
        for size in sizes
    }
    ratio = needed[sizes[0]] / needed[sizes[-1]]
    low, high = _sure(ratio)
    texts = [f"{size} masks: {text_of(values, '.0f')}" for size, values in needed.items()]
    yield Finding(
        "C6", "the iterations needed depend on the number of masks",
        f"epochs with {sizes[0]} masks over those with {sizes[-1]}", ratio.tolist(),
        f"above {_DEPENDS:g} or below {1 / _DEPENDS:g}, surely (mean ± 2 standard errors)",
        [_decided(low > _DEPENDS or high < 1 / _DEPENDS,
                  low > 1 / _DEPENDS and high < _DEPENDS)], "claims",
        f"epochs to {_CONVERGED:.0%} of the final FSC: {listed(texts)}",
    )  # fmt: skip


def _sure(values: pd.Series) -> tuple[float, float]:
    """Mean less and more two standard errors; one seed is sure of nothing."""
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.inf
    return float(values.mean() - 2 * error), float(values.mean() + 2 * error)


def _decided(surely: bool, surely_not: bool) -> bool | None:
    """None where the seeds differ too much to tell."""
    return surely if surely or surely_not else None


def _time(study: Study, tables: Tables) -> Iterator[Finding]:
    bins = sweeps_of(study, "binning", lambda keys: keys == {"dark_field": "bins"})
    donut = sweeps_of(study, "zernike", lambda keys: keys == {"dark_field": "donut"})
    for slow, fast in zip(bins, donut, strict=False):
        a, b = (
            tables.summary[tables.summary["sweep"] == name]
            .groupby("seed")["processor_seconds_per_epoch"]
            .mean()
            for name in (slow, fast)
        )
        ratio = a / b
        low, high = _sure(ratio)
        yield Finding(
            "C7", "binning with dark-field bins takes more time than Zernike with a donut",
            "processor seconds per epoch, over those of Zernike", ratio.tolist(),
            f"above {_COSTS:g}, surely (mean ± 2 standard errors)",
            [_decided(low > _COSTS, high < _COSTS)], "claims",
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
