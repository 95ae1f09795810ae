"""What a reconstruction minimises: the forward model on its grids, the loss and the probe."""

import logging
from dataclasses import dataclass

import numpy as np
import torch

from ptychobasis.bases import dark_field
from ptychobasis.compressed import Compressed
from ptychobasis.config import ReconstructionConfig
from ptychobasis.counts import count, illumination
from ptychobasis.engine import Multislice
from ptychobasis.grid import Grid
from ptychobasis.losses import CoefficientLoss
from ptychobasis.model import model_grids
from ptychobasis.multislice import crop_probe, place_windows, probe_spectrum
from ptychobasis.regularisation import Regulariser, Scales
from ptychobasis.results import Counts

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
        regulariser: what is done to the phase after each step.
        counts: of knowns and unknowns.
    """

    model: Multislice
    loss: CoefficientLoss
    spectrum: torch.Tensor
    most: float
    regulariser: Regulariser
    counts: Counts


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
    dose = illumination(
        model.windows, spectrum, data.optics.wavelength, (0.0, *settings.slice_depths_angstrom)
    )
    # the most that a random batch puts into a pixel: one probe for certain, the others by chance
    certain = float(np.max(np.abs(np.fft.ifft2(spectrum, norm="ortho")) ** 2))
    mean = float(dose[0].max()) / len(data.positions)
    density = certain + mean * settings.batch
    scales = Scales(
        curvature=loss.curvature(brightest, mean),
        dilution=mean * settings.batch / density,
        length=1 / (4 * data.optics.aperture),
    )
    whole = Grid(model.windows.shape, window.sampling)
    return Problem(
        model,
        loss.to(device, model.real),
        model.wave(spectrum),
        _OVERSHOOT * settings.batch / loss.curvature(brightest, density),
        Regulariser(settings, whole, scales, device),
        count(
            loss.knowns(),
            dose[1:],
            model.windows,
            data.optics.aperture,
            settings.band_limit_per_angstrom,
        ),
    )
