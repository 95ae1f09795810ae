"""How steps, batches and penalties change in the course of a reconstruction.

Few numbers per pattern need many long steps, so the step stays for most of the run. The noise of
these steps has to settle, so the run ends with shorter steps along the gradients of larger batches.
"""

import math
from typing import Literal

_PLATEAU = 0.6  # share of the run before the step becomes shorter
_CALM = 0.8  # share of the run after which batches are larger and penalties have faded
_LARGER = 4  # by which batches are larger then
_FEWEST = 8  # positions of a batch
_BATCHES = 17  # of an epoch


def first_batch(batch: int | Literal["auto"], positions: int) -> int:
    """Scan positions of a batch at first.

    Args:
        batch: What the configuration says; "auto" asks for 17 batches, of 8 positions or more.
        positions: Number of scan positions.
    """
    return max(_FEWEST, round(positions / _BATCHES)) if batch == "auto" else batch


def batch_size(batch: int, progress: float) -> int:
    """Scan positions of a batch of one epoch.

    Args:
        batch: Scan positions of a batch at first.
        progress: Share of the run that is done.
    """
    return batch if progress < _CALM else _LARGER * batch


def decay(progress: float) -> float:
    """Length of a step relative to the first one: 1, then half a cosine down to 0.

    Args:
        progress: Share of the run that is done.
    """
    late = max(0.0, progress - _PLATEAU) / (1 - _PLATEAU)
    return (1 + math.cos(math.pi * late)) / 2


def faded(first: float, last: float, progress: float) -> float:
    """Weight of a penalty that falls exponentially.

    Args:
        first: Weight at the start.
        last: Weight that it falls to; it never rises.
        progress: Share of the run that is done.
    """
    if last >= first:
        return first
    if last <= 0:
        return first * max(0.0, 1 - progress / _CALM)
    return float(first * (last / first) ** min(1.0, progress / _CALM))
