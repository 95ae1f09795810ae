"""What multislice is made of: probe, propagator, and where the windows lie on the object."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ptychobasis.grid import Grid, centred_slices
from ptychobasis.optics import Optics


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
