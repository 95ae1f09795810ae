"""A phase or a potential, slice by slice, and where it lies."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ptychobasis.core.arrays import Float, Pair
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid

_FEWEST_PIXELS = 8  # along an axis of a field that is to be compared


@dataclass(frozen=True, eq=False)
class Volume:
    """A phase or a potential on a grid with a place.

    Attributes:
        array: ``(slices, y, x)``; a phase in rad, a projected potential in V Å.
        sampling: Pixel size along (y, x) [Å].
        origin: Centre of pixel (0, 0) as (y, x) in scan coordinates [Å].
    """

    array: NDArray[np.floating]
    sampling: Pair
    origin: Pair

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[np.floating]:
        return np.array(self.array, dtype=dtype, copy=copy)

    @property
    def grid(self) -> Grid:
        """Shape and sampling of one slice."""
        _, y, x = self.array.shape
        return Grid((y, x), self.sampling)

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top edge [Å], y pointing down as rows do."""
        (dy, dx), (y, x), (ny, nx) = self.sampling, self.origin, self.grid.shape
        return x - dx / 2, x + (nx - 0.5) * dx, y + (ny - 0.5) * dy, y - dy / 2

    def cropped(self, positions: ArrayLike) -> "Volume":
        """The pixels whose centres lie in the bounding box of the scan positions.

        Args:
            positions: ``(..., 2)`` scan positions as (y, x) [Å].

        Raises:
            StudyError: The box leaves the volume or is narrower than eight pixels.
        """
        points = np.asarray(positions, float).reshape(-1, 2)
        low = np.ceil((points.min(0) - self.origin) / self.sampling - 1e-6).astype(int)
        high = np.floor((points.max(0) - self.origin) / self.sampling + 1e-6).astype(int) + 1
        if np.any(low < 0) or np.any(high > self.grid.shape):
            raise StudyError(
                f"evaluation: the scan covers pixels {low} … {high - 1} of an object of "
                f"{self.grid.shape} pixels; scan positions and object must share one coordinate "
                "system"
            )
        if np.any(high - low < _FEWEST_PIXELS):
            raise StudyError(
                f"evaluation: the scanned field is {high - low} pixels (y, x); a correlation "
                f"needs at least {_FEWEST_PIXELS} along each axis, so scan a larger area"
            )
        y, x = (o + i * d for o, i, d in zip(self.origin, low, self.sampling, strict=True))
        cut = self.array[:, low[0] : high[0], low[1] : high[1]]
        return replace(self, array=cut, origin=(float(y), float(x)))

    def on(self, grid: Grid, origin: Pair, name: str = "the volume") -> "Volume":
        """The volume on other pixels, band-limited to the coarser of the two grids.

        Args:
            grid: Shape ``(y, x)`` and sampling [Å] wanted.
            origin: Position (y, x) of the centre of the first pixel wanted [Å].
            name: What an error calls this volume.

        Raises:
            StudyError: The pixels wanted reach beyond this volume.
        """
        for axis, letter in enumerate("yx"):
            step = self.sampling[axis]
            first = self.origin[axis] - step / 2
            last = first + self.grid.shape[axis] * step
            start = origin[axis]
            stop = start + (grid.shape[axis] - 1) * grid.sampling[axis]
            if start < first - 1e-6 or stop > last + 1e-6:
                raise StudyError(
                    f"evaluation: {name} covers {letter} = {first:.4g} … {last:.4g} Å, but the "
                    f"field to compare is {start:.4g} … {stop:.4g} Å; keep the scan inside it"
                )
        return Volume(resample(self, grid, origin), grid.sampling, origin)

    def shifted(self, shift: Pair) -> "Volume":
        """The content moved by (y, x) [Å] on the same pixels; borders continue as in a mirror."""
        y, x = self.origin
        array = resample(self, self.grid, (y - shift[0], x - shift[1]))
        return replace(self, array=array)


def mirror_matrix(pixels: int, step: float, at: Float, finest: float) -> Float:
    """Matrix ``(len(at), pixels)`` that evaluates samples at any positions.

    The samples, continued beyond the borders by their mirror image, are a sum of cosines
    (DCT-II).

    Args:
        pixels: Number of the samples.
        step: Distance between them [Å].
        at: Positions from the first sample on [Å].
        finest: Sampling [Å] beyond whose Nyquist frequency cosines are left out.
    """
    order = np.arange(pixels)
    order = order[order / (pixels * step) <= (1 + 1e-9) / finest]
    analysis = np.cos(np.pi * np.outer(order, np.arange(pixels) + 0.5) / pixels)
    analysis *= np.where(order == 0, 1, 2)[:, None] / pixels
    return np.cos(np.pi * np.outer(at / step + 0.5, order) / pixels) @ analysis


def resample(volume: Volume, grid: Grid, origin: Pair) -> Float:
    """Evaluate a volume on other pixels, ``(slices, y, x)``, wherever they lie.

    Exact for what is band-limited, at any distance between the two origins; two small matrix
    products, no interpolation kernel. The volume is continued by its mirror image, so values
    are meaningful inside its borders only; a constant stays the constant it is.

    Args:
        volume: Real values.
        grid: Shape and sampling wanted; its Nyquist frequency limits the band.
        origin: Position (y, x) of the centre of the first pixel wanted [Å].
    """
    along_y, along_x = (
        mirror_matrix(
            volume.grid.shape[axis],
            volume.sampling[axis],
            origin[axis] - volume.origin[axis] + np.arange(grid.shape[axis]) * grid.sampling[axis],
            grid.sampling[axis],
        )
        for axis in (0, 1)
    )
    return along_y @ np.asarray(volume.array, np.float64) @ along_x.T
