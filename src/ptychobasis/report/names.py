"""Names of variants for people. Nothing is looked up by these texts."""

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from ptychobasis.core.variant import Variant
from ptychobasis.report.figures.style import pretty


def titles(shown: Mapping[Variant, tuple[str, int]]) -> dict[Variant, str]:
    """Titles in two lines, no two of them the same.

    Where basis and numbers do not tell two variants apart, the sweep's name does, or else the
    whole variant.

    Args:
        shown: Basis and stored numbers of each variant.
    """
    plain = {variant: pretty(basis) for variant, (basis, _) in shown.items()}
    with_sweep = {
        variant: plain[variant] + _in_brackets(variant.sweep, basis)
        for variant, (basis, _) in shown.items()
    }
    whole = {variant: f"{plain[variant]} ({variant})" for variant in shown}
    numbers = {variant: f"{stored} numbers" for variant, (_, stored) in shown.items()}

    found = dict(plain)
    for longer in (with_sweep, whole):
        count = Counter((found[variant], numbers[variant]) for variant in shown)
        for variant in shown:
            if count[found[variant], numbers[variant]] > 1:
                found[variant] = longer[variant]
    return {variant: f"{found[variant]}\n{numbers[variant]}" for variant in shown}


def _in_brackets(sweep: str, basis: str) -> str:
    """A sweep's name, unless it is the basis itself."""
    return "" if sweep == basis else f" ({sweep})"


def sweep_names(table: pd.DataFrame) -> dict[str, str]:
    """A name for each sweep, no two of them the same.

    Args:
        table: With the columns sweep and basis.
    """
    bases = dict(zip(table["sweep"], table["basis"], strict=True))
    return {
        str(sweep): pretty(basis)
        if _is_plain(sweep, basis, bases)
        else f"{sweep} ({pretty(basis)})"
        for sweep, basis in bases.items()
    }


def _is_plain(sweep: str, basis: str, bases: Mapping[str, str]) -> bool:
    """Whether the basis alone names the sweep."""
    return sweep == basis or (sweep == "uncompressed" and basis == "pixels" and basis not in bases)


def reference_name(table: pd.DataFrame, reference: Variant) -> str:
    """Name of the reference, such as "all pixels" or "Zernike, 36 numbers".

    Args:
        table: With the columns sweep, size, basis and stored_values.
        reference: What others are compared with.
    """
    rows = table[(table["sweep"] == reference.sweep) & (table["size"] == reference.size)]
    if rows.empty:
        return str(reference)
    basis, stored = str(rows["basis"].iloc[0]), int(rows["stored_values"].iloc[0])
    name = pretty(basis) if reference.size == "all" else f"{pretty(basis)}, {stored} numbers"
    usual = reference.sweep in (basis, "uncompressed")
    return name if usual else f"{name} ({reference.sweep})"
