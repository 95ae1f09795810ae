"""The smallest grids on which the forward model may run: what the physics asks, and no more.

Two things set the size of the model. The **pixels** of its patterns are the largest angle
that it follows: with the detector's window, n pixels reach k = n / (2 window). The **window**
of its waves is what the probe must fit into on its way through the sample; the far field is
still computed on the pixels of the detector, by a last transform that is padded.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid, centred_slices
from ptychobasis.core.optics import Optics
from ptychobasis.forward.waves import probe_spectrum, propagator
from ptychobasis.reconstruction.settings import ReconstructionConfig

# Chosen on silicon (92 Å) and strontium titanate (23 Å); benchmarks/grids.py measures them
APERTURES = 3.0  # least half width of the model's patterns, in radii of the bright-field disc
SCATTERED = 0.985  # electrons that must be within it,
PROBE = 0.993  # and share of the probe that the window must hold at the depth of every slice


def model_grids(data: Compressed, settings: ReconstructionConfig) -> tuple[Grid, Grid]:
    """Grids of the model's patterns and of its waves.

    Returns:
        The detector's window with the pixels of the patterns, and the window of the waves
        with the same sampling.

    Raises:
        StudyError: the window asked for is larger than the detector's.
    """
    detector = data.optics.detector
    if settings.model_pixels == "auto":
        detector = detector.with_shape(fewest_pixels(data.optics, data.scattering))
    elif settings.model_pixels is not None:
        detector = detector.with_shape(settings.model_pixels)
    if settings.window_angstrom is None:
        return detector, detector
    if settings.window_angstrom == "auto":
        depths = settings.slice_depths_angstrom
        shape = max(smallest_window(each, detector, depths) for each in _foci(data, settings))
    else:
        shape = _pixels_of(detector, settings.window_angstrom)
    return detector, Grid(shape, detector.sampling)


def start_optics(data: Compressed, settings: ReconstructionConfig) -> Optics:
    """Optics of the data, with the defocus that the reconstruction is to start from."""
    if settings.probe_defocus_angstrom is None:
        return data.optics
    return replace(data.optics, defocus=settings.probe_defocus_angstrom)


def _foci(data: Compressed, settings: ReconstructionConfig) -> list[Optics]:
    """The optics that the start and a search of the focus may have, at their ends."""
    optics, reach = start_optics(data, settings), settings.focus_search_angstrom
    return [replace(optics, defocus=optics.defocus + sign * reach) for sign in (-1, 0, 1)]


def fewest_pixels(optics: Optics, scattering: NDArray[np.floating] | None) -> tuple[int, int]:
    """Pixels (y, x) of patterns that hold all that a model need follow.

    They reach to three radii of the bright-field disc, and as far as `SCATTERED` of the
    electrons go: a sample that scatters further asks for more. Where that is beyond the
    detector, or how far the sample scatters is not known, they are the detector's.

    Args:
        optics: probe and detector.
        scattering: ``(2, n)``, frequencies [1/Å] and the fraction of the incident electrons
            that the mean pattern holds within each.
    """
    enough = [] if scattering is None else scattering[0][scattering[1] >= SCATTERED]
    if not len(enough):
        return optics.detector.shape
    return pixels_reaching(optics, max(APERTURES * optics.aperture, float(enough[0])))


def pixels_reaching(optics: Optics, frequency: float) -> tuple[int, int]:
    """Pixels (y, x), up to the detector's, of patterns that reach to a frequency [1/Å]."""
    y, x = (
        min(next_fast_even(2 * frequency * length), most)
        for length, most in zip(optics.detector.extent, optics.detector.shape, strict=True)
    )
    return y, x


def smallest_window(optics: Optics, detector: Grid, depths: tuple[float, ...]) -> tuple[int, int]:
    """Pixels (y, x) of a window that holds `PROBE` of the probe at all depths.

    The probe is propagated through vacuum; both sides of the window shrink alike.

    Args:
        optics: of the probe.
        detector: grid of the model's patterns, the largest window.
        depths: of the slices [Å].
    """
    spectrum = probe_spectrum(detector, optics)
    waves = (
        np.fft.ifft2(spectrum * propagator(detector, optics.wavelength, depth), norm="ortho")
        for depth in (0.0, *depths)
    )
    probes = [np.fft.fftshift(np.abs(wave) ** 2) for wave in waves]
    for part in range(1, 33):
        y, x = (min(next_fast_even(n * part / 32), n) for n in detector.shape)
        middle = centred_slices(detector.shape, (y, x))
        if min(probe[middle].sum() for probe in probes) >= PROBE:
            return y, x
    return detector.shape


def _pixels_of(detector: Grid, window: tuple[float, float]) -> tuple[int, int]:
    """Pixels (y, x) of a window of about this size [Å] within the detector's."""
    if any(own > most + 1e-9 for own, most in zip(window, detector.extent, strict=True)):
        raise StudyError(
            f"reconstruction.window_angstrom is {list(window)}; allowed: up to the detector's, "
            f"{detector.extent[0]:g} x {detector.extent[1]:g} Å"
        )
    y, x = (max(2, round(a / d)) for a, d in zip(window, detector.sampling, strict=True))
    return y, x


def next_fast_even(length: float) -> int:
    """The next even number of pixels that FFTs are fast with."""
    return 2 * int(next_fast_len(int(np.ceil(length / 2 - 1e-6)), real=False))
