"""Whether there is evidence: runs that differ, a sound reference, data that are explained."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ptychobasis.core.variant import Variant
from ptychobasis.report.claims.findings import Finding, Tables, plain, score, text_of
from ptychobasis.study.schema import Study

_WORSE = 0.002  # of mean FSC: about what two seeds differ by
_SAME = 1e-6  # relative difference of numbers of two runs that are the same


def same_runs(tables: Tables, first: Variant, second: Variant) -> bool:
    """Whether two reconstructions came out the same for every seed.

    Then what they set differently had no effect, and their comparison tells nothing: a joint
    probe, say, whose first epoch lies behind the last.
    """
    summary = tables.summary
    keys = [name for name in ("mean_fsc", "final_loss", "probe_distance") if name in summary]
    rows = [
        summary[(summary["sweep"] == sweep) & (summary["size"] == size)]
        .sort_values(["seed", "against", "slice"])[keys]
        .to_numpy(float)
        for sweep, size in (first, second)
    ]
    if rows[0].shape != rows[1].shape or not rows[0].size or "final_loss" not in keys:
        return False
    return bool(np.allclose(rows[0], rows[1], rtol=_SAME, atol=0, equal_nan=True))


def reference_in_doubt(study: Study, tables: Tables, reference: Variant, name: str) -> str:
    """Why a reference is no measure of what others lose; empty if it is one.

    A reference that is further from the truth than the bright field alone has a model that its
    own numbers lead astray.
    """
    for sweep in plain(study, "bright-field"):
        bright, whole = score(tables, Variant(sweep, "all")), score(tables, reference)
        if len(whole) and (whole - bright).mean() < -_WORSE:
            return (
                f"the reconstruction from {name} is further from the truth than the bright field, "
                f"FSC {text_of(whole)} against {text_of(bright)}"
            )
    return ""


def unexplained(tables: Tables, variants: Iterable[Variant]) -> str:
    """Which reconstructions do not explain the data; empty if all do, or if nobody measured it.

    Left-out patterns tell, see `ptychobasis.reconstruction.result_file.LeftOut`: by the column
    `left_out_holds` of the summary.
    """
    summary = tables.summary
    if "left_out_holds" not in summary:
        return ""
    texts = []
    for variant in dict.fromkeys(variants):
        rows = summary[(summary["sweep"] == variant.sweep) & (summary["size"] == variant.size)]
        bad = rows[rows["left_out_holds"].astype(str) == "False"]  # empty where nobody measured
        if len(bad):
            misfit = bad["left_out_misfit"].max()
            texts.append(f"{variant} (misfit of left-out patterns {100 * misfit:.2g} %)")
    return f"the model does not explain the data: {', '.join(texts)}" if texts else ""


def weighed(finding: Finding, tables: Tables) -> Finding:
    """A finding, in doubt where the data that it rests on are not explained."""
    if finding.missing or finding.doubt:
        return finding
    return replace(finding, doubt=unexplained(tables, finding.rests_on))
