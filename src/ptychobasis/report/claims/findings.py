"""Findings, of which the table of claims is made, and how to find their sweeps.

What a sweep is evidence for follows from its keys, not from its name: a sweep that differs from
the study's own reconstruction by `dark_field` alone says what the dark field brings, and so on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ptychobasis.core.variant import Variant
from ptychobasis.study.schema import Study


@dataclass(frozen=True)
class Tables:
    """Tables of a study, of all seeds.

    Attributes:
        summary: ``tables/summary.csv``.
        curves: ``tables/fsc.csv``.
        depth: ``tables/depth.csv``; None for a sample that is the same at all depths.
    """

    summary: pd.DataFrame
    curves: pd.DataFrame
    depth: pd.DataFrame | None = None


@dataclass(frozen=True)
class Finding:
    """One row of the table of claims.

    Attributes:
        claim: C1 to C8.
        statement: of the paper, in a few words.
        quantity: what `values` are.
        values: one for each seed.
        criterion: when the statement holds for a seed.
        holds: whether it does, for each seed; or once for all of them together, None where they
            do not tell.
        figure: that shows it.
        details: more of what was measured.
        rests_on: reconstructions that this was measured on; their model has to explain the data.
        missing: why there is no evidence; empty if there is.
        doubt: why the evidence does not decide; empty if it may.
    """

    claim: str
    statement: str
    quantity: str
    values: Sequence[float]
    criterion: str
    holds: Sequence[bool | None]
    figure: str
    details: str = ""
    rests_on: Sequence[Variant] = ()
    missing: str = ""
    doubt: str = ""

    @property
    def verdict(self) -> str:
        """Not measured, undecided, holds, holds in part (for some seeds), or does not hold."""
        if self.missing or not self.holds:
            return "not measured"
        if self.doubt or None in self.holds:
            return "undecided"
        if all(self.holds):
            return "holds"
        return "holds in part" if any(self.holds) else "does not hold"

    def row(self) -> dict[str, Any]:
        """As a row of the table; ± is the standard deviation over the seeds."""
        known = [value for value in self.values if np.isfinite(value)]
        if self.missing:
            known = []
        why = self.missing or self.doubt
        return {
            "claim": self.claim,
            "statement": self.statement,
            "quantity": self.quantity,
            "mean": float(np.mean(known)) if known else np.nan,
            "std": float(np.std(known, ddof=1)) if len(known) > 1 else np.nan,
            "seeds": len(self.values),
            "criterion": self.criterion,
            "verdict": self.verdict,
            "details": "; ".join(text for text in (why, self.details) if text),
            "figure": self.figure,
        }


def differences(study: Study, sweep: str) -> dict[str, Any]:
    """Keys of the reconstruction that a sweep sets otherwise than the study."""
    aside = {"device", "checkpoint_seconds"}
    own, base = (
        each.model_dump(exclude=aside) for each in (study.recon(sweep), study.reconstruction)
    )
    return {key: value for key, value in own.items() if value != base[key]}


def sweeps_of(study: Study, basis: str, wanted: Callable[[dict[str, Any]], bool]) -> list[str]:
    """Sweeps of a basis, stored in full without a dose of their own, by their differences."""
    return [
        name
        for name, sweep in study.sweeps.items()
        if sweep.basis == basis
        and sweep.store == "float32"
        and sweep.dose_electrons_per_angstrom2 is None
        and wanted(differences(study, name))
    ]


def plain(study: Study, basis: str) -> list[str]:
    """Sweeps of a basis that are reconstructed as the study says."""
    return sweeps_of(study, basis, lambda keys: not keys)


def with_known_probe(study: Study, basis: str, *changed: str) -> list[str]:
    """Sweeps of a basis whose probe is known, and which change no more than these keys as well."""
    names = sweeps_of(study, basis, lambda keys: set(keys) - {"probe"} == set(changed))
    return [name for name in names if study.recon(name).probe == "known"]


def volume(tables: Tables, sweep: str, against: str = "truth") -> pd.DataFrame:
    """Rows of the volume of one sweep, one for each size and seed."""
    summary = tables.summary
    chosen = (summary["sweep"] == sweep) & (summary["slice"] == "volume")
    return summary[chosen & (summary["against"] == against)]


def column(rows: pd.DataFrame, name: str, size: str) -> pd.Series:
    """Values of one size by seed."""
    return rows[rows["size"] == size].set_index("seed")[name].sort_index()


def score(tables: Tables, variant: Variant) -> pd.Series:
    """Mean FSC of a variant's volume with the truth, by seed."""
    return column(volume(tables, variant.sweep), "mean_fsc", variant.size)


def text_of(values: pd.Series | Sequence[float], form: str = ".3f") -> str:
    """Mean ± standard deviation of what there is."""
    array = np.asarray(values, float)
    if not array.size:
        return "not measured"
    spread = f" ± {np.std(array, ddof=1):{form}}" if array.size > 1 else ""
    return f"{np.mean(array):{form}}{spread}"


def listed(numbers: Sequence[Any]) -> str:
    """Items with commas between."""
    return ", ".join(map(str, numbers))


def largest_common(study: Study, names: Sequence[str]) -> str:
    """The largest size that all these sweeps have."""
    common = set.intersection(*(set(study.sweeps[name].sizes) for name in names))
    return str(max(common)) if common else ""


def surely(values: pd.Series) -> tuple[float, float]:
    """Mean less and more two standard errors; one seed is sure of nothing."""
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.inf
    return float(values.mean() - 2 * error), float(values.mean() + 2 * error)


def decided(surely_so: bool, surely_not: bool) -> bool | None:
    """None where the seeds differ too much to tell."""
    return surely_so if surely_so or surely_not else None
