"""What multislice is made of: probe, propagator, and where the windows lie on the object."""

import math

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.grid import Grid, centred_slices
from ptychobasis.core.optics import Optics


def squared_frequencies(grid: Grid) -> NDArray[np.float64]:
    """k² [1/Å²] on ``(y, x)``, the zero frequency first."""
    ky, kx = grid.frequencies()
    return np.fft.ifftshift(ky**2 + kx**2)


def aperture(grid: Grid, optics: Optics) -> NDArray[np.float64]:
    """Amplitude of the condenser aperture on ``(y, x)``, the zero frequency first.

    The edge falls linearly over one pixel of the diffraction plane, as in abTEM: about the
    share of the pixel that the disc covers. A hard edge of whole pixels would make a probe
    whose tails reach around the window.
    """
    ky, kx = grid.frequencies()
    k = np.hypot(ky, kx)
    dy, dx = grid.reciprocal_sampling
    width = np.hypot(ky * dy, kx * dx) / np.where(k > 0, k, np.inf)
    edge = np.divide(optics.aperture - k, width, out=np.full_like(k, np.inf), where=width > 0)
    return np.fft.ifftshift(np.clip(edge + 0.5, 0, 1))


def probe_spectrum(grid: Grid, optics: Optics) -> NDArray[np.complex128]:
    """Aperture and defocus of the probe on ``(y, x)``, the zero frequency first.

    A(k) exp(iπλk²Δf); Δf > 0 is underfocus, which puts the focus below the entrance
    surface. The squared moduli add up to 1, the whole beam.
    """
    k2 = squared_frequencies(grid)
    wave = np.exp(1j * math.pi * optics.wavelength * k2 * optics.defocus) * aperture(grid, optics)
    return wave / np.linalg.norm(wave)


def crop_probe(spectrum: NDArray[np.complex128], shape: tuple[int, int]) -> NDArray[np.complex128]:
    """Spectrum ``(y, x)`` of the middle of a probe: its tails beyond a smaller window are cut.

    Args:
        spectrum: on ``(y, x)``, the zero frequency first.
        shape: pixels of the smaller window, of the same sampling.
    """
    probe = np.fft.fftshift(np.fft.ifft2(spectrum, norm="ortho"))
    middle = probe[centred_slices((probe.shape[0], probe.shape[1]), shape)]
    return np.fft.fft2(np.fft.ifftshift(middle), norm="ortho")


def propagator(grid: Grid, wavelength: float, distance: float) -> NDArray[np.complex128]:
    """Fresnel propagator exp(-iπλk²Δz) on ``(y, x)``, the zero frequency first.

    Args:
        grid: real-space grid of the wave.
        wavelength: of the electrons [Å].
        distance: Δz along the beam [Å].
    """
    return np.exp(-1j * math.pi * wavelength * distance * squared_frequencies(grid))


def within_aperture(grid: Grid, optics: Optics) -> NDArray[np.bool_]:
    """Frequencies ``(y, x)`` that the condenser aperture lets through, the zero frequency first.

    One pixel more than its radius, for the soft edge of a probe that a small window has cut.
    """
    edge = optics.aperture + math.hypot(*grid.reciprocal_sampling) / math.sqrt(2)
    return squared_frequencies(grid) <= edge**2
