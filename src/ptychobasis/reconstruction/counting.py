"""How many numbers a reconstruction knows, and how many it looks for.

Towards the border of the object, ever fewer probes reach a pixel. A pixel counts if it gets at
least a quarter of the largest dose of its slice. These pixels cover about the area of the scan,
without gaps where positions lie as close as the probe is wide.

The data can carry fewer numbers. A bright-field pattern is made of interferences of waves within
the aperture, so it shows the object only up to twice the aperture's radius (Rodenburg, McCallum and
Nellist, Ultramicroscopy 48 (1993) 304). A real image of area A without frequencies above q holds
π q² A independent numbers.
"""

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.grid import Grid
from ptychobasis.forward.layout import ScanLayout
from ptychobasis.forward.waves import propagator, squared_frequencies
from ptychobasis.reconstruction.result_file import Counting

LEAST_DOSE = 0.25  # of a pixel that counts, as a share of the largest dose in its slice
_ROUNDING = 1e-9  # of frequencies at the very limit


def illumination(
    layout: ScanLayout,
    spectrum: NDArray[np.complexfloating],
    wavelength: float = 0.0,
    depths: tuple[float, ...] = (0.0,),
) -> NDArray[np.float64]:
    """Intensity that the probes of all positions put into each pixel, ``(depths, y, x)``.

    The probes spread as in vacuum. Each stands on the pixel nearest to its position.

    Args:
        layout: Object and the windows of the scan positions.
        spectrum: Spectrum of the probe on the window's grid, ``(y, x)``, the zero frequency first.
        wavelength: Wavelength of the electrons [Å].
        depths: Depths below the entrance surface [Å].
    """
    height, width = layout.window.shape
    visits = np.zeros((layout.shape[0] - height + 1, layout.shape[1] - width + 1))
    np.add.at(visits, tuple(layout.starts.T), 1.0)
    doses, shape = [], layout.shape
    for depth in depths:
        wave = spectrum * propagator(layout.window, wavelength, depth)
        probe = np.abs(np.fft.fftshift(np.fft.ifft2(wave, norm="ortho"))) ** 2
        # a convolution; that of scipy.signal would take a second to import in every job
        product = np.fft.rfft2(visits, shape) * np.fft.rfft2(probe, shape)
        doses.append(np.fft.irfft2(product, shape))
    return np.stack(doses)


def count(
    knowns: tuple[int, int],
    dose: NDArray[np.floating],
    layout: ScanLayout,
    aperture: float,
    band_limit: float | None = None,
) -> Counting:
    """Count what is known and what is looked for.

    Args:
        knowns: Numbers per pattern that are compared with stored ones, and with zero.
        dose: Dose in each slice, ``(slices, y, x)``, see `illumination`.
        layout: Object and the windows of the scan positions.
        aperture: Radius of the bright-field disc [1/Å].
        band_limit: Band limit of the object [1/Å]; None is that of its pixels.
    """
    patterns = len(layout)
    largest = dose.max(axis=(1, 2), keepdims=True)
    pixels = np.count_nonzero(dose >= LEAST_DOSE * largest)
    most = np.inf if band_limit is None else band_limit
    return Counting(
        patterns=patterns,
        knowns=knowns[0] * patterns,
        zeros=knowns[1] * patterns,
        unknowns=round(pixels * _share(layout.object_grid, most)),
        unknowns_in_band=round(pixels * _share(layout.object_grid, min(most, 2 * aperture))),
    )


def _share(grid: Grid, limit: float) -> float:
    """Share of the Fourier pixels of a grid with frequencies up to `limit` [1/Å]."""
    return float(np.mean(squared_frequencies(grid) <= limit**2 * (1 + _ROUNDING)))
