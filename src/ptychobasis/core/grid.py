"""Shape and sampling of an array, kept together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grid:
    """A real-space grid with axes (y, x).

    Attributes:
        shape: pixels along (y, x).
        sampling: pixel size along (y, x) [Å].
    """

    shape: tuple[int, int]
    sampling: tuple[float, float]

    @property
    def extent(self) -> tuple[float, float]:
        """Size along (y, x) [Å]."""
        return self.shape[0] * self.sampling[0], self.shape[1] * self.sampling[1]

    @property
    def reciprocal_sampling(self) -> tuple[float, float]:
        """Pixel size of the diffraction plane along (y, x) [1/Å]."""
        return 1 / self.extent[0], 1 / self.extent[1]

    def frequencies(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centred spatial frequencies (k_y as a column, k_x as a row) [1/Å]."""
        ky, kx = (
            np.fft.fftshift(np.fft.fftfreq(n, d))
            for n, d in zip(self.shape, self.sampling, strict=True)
        )
        return ky[:, None], kx[None, :]

    def with_shape(self, shape: tuple[int, int]) -> "Grid":
        """The same window sampled by another number of pixels."""
        ly, lx = self.extent
        return Grid(shape, (ly / shape[0], lx / shape[1]))


def centred_slices(outer: tuple[int, int], inner: tuple[int, int]) -> tuple[slice, slice]:
    """Slices that cut `inner` from `outer` so that the zero frequency (n // 2) stays centred."""
    start = [o // 2 - i // 2 for o, i in zip(outer, inner, strict=True)]
    if min(start) < 0 or any(s + i > o for s, i, o in zip(start, inner, outer, strict=True)):
        raise ValueError(f"{inner} does not fit into {outer}")
    return slice(start[0], start[0] + inner[0]), slice(start[1], start[1] + inner[1])
