"""What a reconstruction minimises: the forward model on its grids, the loss and the probe."""

import logging
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ptychobasis.bases import dark_field
from ptychobasis.compressed import Compressed
from ptychobasis.config import ReconstructionConfig
from ptychobasis.engine import Multislice
from ptychobasis.grid import Grid
from ptychobasis.losses import CoefficientLoss
from ptychobasis.model import model_grids, start_optics
from ptychobasis.multislice import Windows, crop_probe, place_windows, probe_spectrum
from ptychobasis.optics import Optics
from ptychobasis.probe import within_aperture

log = logging.getLogger(__name__)

_OVERSHOOT = 2.0  # steps times the curvature's bound; up to 3 worked for all that was tried


@dataclass(frozen=True)
class Problem:
    """What is to be minimised.

    Attributes:
        model: the forward model.
        loss: of its patterns.
        optics: of the probe at the start.
        detector: grid of the patterns.
        aperture: ``(y, x)``, frequencies that the spectrum of a joint probe is kept within; None
            lets it be everywhere.
        most: change of phase per gradient beyond which steps would overshoot.
        most_probe: change of the spectrum per gradient beyond which they would.
    """

    model: Multislice
    loss: CoefficientLoss
    optics: Optics
    detector: Grid
    aperture: torch.Tensor | None
    most: float
    most_probe: float

    def spectrum(self, defocus: float | None = None) -> torch.Tensor:
        """Spectrum ``(y, x)`` of the probe on the window's grid, the zero frequency first.

        Args:
            defocus: of the probe [Å]; None takes that of the start.
        """
        optics = self.optics if defocus is None else replace(self.optics, defocus=defocus)
        whole = probe_spectrum(self.detector, optics)
        return self.model.wave(crop_probe(whole, self.model.windows.grid.shape))


def prepare(
    data: Compressed, settings: ReconstructionConfig, device: torch.device, threads: int = 1
) -> Problem:
    """Choose the model's grids and bring everything to the device.

    Raises:
        StudyError: settings and data do not go together.
    """
    detector, window = model_grids(data, settings)
    distances = np.diff(settings.slice_depths_angstrom).tolist()
    model = Multislice(
        place_windows(window, data.positions),
        data.optics.wavelength,
        distances,
        detector.shape,
        device=device,
        threads=threads,
    )
    zero = None
    if settings.dark_field != "none":
        bright = data.basis.on_shape(detector.shape).support
        zero = dark_field(settings.dark_field, bright)
    loss = CoefficientLoss(data.basis, data.coefficients, detector.shape, settings.loss, zero)
    optics = start_optics(data, settings)
    whole = probe_spectrum(detector, optics)
    log.info(
        "patterns of %d x %d pixels, waves of %d x %d pixels over %.3g x %.3g Å",
        *detector.shape, *window.shape, *window.extent,
    )  # fmt: skip
    density = _density(model.windows, crop_probe(whole, window.shape), settings.batch)
    brightest = float(np.max(np.abs(whole) ** 2))
    aperture = None
    if settings.probe_band_limit:
        aperture = torch.as_tensor(within_aperture(window, optics)).to(device)
    return Problem(
        model=model,
        loss=loss.to(device, model.real),
        optics=optics,
        detector=detector,
        aperture=aperture,
        most=_OVERSHOOT * settings.batch / loss.curvature(brightest, density),
        most_probe=1 / loss.curvature(brightest, 1.0),  # the bound is tight: all positions see it
    )


def _density(windows: Windows, spectrum: NDArray[np.complexfloating], batch: int) -> float:
    """Largest intensity that the probes of a random batch put into one pixel of the object.

    One probe is there for certain; the others by chance.
    """
    probe = np.abs(np.fft.fftshift(np.fft.ifft2(spectrum, norm="ortho"))) ** 2
    total, (height, width) = np.zeros(windows.shape), windows.grid.shape
    for y, x in windows.starts:
        total[y : y + height, x : x + width] += probe
    return float(probe.max() + total.max() * batch / len(windows.starts))
