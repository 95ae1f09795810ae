"""How many numbers a reconstruction knows, and how many it looks for.

The object has ever more pixels towards its border that ever fewer probes reach. Counted are those
that get at least a quarter of the largest dose of their slice: about the area of the scan, each
position with its share of one step squared, and no gaps between positions that lie as close as
the probe is wide. Fewer than these are asked by what the data can
carry: bright-field patterns are interferences of waves within the aperture, so the object shows
only up to twice its radius (Rodenburg, McCallum and Nellist, Ultramicroscopy 48 (1993) 304). A real
image of area A without frequencies above q holds π q² A independent numbers.
"""

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.grid import Grid
from ptychobasis.forward.layout import Windows
from ptychobasis.forward.waves import propagator, squared_frequencies
from ptychobasis.reconstruction.result_file import Counts

LEAST_DOSE = 0.25  # share of the largest dose in its slice from which on a pixel counts
_ROUNDING = 1e-9  # of frequencies at the very limit


def illumination(
    windows: Windows,
    spectrum: NDArray[np.complexfloating],
    wavelength: float = 0.0,
    depths: tuple[float, ...] = (0.0,),
) -> NDArray[np.float64]:
    """Intensity that the probes of all positions put into each pixel: ``(depths, y, x)``.

    The probes spread as in vacuum, and stand on the pixel nearest to their position.

    Args:
        windows: layout of the object and of the scan.
        spectrum: ``(y, x)`` of the probe on the window's grid, the zero frequency first.
        wavelength: of the electrons [Å].
        depths: below the entrance surface [Å].
    """
    height, width = windows.grid.shape
    visits = np.zeros((windows.shape[0] - height + 1, windows.shape[1] - width + 1))
    np.add.at(visits, tuple(windows.starts.T), 1.0)
    doses, shape = [], windows.shape
    for depth in depths:
        wave = spectrum * propagator(windows.grid, wavelength, depth)
        probe = np.abs(np.fft.fftshift(np.fft.ifft2(wave, norm="ortho"))) ** 2
        # a convolution; the one of scipy.signal takes a second to import, in every job
        product = np.fft.rfft2(visits, shape) * np.fft.rfft2(probe, shape)
        doses.append(np.fft.irfft2(product, shape))
    return np.stack(doses)


def count(
    knowns: tuple[int, int],
    dose: NDArray[np.floating],
    windows: Windows,
    aperture: float,
    band_limit: float | None = None,
) -> Counts:
    """Count what is known and what is looked for.

    Args:
        knowns: numbers per pattern that are compared with stored ones, and with zero.
        dose: ``(slices, y, x)``, see `illumination`.
        windows: layout of the object and of the scan.
        aperture: radius of the bright-field disc [1/Å].
        band_limit: of the object [1/Å]; None: all that its pixels can hold.
    """
    patterns = len(windows.starts)
    largest = dose.max(axis=(1, 2), keepdims=True)
    pixels = np.count_nonzero(dose >= LEAST_DOSE * largest)
    most = np.inf if band_limit is None else band_limit
    return Counts(
        patterns=patterns,
        knowns=knowns[0] * patterns,
        zeros=knowns[1] * patterns,
        unknowns=round(pixels * _share(windows.object_grid, most)),
        unknowns_in_band=round(pixels * _share(windows.object_grid, min(most, 2 * aperture))),
    )


def _share(grid: Grid, limit: float) -> float:
    """Share of the Fourier pixels of a grid with frequencies up to `limit` [1/Å]."""
    return float(np.mean(squared_frequencies(grid) <= limit**2 * (1 + _ROUNDING)))
