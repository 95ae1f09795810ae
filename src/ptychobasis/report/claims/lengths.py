"""How long it takes: iterations, C6, and seconds, C7."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ptychobasis.core.variant import Variant
from ptychobasis.report.claims.findings import (
    Finding,
    Tables,
    decided,
    listed,
    surely,
    sweeps_of,
    text_of,
    volume,
    with_known_probe,
)
from ptychobasis.study.schema import Study

_CONVERGED = 0.99  # of the final correlation
_A_VOLUME = 0.9  # of the best size's: fewer numbers give no volume, however long they run
_DEPENDS = 1.25  # times as many epochs,
_COSTS = 1.1  # or seconds, count as more


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


def iterations(study: Study, tables: Tables) -> Iterator[Finding]:
    """C6, from Zernike sweeps that differ by their epochs alone."""
    names = sweeps_of(study, "zernike", lambda keys: set(keys) <= {"epochs"})
    if len({study.recon(name).epochs for name in names}) < 3:
        return
    rows = pd.concat([volume(tables, name) for name in names])
    counts = rows.groupby("size")["epochs"].nunique()
    tried = sorted(counts[counts == counts.max()].index, key=int)
    if rows.empty or len(tried) < 2:
        return
    final = _longest(rows[rows["size"].isin(tried)]).groupby("size")["mean_fsc"].mean()
    sizes = [size for size in tried if final[size] >= _A_VOLUME * final.max()]
    needed = {
        size: rows[rows["size"] == size]
        .groupby("seed")[["epochs", "mean_fsc"]]
        .apply(lambda part: epochs_needed(part["epochs"], part["mean_fsc"]))
        for size in sizes
    }
    ratio = needed[sizes[0]] / needed[sizes[-1]]
    low, high = surely(ratio)
    texts = [f"{size} masks: {text_of(values, '.0f')}" for size, values in needed.items()]
    left = [f"{size} masks (FSC {final[size]:.2f})" for size in tried if size not in sizes]
    used = _longest(rows[rows["size"].isin(sizes)])
    yield Finding(
        "C6", "the iterations needed depend on the number of masks",
        f"epochs with {sizes[0]} masks over those with {sizes[-1]}", ratio.tolist(),
        f"above {_DEPENDS:g} or below {1 / _DEPENDS:g}, surely (mean ± 2 standard errors)",
        [decided(low > _DEPENDS or high < 1 / _DEPENDS,
                 low > 1 / _DEPENDS and high < _DEPENDS)], "claims",
        f"epochs to {_CONVERGED:.0%} of the final FSC: {listed(texts)}"
        + (f"; left out, since they give no volume: {listed(left)}" if left else ""),
        rests_on=[Variant(*pair) for pair in zip(used["sweep"], used["size"], strict=True)],
        missing="only one size gives a volume" if len(sizes) < 2 else "",
    )  # fmt: skip


def _longest(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the longest run of each size."""
    return rows[rows["epochs"] == rows.groupby("size")["epochs"].transform("max")]


def seconds(study: Study, tables: Tables) -> Iterator[Finding]:
    """C7, from sweeps with a known probe that differ by their dark field."""
    bins, donut = (
        [name for name in with_known_probe(study, basis, "dark_field")
         if study.recon(name).dark_field == kind]
        for basis, kind in (("binning", "bins"), ("zernike", "donut"))
    )  # fmt: skip
    for slow, fast in zip(bins, donut, strict=False):
        a, b = (
            tables.summary[tables.summary["sweep"] == name]
            .groupby("seed")["processor_seconds_per_epoch"]
            .mean()
            for name in (slow, fast)
        )
        ratio = a / b
        low, high = surely(ratio)
        yield Finding(
            "C7", "binning with dark-field bins takes more time than Zernike with a donut",
            "processor seconds per epoch, over those of Zernike", ratio.tolist(),
            f"above {_COSTS:g}, surely (mean ± 2 standard errors)",
            [decided(low > _COSTS, high < _COSTS)], "claims",
            f"{text_of(a)} against {text_of(b)} s per epoch",
        )  # fmt: skip
