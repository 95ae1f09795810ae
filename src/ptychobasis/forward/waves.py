"""The optics of multislice: aperture, probe and propagator, each a function of a grid."""

import math

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.grid import Grid, centred_slices
from ptychobasis.core.optics import Optics


def squared_frequencies(grid: Grid) -> NDArray[np.float64]:
    """Squared frequencies k² ``(y, x)`` [1/Å²], the zero frequency first."""
    ky, kx = grid.frequencies()
    return np.fft.ifftshift(ky**2 + kx**2)


def aperture(grid: Grid, optics: Optics) -> NDArray[np.float64]:
    """Amplitude ``(y, x)`` of the condenser aperture, the zero frequency first.

    The edge falls linearly over one pixel of the diffraction plane, as in abTEM. This is about
    the share of the pixel that the disc covers. A hard edge of whole pixels would make a probe
    whose tails reach around the window.
    """
    ky, kx = grid.frequencies()
    k = np.hypot(ky, kx)
    dy, dx = grid.reciprocal_sampling
    width = np.hypot(ky * dy, kx * dx) / np.where(k > 0, k, np.inf)
    edge = np.divide(optics.aperture - k, width, out=np.full_like(k, np.inf), where=width > 0)
    return np.fft.ifftshift(np.clip(edge + 0.5, 0, 1))


def probe_spectrum(grid: Grid, optics: Optics) -> NDArray[np.complex128]:
    """Spectrum ``(y, x)`` of a probe with an aperture and a defocus, the zero frequency first.

    It is A(k) exp(iπλk²Δf). Δf > 0 is underfocus, which puts the focus below the entrance
    surface. The squared moduli add up to 1, the whole beam.
    """
    k2 = squared_frequencies(grid)
    wave = np.exp(1j * math.pi * optics.wavelength * k2 * optics.defocus) * aperture(grid, optics)
    return wave / np.linalg.norm(wave)


def crop_probe(spectrum: NDArray[np.complex128], shape: tuple[int, int]) -> NDArray[np.complex128]:
    """Spectrum ``(y, x)`` of a probe in a smaller window, which cuts its tails.

    Args:
        spectrum: Spectrum ``(y, x)`` of the probe, the zero frequency first.
        shape: Pixels (y, x) of the smaller window, which has the same sampling.
    """
    probe = np.fft.fftshift(np.fft.ifft2(spectrum, norm="ortho"))
    middle = probe[centred_slices((probe.shape[0], probe.shape[1]), shape)]
    return np.fft.fft2(np.fft.ifftshift(middle), norm="ortho")


def propagator(grid: Grid, wavelength: float, distance: float) -> NDArray[np.complex128]:
    """Fresnel propagator exp(-iπλk²Δz) ``(y, x)``, the zero frequency first.

    Args:
        grid: Real-space grid of the wave.
        wavelength: Wavelength of the electrons [Å].
        distance: Distance Δz along the beam [Å].
    """
    return np.exp(-1j * math.pi * wavelength * distance * squared_frequencies(grid))


def within_aperture(grid: Grid, optics: Optics) -> NDArray[np.bool_]:
    """Whether the condenser aperture lets each frequency ``(y, x)`` through, zero first.

    The radius is one pixel larger than the aperture's. The edge of a probe is soft, above all
    where a small window has cut its tails.
    """
    edge = optics.aperture + math.hypot(*grid.reciprocal_sampling) / math.sqrt(2)
    return squared_frequencies(grid) <= edge**2
