"""Where the window around each scan position lies on the object."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.grid import Grid


@dataclass(frozen=True)
class ScanLayout:
    """An object, and the window of each scan position on it.

    Attributes:
        window: Grid on which waves are computed.
        shape: Pixels of the object along (y, x).
        origin: Position of the object's pixel (0, 0) as (y, x) [Å].
        starts: First pixel of each window, ``(positions, 2)``.
        offsets: Rest of each position below one pixel, ``(positions, 2)`` [Å].
    """

    window: Grid
    shape: tuple[int, int]
    origin: tuple[float, float]
    starts: NDArray[np.int64]
    offsets: NDArray[np.float64]

    def __len__(self) -> int:
        """Number of scan positions."""
        return len(self.starts)

    @property
    def object_grid(self) -> Grid:
        """Shape and sampling of one slice of the object."""
        return Grid(self.shape, self.window.sampling)

    @property
    def scanned(self) -> tuple[slice, slice]:
        """Pixels (y, x) of the object from the first to the last scan position."""
        centres = self.starts + np.array(self.window.shape) // 2
        (top, left), (bottom, right) = centres.min(axis=0), centres.max(axis=0)
        return slice(int(top), int(bottom) + 1), slice(int(left), int(right) + 1)


def lay_out_scan(window: Grid, positions: NDArray[np.float64]) -> ScanLayout:
    """Make the smallest object that holds the window around every scan position.

    Args:
        window: Grid on which waves are computed.
        positions: Scan positions as (y, x), ``(positions, 2)`` [Å].
    """
    sampling, centre = np.array(window.sampling), np.array(window.shape) // 2
    origin = positions.min(axis=0) - centre * sampling
    nearest = np.rint((positions - origin) / sampling).astype(np.int64)
    starts = nearest - centre
    shape = starts.max(axis=0) + np.array(window.shape)
    return ScanLayout(
        window=window,
        shape=(int(shape[0]), int(shape[1])),
        origin=(float(origin[0]), float(origin[1])),
        starts=starts,
        offsets=positions - origin - nearest * sampling,
    )


def shift_ramps(layout: ScanLayout) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Phase ramps that shift the probe to each scan position in its window.

    Returns:
        exp(-2πi k r) along y and along x, ``(positions, y)`` and ``(positions, x)``, the zero
        frequency first.
    """
    window = layout.window
    ramps = []
    for axis, frequencies in enumerate(window.frequencies()):
        centre = window.shape[axis] // 2 * window.sampling[axis]
        place = centre + layout.offsets[:, axis, None]
        k = np.fft.ifftshift(frequencies.ravel())
        ramps.append(np.exp(-2j * math.pi * k * place))
    return ramps[0], ramps[1]
