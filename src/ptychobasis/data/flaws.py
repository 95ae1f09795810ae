"""Frames and pixels of a data set that cannot be right: each is judged against the others.

A frame is one diffraction pattern. Thresholds are wide: a sample may scatter half of the electrons
beyond the detector, and a pixel at the edge of the disc may be ten times as bright as its
neighbour. What they catch is no sample.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from ptychobasis.core.arrays import Float
from ptychobasis.core.optics import Optics

_EMPTY = 0.1  # of the median total
_OVERFULL = 3.0  # times the median total
_WHOLE = 1.05  # electrons that arrive, over those that came in,
_SIGMAS = 6.0  # and as many standard deviations of the counts
_DEAD = 0.05  # of what the pixels around see
_HOT = 4.0  # times as much as the third brightest of the eight pixels around
_DARK = 0.01  # of the disc's mean: below that a hot pixel does no harm
_NAMED = 5  # of the places that a message names


@dataclass
class Tally:
    """Sums that one pass through a data set collects.

    Attributes:
        mean: ``(ky, kx)``, mean pattern.
        totals: ``(n,)``, sum of each pattern.
        brightest: ``(n,)``, brightest pixel of each pattern.
        saturated: ``(ky, kx)``, how often a pixel held the largest number of its type.
    """

    mean: Float
    totals: Float
    brightest: Float
    saturated: NDArray[np.int64]


@dataclass(frozen=True)
class Flaws:
    """Frames and pixels that are to be left out.

    Attributes:
        frames: Why, by the index (row, column) of the scan.
        pixels: Why, by the index (ky, kx) of the detector.
    """

    frames: dict[tuple[int, int], str] = field(default_factory=dict)
    pixels: dict[tuple[int, int], str] = field(default_factory=dict)

    def and_(self, others: "Flaws") -> "Flaws":
        """These and others."""
        return Flaws({**self.frames, **others.frames}, {**self.pixels, **others.pixels})

    def __bool__(self) -> bool:
        return bool(self.frames or self.pixels)

    def __str__(self) -> str:
        parts = []
        for what, found in (("pattern", self.frames), ("detector pixel", self.pixels)):
            for why in dict.fromkeys(found.values()):
                places = [str(place) for place, reason in found.items() if reason == why]
                more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
                plural = "s" if len(places) > 1 else ""
                parts.append(f"{what}{plural} {', '.join(places[:_NAMED])}{more}: {why}")
        return "; ".join(parts)


def flaws_of(checks: Mapping[str, Any]) -> Flaws:
    """The flaws that the file of checks lists."""
    frames, pixels = (
        {(i, j): why for i, j, why in checks[key]} for key in ("bad_frames", "bad_pixels")
    )
    return Flaws(frames, pixels)


def find_flaws(
    tally: Tally,
    optics: Optics,
    columns: int,
    electrons: float | None,
    known: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> Flaws:
    """Find bad frames and bad pixels.

    Args:
        tally: What a pass through the data set collected.
        optics: Probe and detector.
        columns: Columns of the scan.
        electrons: Incident electrons per pattern; None where it is not known.
        known: Pixels ``(ky, kx)`` and frames ``(n,)`` that are marked as bad already.
    """
    pixels, frames = known
    full = (tally.saturated > 0) & ~pixels
    if full.any():  # such a pixel outshines all others, so nothing else can be judged
        why = "at the largest number that its type holds"
        return Flaws(pixels={(int(y), int(x)): why for y, x in np.argwhere(full)})
    found = {
        divmod(int(i), columns): why
        for i, why in _bad_frames(tally, electrons, ~frames)
        if not frames[i]
    }
    spots = {(int(y), int(x)): why for (y, x), why in _bad_pixels(tally, optics, electrons, pixels)}
    return Flaws(found, spots)


def _bad_frames(
    tally: Tally, electrons: float | None, good: NDArray[np.bool_]
) -> list[tuple[int, str]]:
    """Index and reason of each."""
    totals = tally.totals
    middle = float(np.median(totals[good])) if good.any() else 0.0
    whole = _WHOLE + _SIGMAS / np.sqrt(electrons or np.inf)
    reasons = (
        (totals < _EMPTY * middle, "empty, or nearly so"),
        (totals > _OVERFULL * middle, f"more than {_OVERFULL:g} times the electrons of the others"),
        (totals > max(whole, 1.0), "more electrons than came in"),
        (tally.brightest > whole, "more electrons in one pixel than came in"),
    )
    found: dict[int, str] = {}
    for bad, why in reasons:
        for i in np.flatnonzero(bad):
            found.setdefault(int(i), why)
    return sorted(found.items())


def _bad_pixels(
    tally: Tally, optics: Optics, electrons: float | None, known: NDArray[np.bool_]
) -> list[tuple[tuple[int, int], str]]:
    """Index and reason of each."""
    inside = optics.polar_frequencies()[0] < 0.9
    filled = np.where(known, _brightest_around(tally.mean, known), tally.mean)
    usual = median_filter(filled, size=5, mode="nearest")
    level = float(np.median(filled[inside])) if inside.any() else 0.0
    counted = (electrons or np.inf) * len(tally.totals)  # counts of a mean of one
    noise = _SIGMAS / np.sqrt(counted)
    dead = inside & (tally.mean < _DEAD * usual) & (usual > noise**2)
    around = _brightest_around(tally.mean, known | dead)
    reasons = (
        (dead, "dead: it sees next to nothing within the disc"),
        (
            (tally.mean > _HOT * around + noise * np.sqrt(around + 1 / counted))
            & (tally.mean > _DARK * level),
            "hot: far brighter than the pixels around it",
        ),
    )
    found: dict[tuple[int, int], str] = {}
    for bad, why in reasons:
        for y, x in np.argwhere(bad & ~known):
            found.setdefault((int(y), int(x)), why)
    return sorted(found.items())


def _brightest_around(pattern: Float, bad: NDArray[np.bool_]) -> Float:
    """The third brightest of the eight pixels around each; the brightest where some are bad.

    A column of hot pixels has two of them around each of its own. At the tip of a disc three of
    the eight pixels are bright.
    """
    ny, nx = pattern.shape
    padded = np.pad(np.where(bad, -np.inf, pattern), 1, constant_values=-np.inf)
    touched = np.pad(bad, 1)
    places = [(dy, dx) for dy in range(3) for dx in range(3) if (dy, dx) != (1, 1)]
    ordered = np.sort([padded[dy : dy + ny, dx : dx + nx] for dy, dx in places], axis=0)
    beside = np.any([touched[dy : dy + ny, dx : dx + nx] for dy, dx in places], axis=0)
    found = np.where(beside, ordered[-1], ordered[-3])
    return np.where(np.isfinite(found), found, 0.0)
