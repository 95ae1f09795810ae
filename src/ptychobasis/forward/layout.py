"""Where the windows of the scan positions lie on the object."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.grid import Grid


@dataclass(frozen=True)
class Windows:
    """Where the window of each scan position lies on the object.

    Attributes:
        grid: the window, on which waves are computed.
        shape: pixels of the object along (y, x).
        origin: position of the object's pixel (0, 0) [Å].
        starts: ``(positions, 2)``, first pixel of each window.
        offsets: ``(positions, 2)``, what is left of the position below one pixel [Å].
    """

    grid: Grid
    shape: tuple[int, int]
    origin: tuple[float, float]
    starts: NDArray[np.int64]
    offsets: NDArray[np.float64]

    @property
    def object_grid(self) -> Grid:
        """Shape and sampling of one slice of the object."""
        return Grid(self.shape, self.grid.sampling)


def place_windows(grid: Grid, positions: NDArray[np.float64]) -> Windows:
    """Lay an object out that holds the window around every scan position.

    Args:
        grid: the window.
        positions: ``(positions, 2)``, scan positions (y, x) [Å].
    """
    sampling, centre = np.array(grid.sampling), np.array(grid.shape) // 2
    origin = positions.min(axis=0) - centre * sampling
    nearest = np.rint((positions - origin) / sampling).astype(np.int64)
    starts = nearest - centre
    shape = starts.max(axis=0) + np.array(grid.shape)
    return Windows(
        grid=grid,
        shape=(int(shape[0]), int(shape[1])),
        origin=(float(origin[0]), float(origin[1])),
        starts=starts,
        offsets=positions - origin - nearest * sampling,
    )


def shift_ramps(windows: Windows) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """exp(-2πi k r) along y and x that put the probe at each position in its window."""
    grid = windows.grid
    ramps = []
    for axis, frequencies in enumerate(grid.frequencies()):
        centre = grid.shape[axis] // 2 * grid.sampling[axis]
        place = centre + windows.offsets[:, axis, None]
        k = np.fft.ifftshift(frequencies.ravel())
        ramps.append(np.exp(-2j * math.pi * k * place))
    return ramps[0], ramps[1]
