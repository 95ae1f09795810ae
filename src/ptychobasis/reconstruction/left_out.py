"""Patterns that a reconstruction does not see, and how well it predicts them.

A fit to the patterns that it was made from says little: a wrong geometry is fitted too. Patterns
that were left out tell whether the model holds where it was not adapted.
"""

import logging
import math

import numpy as np
import torch
from numpy.typing import NDArray

from ptychobasis.reconstruction.objective import Objective
from ptychobasis.reconstruction.result_file import WHAT_TO_TRY, LeftOut

log = logging.getLogger(__name__)

_LEAST = 8  # patterns, for a mean that means something,
_MOST = 0.1  # or this share of a small scan
_PIXELS = 2**24  # of patterns that are predicted at once, so that many do not fill the memory
_STREAM = 1  # of the random numbers of a seed


def choose_left_out(count: int, share: float, seed: int) -> NDArray[np.int64]:
    """Choose patterns to leave out, at random.

    Args:
        count: Number of patterns.
        share: Share to leave out; 0 leaves none out.
        seed: Seed of the reconstruction.

    Returns:
        Ascending indices: `share` of them and at least eight, or a tenth of fewer than 80.
    """
    if share <= 0:
        return np.empty(0, np.int64)
    wanted = max(round(share * count), min(_LEAST, int(_MOST * count)))
    drawn = np.random.default_rng([seed, _STREAM]).choice(count, wanted, replace=False)
    return np.sort(drawn).astype(np.int64)


def predict_left_out(
    objective: Objective, phase: torch.Tensor, spectrum: torch.Tensor
) -> LeftOut | None:
    """Hold what the model predicts against the patterns that were left out.

    Args:
        objective: Forward model, loss, and which patterns were left out.
        phase: Phase φ of the object, ``(slices, y, x)`` [rad]; φ + iμ with absorption.
        spectrum: Spectrum of the probe, ``(y, x)``.

    Returns:
        None where none was left out.
    """
    chosen, loss = objective.left_out, objective.loss
    if not len(chosen):
        return None
    nothing, sums = torch.zeros_like(phase), np.zeros(4)
    at_once = max(1, _PIXELS // math.prod(objective.detector.shape))
    for part in np.array_split(chosen, math.ceil(len(chosen) / at_once)):
        predicted = objective.forward.intensities(phase, spectrum, part)
        empty = objective.forward.intensities(nothing, spectrum, part)
        sums[:2] += loss.misfit(predicted, part)
        sums[2:] += loss.misfit(empty, part)[0], loss.expected_noise(predicted)
    misfit, of_empty, noise = (sums[[0, 2, 3]] / sums[1]).tolist()
    return LeftOut(
        patterns=len(chosen),
        misfit=math.sqrt(misfit),
        explained=1 - (misfit - noise) / (of_empty - noise) if of_empty > noise else math.nan,
        sigmas=math.sqrt(misfit / noise) if noise else math.nan,
        beyond_noise=math.sqrt(max(0.0, misfit - noise)),
    )


def report_left_out(found: LeftOut) -> None:
    """Say in the log how well left-out patterns were predicted, and warn where they were not."""
    noise = f", {found.sigmas:.2g} times what the counts' noise allows"
    log.info(
        "%d patterns that were left out: misfit %.2g %%%s; %.3g %% of what the sample does to them "
        "is explained",
        found.patterns, 100 * found.misfit, noise if math.isfinite(found.sigmas) else "",
        100 * found.explained,
    )  # fmt: skip
    if not found.holds:
        log.warning(
            "the model does not explain the data: it predicts %.0f %% of what the sample does to "
            "patterns that were left out. %s",
            100 * found.explained,
            WHAT_TO_TRY,
        )
