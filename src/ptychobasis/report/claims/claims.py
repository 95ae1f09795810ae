"""The statements of the paper, each with what was measured, a criterion and a verdict.

A statement that no sweep of a study speaks to is left out; see
`ptychobasis.report.claims.findings`.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from ptychobasis.report.claims.counts import enough_numbers
from ptychobasis.report.claims.evidence import weighed
from ptychobasis.report.claims.findings import Finding, Tables, text_of
from ptychobasis.report.claims.known_probe import known_probe
from ptychobasis.report.claims.lengths import iterations, seconds
from ptychobasis.report.claims.probe import focus, joint_probe
from ptychobasis.study.schema import Study


def table_of_claims(study: Study, tables: Tables) -> pd.DataFrame:
    """One row for each statement of the paper that the study has sweeps for.

    Args:
        study: the configuration.
        tables: what was measured.

    Returns:
        claim, statement, quantity, mean, std, seeds, criterion, verdict, details, figure.
    """
    parts: tuple[Callable[[Study, Tables], Iterator[Finding]], ...] = (
        enough_numbers, known_probe, joint_probe, focus, iterations, seconds, depth,
    )  # fmt: skip
    found = [finding for part in parts for finding in part(study, tables)]
    rows = [weighed(each, tables).row() for each in found if each.holds or each.missing]
    return pd.DataFrame(rows, columns=list(Finding("", "", "", (), "", (), "").row()))


def depth(study: Study, tables: Tables) -> Iterator[Finding]:
    """C8, from a sample whose slices differ."""
    if tables.depth is None or study.crystal is None or study.crystal.substitution is None:
        return
    table = tables.depth
    for variant in study.compared:
        rows = table[(table["sweep"] == variant.sweep) & (table["size"] == variant.size)]
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
            f"least share of its own depth that a slice of {variant} holds", own,
            "more than half in every slice, and more than of any other depth", holds, "depth",
            f"largest share of another depth: {text_of(other, '.2f')}", rests_on=[variant],
        )  # fmt: skip
