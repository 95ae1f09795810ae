"""What a reconstruction minimises: the forward model on its grids, the loss and the probe."""

import logging
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ptychobasis.bases import dark_field
from ptychobasis.compressed import Compressed
from ptychobasis.config import ReconstructionConfig
from ptychobasis.engine import Multislice
from ptychobasis.losses import CoefficientLoss
from ptychobasis.model import model_grids
from ptychobasis.multislice import Windows, crop_probe, place_windows, probe_spectrum

log = logging.getLogger(__name__)

_OVERSHOOT = 2.0  # steps times the curvature's bound; up to 3 worked for all that was tried


@dataclass(frozen=True)
class Problem:
    """What is to be minimised.

    Attributes:
        model: the forward model.
        loss: of its patterns.
        spectrum: ``(y, x)`` of the probe on the window's grid, the zero frequency first.
        most: change of phase per gradient beyond which steps would overshoot.
    """

    model: Multislice
    loss: CoefficientLoss
    spectrum: torch.Tensor
    most: float


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
    spectrum = crop_probe(probe_spectrum(detector, data.optics), window.shape)
    log.info(
        "patterns of %d x %d pixels, waves of %d x %d pixels over %.3g x %.3g Å",
        *detector.shape, *window.shape, *window.extent,
    )  # fmt: skip
    brightest = float(np.max(np.abs(probe_spectrum(detector, data.optics)) ** 2))
    density = _density(model.windows, spectrum, settings.batch)
    most = _OVERSHOOT * settings.batch / loss.curvature(brightest, density)
    return Problem(model, loss.to(device, model.real), model.wave(spectrum), most)


def _density(windows: Windows, spectrum: NDArray[np.complexfloating], batch: int) -> float:
    """Largest intensity that the probes of a random batch put into one pixel of the object.

    One probe is there for certain; the others by chance.
    """
    probe = np.abs(np.fft.fftshift(np.fft.ifft2(spectrum, norm="ortho"))) ** 2
    total, (height, width) = np.zeros(windows.shape), windows.grid.shape
    for y, x in windows.starts:
        total[y : y + height, x : x + width] += probe
    return float(probe.max() + total.max() * batch / len(windows.starts))
