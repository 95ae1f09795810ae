"""The smallest grids on which the forward model may run.

Two things set their size. The **pixels** of the patterns give the largest angle that the model
follows: with the detector's window, n pixels reach k = n / (2 window). The probe must fit into
the **window** of the waves on its way through the sample. The far field is still computed on the
pixels of the detector, by a last transform that is padded.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.core.errors import StudyError
from ptychobasis.core.fft_size import fast_even_size
from ptychobasis.core.grid import Grid, centred_slices
from ptychobasis.core.optics import Optics
from ptychobasis.forward.steps import propagation_steps
from ptychobasis.forward.waves import probe_spectrum, propagator
from ptychobasis.reconstruction.settings import ReconstructionSettings

# All but the last were chosen on silicon (92 Å) and strontium titanate (23 Å); benchmarks/grids.py
# measures them. The last was chosen on the panel: with a window of 7 λ/α all pixels of MoS2 have
# FSC 0.90, of MgO at 300 kV 0.95; with 10 λ/α 0.99 and 0.97.
APERTURES = 3.0  # least half width of the model's patterns, in radii of the bright-field disc
SCATTERED = 0.985  # least share of the electrons within this half width
PROBE = 0.993  # least share of the probe within the window, at the depth of every slice
WIDTH = 10.0  # least edge of the window in units of λ/α, for the long tails of a probe in focus


def forward_grids(data: Compressed, settings: ReconstructionSettings) -> tuple[Grid, Grid]:
    """Choose the grids of the forward model's patterns and of its waves.

    Args:
        data: Numbers that were stored, with their optics.
        settings: Keys of the configuration.

    Returns:
        The detector's window with the pixels of the patterns, and the window of the waves
        with the same sampling.

    Raises:
        StudyError: The window asked for is larger than the detector's.
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
        steps = propagation_steps(depths, data.optics, settings.propagation_step_angstrom)
        depths = (*depths, steps.depths[-1])
        shape = max(smallest_window(each, detector, depths) for each in _foci(data, settings))
    else:
        shape = _pixels_of(detector, settings.window_angstrom)
    return detector, Grid(shape, detector.sampling)


def start_optics(data: Compressed, settings: ReconstructionSettings) -> Optics:
    """Optics of the data, with the defocus at which the reconstruction starts."""
    if settings.probe_defocus_angstrom is None:
        return data.optics
    return replace(data.optics, defocus=settings.probe_defocus_angstrom)


def _foci(data: Compressed, settings: ReconstructionSettings) -> list[Optics]:
    """Optics with the smallest, the middle and the largest defocus of a search."""
    optics, reach = start_optics(data, settings), settings.focus_search_angstrom
    return [replace(optics, defocus=optics.defocus + sign * reach) for sign in (-1, 0, 1)]


def fewest_pixels(optics: Optics, scattering: NDArray[np.floating] | None) -> tuple[int, int]:
    """Pixels (y, x) of the smallest patterns that the forward model may have.

    They reach to three radii of the bright-field disc, and as far as `SCATTERED` of the
    electrons go. Where that is beyond the detector, or not known, they are the detector's.

    Args:
        optics: Probe and detector.
        scattering: Frequencies [1/Å] and the fraction of the incident electrons that the mean
            pattern holds within each, ``(2, n)``; None where it is not known.
    """
    enough = [] if scattering is None else scattering[0][scattering[1] >= SCATTERED]
    if not len(enough):
        return optics.detector.shape
    return pixels_reaching(optics, max(APERTURES * optics.aperture, float(enough[0])))


def pixels_reaching(optics: Optics, frequency: float) -> tuple[int, int]:
    """Pixels (y, x), up to the detector's, of patterns that reach to a frequency.

    Args:
        optics: Probe and detector.
        frequency: Frequency to be reached [1/Å].
    """
    y, x = (
        min(fast_even_size(2 * frequency * length), most)
        for length, most in zip(optics.detector.extent, optics.detector.shape, strict=True)
    )
    return y, x


def smallest_window(optics: Optics, detector: Grid, depths: tuple[float, ...]) -> tuple[int, int]:
    """Pixels (y, x) of the smallest window that holds `PROBE` of the probe at all depths.

    The probe is propagated through vacuum. Both sides of the window shrink alike. No side is
    shorter than `WIDTH`, or than the detector's window where that is shorter.

    Args:
        optics: Optics of the probe.
        detector: Grid of the patterns, which is the largest window.
        depths: Depths below the entrance surface that the waves reach [Å].
    """
    spectrum = probe_spectrum(detector, optics)
    waves = (
        np.fft.ifft2(spectrum * propagator(detector, optics.wavelength, depth), norm="ortho")
        for depth in (0.0, *depths)
    )
    probes = [np.fft.fftshift(np.abs(wave) ** 2) for wave in waves]
    for part in range(1, 33):
        y, x = (min(fast_even_size(n * part / 32), n) for n in detector.shape)
        middle = centred_slices(detector.shape, (y, x))
        wide = all(
            length >= min(WIDTH / optics.aperture, most)
            for length, most in zip(
                Grid((y, x), detector.sampling).extent, detector.extent, strict=True
            )
        )
        if wide and min(probe[middle].sum() for probe in probes) >= PROBE:
            return y, x
    return detector.shape


def _pixels_of(detector: Grid, window: tuple[float, float]) -> tuple[int, int]:
    """Pixels (y, x) of a window of about this size [Å].

    Raises:
        StudyError: It is larger than the detector's.
    """
    if any(own > most + 1e-9 for own, most in zip(window, detector.extent, strict=True)):
        raise StudyError(
            f"reconstruction.window_angstrom is {list(window)}; allowed: up to the detector's, "
            f"{detector.extent[0]:g} x {detector.extent[1]:g} Å"
        )
    y, x = (max(2, round(a / d)) for a, d in zip(window, detector.sampling, strict=True))
    return y, x
