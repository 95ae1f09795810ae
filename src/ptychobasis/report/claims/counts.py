"""How many numbers are enough: C1 and C2."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ptychobasis.core.variant import Variant
from ptychobasis.report.claims.evidence import reference_in_doubt
from ptychobasis.report.claims.findings import (
    Finding,
    Tables,
    listed,
    plain,
    score,
    text_of,
    volume,
)
from ptychobasis.report.names import reference_name
from ptychobasis.study.schema import Claims, Study

_PAPER_ZERNIKE, _PAPER_BINS = 36, 45


@dataclass(frozen=True)
class _Counted:
    """A statement about how many numbers are enough."""

    claim: str
    basis: str
    statement: str
    limit: str
    test: Callable[[float], bool]

    def finding(self, against: str, found: pd.Series, criterion: str, **others: Any) -> Finding:
        """The numbers `found` to be enough, by seed."""
        return Finding(
            self.claim, self.statement, f"fewest numbers, against {against}", found.tolist(),
            f"{criterion} takes {self.limit}", [self.test(count) for count in found], **others,
        )  # fmt: skip


_COUNTED = (
    _Counted("C1", "zernike", f"{_PAPER_ZERNIKE} Zernike coefficients suffice",
             f"at most {_PAPER_ZERNIKE}", lambda count: bool(count <= _PAPER_ZERNIKE)),
    _Counted("C2", "binning", f"binning needs at least {_PAPER_BINS} bins",
             f"at least {_PAPER_BINS}", lambda count: bool(count >= _PAPER_BINS)),
)  # fmt: skip


def enough_numbers(study: Study, tables: Tables) -> Iterator[Finding]:
    """C1 and C2, each against the reference and against the truth."""
    reference, keys = study.reference, study.claims
    name = reference_name(tables.summary, reference)
    doubt = reference_in_doubt(study, tables, reference, name)
    for counted in _COUNTED:
        for sweep in plain(study, counted.basis):
            largest = Variant(sweep, str(max(study.sweeps[sweep].sizes)))
            rests_on = [reference, largest]
            curves = _volume_curves(tables, sweep)
            tried = f"tried: {listed(sorted(curves['stored_values'].unique()))}"
            low = study.evaluation.band_per_angstrom[0]
            yield counted.finding(
                name, fewest(curves, keys, low),
                f"FSC ≥ {keys.threshold:g} up to {keys.up_to_per_angstrom:g} 1/Å", figure="fsc",
                details=f"{_every_threshold(curves, keys, low)}; {tried}", doubt=doubt,
                missing=_beyond(study, curves), rests_on=rests_on,
            )  # fmt: skip
            scores = volume(tables, sweep)
            if scores.empty:
                continue
            whole = score(tables, reference)
            good = scores["mean_fsc"] >= scores["seed"].map(whole) - keys.tolerance
            yield counted.finding(
                "the truth", first_of_all(scores, good),
                f"a mean FSC at most {keys.tolerance:g} below that of {name}", figure="quality",
                details=f"{name}: {text_of(whole)}; {tried}", doubt=doubt,
                rests_on=rests_on,
            )  # fmt: skip


def _volume_curves(tables: Tables, sweep: str) -> pd.DataFrame:
    curves = tables.curves
    chosen = (curves["slice"] == "volume") & (curves["against"] == "reference")
    return curves[chosen & (curves["sweep"] == sweep)]


def _beyond(study: Study, curves: pd.DataFrame) -> str:
    """Why the curves do not tell what is asked; empty if they do."""
    asked, band = study.claims.up_to_per_angstrom, study.evaluation.band_per_angstrom
    if asked > band[1]:
        return (
            f"claims.up_to_per_angstrom is {asked:g}, beyond the evaluation's band, which ends at "
            f"{band[1]:g} 1/Å"
        )
    measured = curves.groupby(["seed", "stored_values"])["q_per_angstrom"].max().min()
    if measured < asked * 0.95:  # shells have a width
        return f"curves end at {measured:.3g} 1/Å, before claims.up_to_per_angstrom"
    return ""


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
    return first_of_all(least, least["fsc"] >= keys.threshold)


def first_of_all(rows: pd.DataFrame, good: pd.Series) -> pd.Series:
    """The fewest numbers from which on all are good, by seed."""
    counts = rows["stored_values"]
    worst = counts.where(~good, -np.inf).groupby(rows["seed"]).max()
    enough = counts[good & (counts > rows["seed"].map(worst))].groupby(rows["seed"]).min()
    return enough.reindex(worst.index).astype(float).fillna(np.inf)


def _every_threshold(curves: pd.DataFrame, keys: Claims, low: float) -> str:
    """Numbers that other thresholds would ask for."""
    texts = []
    for threshold in (0.8, 0.9, 0.95):
        found = fewest(curves, keys.model_copy(update={"threshold": threshold}), low)
        counts = [f"{count:.0f}" if np.isfinite(count) else "more" for count in found]
        texts.append(f"FSC {threshold:g}: {'/'.join(counts)}")
    return "; ".join(texts)
