"""The depths at which the slices of the object act on the wave.

A slice stands for the slab of the sample that is nearest to its depth. Multislice takes a slab for
thin. A thick slab bends the wave while the wave spreads, so it is cut into thinner parts.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from ptychobasis.core.optics import Optics

MOST_STEPS = 500  # each keeps a wave per position, as a slice does
_AUTO = 0.28  # of λ/α²: over this distance the edge of the aperture gains a phase of 0.88 rad
_SLACK = 0.05  # of a step: what a slab may be thicker than a whole number of steps


class Steps(NamedTuple):
    """Steps in which a wave passes the object, from the entrance surface down.

    Attributes:
        depths: Depth of each step below the entrance surface, ascending [Å].
        slices: Slice of the object that acts in each step, ascending from 0. A slice with m
            steps acts in each of them with 1/m of its phase.
    """

    depths: tuple[float, ...]
    slices: tuple[int, ...]


def one_step_each(depths: Sequence[float]) -> Steps:
    """Steps of slices that each act once, at their own depth.

    Args:
        depths: Depths of the slices, ascending [Å].
    """
    return Steps(tuple(depths), tuple(range(len(depths))))


def slab_borders(depths: Sequence[float]) -> list[float]:
    """Borders of the slabs that the slices stand for, one more than there are slices [Å].

    They lie halfway between the slices. The first is the entrance surface. The sample is taken to
    end as far below the last slice as it begins above the first.

    Args:
        depths: Depths of the slices, ascending [Å].
    """
    return [0.0, *((a + b) / 2 for a, b in pairwise(depths)), depths[0] + depths[-1]]


def propagation_steps(
    depths: Sequence[float], optics: Optics, longest: float | Literal["auto"] | None = None
) -> Steps:
    """Choose the steps in which slices act.

    Each slab is cut into equal parts, as few as the longest step allows. Its slice acts in the
    middle of each part. A slab may be 5 % of a step thicker than its steps, so that a slab of 2.04
    steps is not cut into three parts. The only slice of an object acts once, at its own depth,
    since nothing says how thick it is.

    Args:
        depths: Depths of the slices, ascending [Å].
        optics: Optics of the probe.
        longest: Longest step [Å]. "auto" takes 0.28 λ/α². None lets each slice act once, at its
            own depth.
    """
    if longest is None or len(depths) == 1:
        return one_step_each(depths)
    if longest == "auto":
        longest = _AUTO * optics.wavelength / optics.semi_angle**2
    steps = list[tuple[float, int]]()
    for owner, (top, bottom) in enumerate(pairwise(slab_borders(depths))):
        count = max(1, math.ceil((bottom - top) / longest - _SLACK))
        steps += [(top + (bottom - top) * (i + 0.5) / count, owner) for i in range(count)]
    return Steps(tuple(depth for depth, _ in steps), tuple(owner for _, owner in steps))
