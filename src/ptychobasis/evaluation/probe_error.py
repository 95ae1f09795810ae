"""The probe as an unknown: where it may be, where its focus lies, and how far off it ended.

A probe that is optimised with the object can put what it likes into the part of the diffraction
plane that no stored number sees. The condenser aperture tells where its spectrum may be at all.
"""

import logging
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.forward.waves import crop_probe, probe_spectrum, within_aperture

log = logging.getLogger(__name__)

Complex = NDArray[np.complexfloating]


_FINER = 8  # pixels per pixel when two probes are laid over each other,
_MOST_PIXELS = 1024  # along an axis of them


@dataclass(frozen=True)
class ProbeError:
    """How a probe differs from the true one.

    Attributes:
        outside: share of its energy outside the condenser aperture.
        distance: ‖P/‖P‖ - T/‖T‖‖ of probe P and true probe T, after the phase and the lateral
            shift that make it smallest: what no pattern can tell, because the object makes up
            for them. 0 is the same probe, √2 one that has nothing in common with it.
        defocus: how much further below the entrance surface than the true probe's its focus
            lies [Å].
        norm: ‖P‖, of a beam that is 1.
    """

    outside: float
    distance: float
    defocus: float
    norm: float


def compare_probes(probe: Complex, sampling: tuple[float, float], optics: Optics) -> ProbeError:
    """How a reconstructed probe differs from that of the optics.

    Args:
        probe: ``(y, x)``, in real space, centred.
        sampling: of its pixels along (y, x) [Å].
        optics: of the true probe.
    """
    grid = Grid((probe.shape[0], probe.shape[1]), sampling)
    spectrum = np.fft.fft2(np.fft.ifftshift(probe), norm="ortho")
    energy = np.abs(spectrum) ** 2
    inside = within_aperture(grid, optics)

    def overlap(defocus: float) -> float:
        return _overlap(spectrum, _true(grid, replace(optics, defocus=optics.defocus + defocus)))

    # from a coarse scan: far from the best focus the overlap has more than one maximum
    coarse = np.arange(-60.0, 61.0, 5.0)
    near = coarse[np.argmax([overlap(value) for value in coarse])]
    focus = minimize_scalar(lambda z: -overlap(z), bounds=(near - 5, near + 5), method="bounded")
    return ProbeError(
        outside=float(energy[~inside].sum() / energy.sum()),
        distance=math.sqrt(max(0.0, 2 - 2 * overlap(0.0))),
        defocus=float(focus.x),
        norm=float(np.sqrt(energy.sum())),
    )


def true_probe(grid: Grid, optics: Optics) -> Complex:
    """The probe of the optics ``(y, x)`` on the pixels of `grid`, in real space, centred."""
    return np.fft.fftshift(np.fft.ifft2(_true(grid, optics), norm="ortho"))


def _true(grid: Grid, optics: Optics) -> Complex:
    """Spectrum of the true probe within the window of `grid`."""
    shape = tuple(
        max(own, round(length / step))
        for own, length, step in zip(grid.shape, optics.detector.extent, grid.sampling, strict=True)
    )
    whole = Grid((shape[0], shape[1]), grid.sampling)
    return crop_probe(probe_spectrum(whole, optics), grid.shape)


def _overlap(a: Complex, b: Complex) -> float:
    """Largest |⟨a, b⟩| / (‖a‖ ‖b‖) of two spectra over all lateral shifts."""
    product = np.fft.fftshift(a * b.conj())
    sizes = [max(n, min(_FINER * n, _MOST_PIXELS)) for n in a.shape]
    pads = [
        ((size - n) // 2, size - n - (size - n) // 2)
        for size, n in zip(sizes, a.shape, strict=True)
    ]
    shifted = np.fft.fft2(np.pad(product, pads))
    return float(np.abs(shifted).max() / (np.linalg.norm(a) * np.linalg.norm(b)))
