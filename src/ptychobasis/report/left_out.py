"""Whether reconstructions explain their data, as patterns that were left out tell."""

from typing import NamedTuple

import pandas as pd

from ptychobasis.reconstruction.result_file import WHAT_TO_TRY

_NAMED = 5  # reconstructions that a sentence names


class Judgement(NamedTuple):
    """Verdict of left-out patterns on a study.

    Attributes:
        title: What stands above everything else; empty where every model holds.
        text: One or two sentences.
    """

    title: str
    text: str


def judge_models(summary: pd.DataFrame) -> Judgement:
    """Say whether the models of a study explain its data.

    Args:
        summary: Rows of all variants and seeds, with the columns of
            `ptychobasis.reconstruction.result_file.LeftOut` where patterns were left out.
    """
    rows = measured(summary)
    if rows.empty:
        return Judgement(
            "",
            "No patterns were left out (reconstruction.left_out: 0), so nothing here tells "
            "whether the models explain the data.",
        )
    bad = rows[~rows["left_out_holds"]]
    if bad.empty:
        worst = rows.sort_values("left_out_misfit", ascending=False, kind="stable").iloc[0]
        return Judgement(
            "",
            "Every model predicts patterns that were left out of its reconstruction; the largest "
            f"misfit is that of {_told(worst)}.",
        )
    by_misfit = bad.sort_values("left_out_misfit", ascending=False)
    named = ", ".join(_told(row) for _, row in by_misfit.head(_NAMED).iterrows())
    more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
    if len(bad) == len(rows):
        title = "The models do not explain the data"
        text = f"No reconstruction predicts patterns that were left out of it: {named}{more}."
        text += " Whatever is said below, it is not about the sample."
    else:
        title = f"{len(bad)} of {len(rows)} reconstructions do not explain their data"
        text = f"Patterns that were left out are not predicted by {named}{more}."
    return Judgement(title, f"{text} {WHAT_TO_TRY}")


def measured(summary: pd.DataFrame) -> pd.DataFrame:
    """One row for each reconstruction that patterns were left out of, with a boolean verdict."""
    if "left_out_holds" not in summary:
        return summary.iloc[:0]
    keys = [key for key in ("seed", "sweep", "size") if key in summary]
    rows = summary[summary["left_out_misfit"].notna()].drop_duplicates(keys)
    return rows.assign(left_out_holds=rows["left_out_holds"].astype(str) == "True")


def _told(row: pd.Series) -> str:
    """A reconstruction and its numbers for people."""
    seed = f", seed {row['seed']}" if "seed" in row else ""
    noise = row.get("left_out_sigmas")
    times = f", {noise:.3g} times what the counts' noise allows" if pd.notna(noise) else ""
    return (
        f"{row['sweep']}/{row['size']}{seed} ({100 * row['left_out_misfit']:.2g} %{times}, "
        f"{100 * row['left_out_explained']:.3g} % of what the sample does)"
    )
