"""What a reconstruction minimises: the forward model on its grids, the loss and the probe."""

import logging
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.bases.detectors import dark_field
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.forward.layout import place_windows
from ptychobasis.forward.multislice import Multislice, Slope
from ptychobasis.forward.waves import crop_probe, probe_spectrum, within_aperture
from ptychobasis.reconstruction.counting import count, illumination
from ptychobasis.reconstruction.grids import model_grids, start_optics
from ptychobasis.reconstruction.losses import CoefficientLoss
from ptychobasis.reconstruction.processes import ALONE, Team
from ptychobasis.reconstruction.regularisation import Regulariser, Scales
from ptychobasis.reconstruction.result_file import Counts
from ptychobasis.reconstruction.settings import ReconstructionConfig

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
        regulariser: what is done to the phase after each step.
        counts: of knowns and unknowns.
        team: the processes that share the work.
    """

    model: Multislice
    loss: CoefficientLoss
    optics: Optics
    detector: Grid
    aperture: torch.Tensor | None
    most: float
    most_probe: float
    regulariser: Regulariser
    counts: Counts
    team: Team = ALONE

    def slope(
        self, phase: torch.Tensor, spectrum: torch.Tensor, batch: NDArray[np.int64], probe: bool
    ) -> Slope:
        """Loss of a batch and its gradients, to which each process of the team adds its share.

        Args:
            phase: ``(slices, y, x)`` of the object [rad].
            spectrum: ``(y, x)`` of the probe.
            batch: ``(batch,)``, indices of scan positions.
            probe: whether the gradient of the probe is wanted.
        """
        share = self.team.share(batch)
        if len(share):
            slope = self.model.loss_and_gradient(phase, spectrum, share, self.loss, probe)
        else:
            of_probe = torch.zeros_like(spectrum) if probe else None
            slope = Slope(0.0, torch.zeros_like(phase), of_probe)
        return slope if self.team.size == 1 else self.team.total(slope, len(share) / len(batch))

    def spectrum(self, defocus: float | None = None) -> torch.Tensor:
        """Spectrum ``(y, x)`` of the probe on the window's grid, the zero frequency first.

        Args:
            defocus: of the probe [Å]; None takes that of the start.
        """
        optics = self.optics if defocus is None else replace(self.optics, defocus=defocus)
        whole = probe_spectrum(self.detector, optics)
        return self.model.wave(crop_probe(whole, self.model.windows.grid.shape))


def prepare(
    data: Compressed,
    settings: ReconstructionConfig,
    device: torch.device,
    threads: int = 1,
    team: Team = ALONE,
) -> Problem:
    """Choose the model's grids and bring everything to the device.

    Args:
        data: what was stored.
        settings: how to reconstruct.
        device: where to compute.
        threads: for chunks that are worked on side by side, on the CPU.
        team: the processes that share the work.

    Raises:
        StudyError: settings and data do not go together.
    """
    detector, window = model_grids(data, settings)
    windows, depths = place_windows(window, data.positions), settings.slice_depths_angstrom
    model = Multislice(
        windows, data.optics.wavelength, np.diff(depths).tolist(), detector.shape, device=device,
        threads=threads,
    )  # fmt: skip
    loss = _loss(data, settings, detector.shape)
    optics = start_optics(data, settings)
    whole = probe_spectrum(detector, optics)
    log.info(
        "patterns of %d x %d pixels, waves of %d x %d pixels over %.3g x %.3g Å",
        *detector.shape, *window.shape, *window.extent,
    )  # fmt: skip
    probe = crop_probe(whole, window.shape)
    dose = illumination(windows, probe, optics.wavelength, (0.0, *depths))
    # a random batch puts one probe into a pixel for certain, and the others by chance
    chance = float(dose[0].max()) / len(data.positions)
    density = float(np.abs(np.fft.ifft2(probe, norm="ortho")).max() ** 2) + chance * settings.batch
    brightest = float(np.max(np.abs(whole) ** 2))
    scales = Scales(
        curvature=loss.curvature(brightest, chance),
        dilution=chance * settings.batch / density,
        length=1 / (4 * optics.aperture),
    )
    return Problem(
        model=model,
        loss=loss.to(device, model.real),
        optics=optics,
        detector=detector,
        aperture=_aperture(window, optics, device) if settings.probe_band_limit else None,
        most=_OVERSHOOT * settings.batch / loss.curvature(brightest, density),
        most_probe=1 / loss.curvature(brightest, 1.0),  # the bound is tight: all positions see it
        regulariser=Regulariser(settings, windows.object_grid, scales, device),
        counts=count(
            loss.knowns(), dose[1:], windows, optics.aperture, settings.band_limit_per_angstrom
        ),
        team=team,
    )


def _aperture(window: Grid, optics: Optics, device: torch.device) -> torch.Tensor:
    """Frequencies ``(y, x)`` within the condenser aperture, the zero frequency first."""
    return torch.as_tensor(within_aperture(window, optics)).to(device)


def _loss(
    data: Compressed, settings: ReconstructionConfig, shape: tuple[int, int]
) -> CoefficientLoss:
    """The loss on patterns of a shape."""
    zero = None
    if settings.dark_field != "none":
        zero = dark_field(settings.dark_field, data.basis.on_shape(shape).support)
    return CoefficientLoss(data.basis, data.coefficients, shape, settings.loss, zero)
