"""The objective of a reconstruction: the misfit of what the forward model predicts."""

import logging
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.bases.dark_field import dark_field
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.forward.layout import lay_out_scan
from ptychobasis.forward.multislice import Gradients, Multislice
from ptychobasis.forward.steps import propagation_steps
from ptychobasis.forward.waves import crop_probe, probe_spectrum, within_aperture
from ptychobasis.reconstruction.counting import count, illumination
from ptychobasis.reconstruction.grids import forward_grids, start_optics
from ptychobasis.reconstruction.losses import CoefficientLoss
from ptychobasis.reconstruction.processes import ALONE, Team
from ptychobasis.reconstruction.regularisation import Regulariser, Scales
from ptychobasis.reconstruction.result_file import Counting
from ptychobasis.reconstruction.schedule import first_batch
from ptychobasis.reconstruction.settings import ReconstructionSettings

log = logging.getLogger(__name__)

_PLENTY = 2.0  # numbers known for each unknown in the band; chosen on the panel, as the rest is
_SCARCEST = 10.0  # so that smoothness still fades


@dataclass(frozen=True)
class Objective:
    """The function that a reconstruction minimises, with scales of the data for its steps.

    Attributes:
        forward: Forward model.
        loss: Loss of the patterns that it predicts.
        optics: Optics of the probe at the start.
        detector: Grid of the patterns.
        aperture: Whether each frequency ``(y, x)`` of a joint probe is kept; None keeps all.
        batch: Scan positions of a batch.
        scanned: Pixels (y, x) of a slice where scan positions lie.
        stable_step: Inverse of the largest curvature that a batch gives the loss by the phase.
        largest_probe_step: Largest stable step of the probe's spectrum.
        probe_pull: Gradient that pulls a joint probe back, per distance from that of the optics.
        regulariser: Positivity, penalties and band limit of the phase.
        counting: Numbers of knowns and unknowns.
        left_out: Indices of patterns that no step sees, ascending.
        team: Processes that share the work.
    """

    forward: Multislice
    loss: CoefficientLoss
    optics: Optics
    detector: Grid
    aperture: torch.Tensor | None
    batch: int
    scanned: tuple[slice, slice]
    stable_step: float
    largest_probe_step: float
    probe_pull: float
    regulariser: Regulariser
    counting: Counting
    left_out: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    team: Team = ALONE

    def fitted(self) -> NDArray[np.int64]:
        """Indices of the patterns that the object is fitted to, ascending."""
        return np.setdiff1d(np.arange(len(self.forward.layout)), self.left_out)

    def gradients(
        self, phase: torch.Tensor, spectrum: torch.Tensor, batch: NDArray[np.int64], probe: bool
    ) -> Gradients:
        """Loss of a batch and its gradients; each process of the team computes a share.

        Args:
            phase: Phase φ of the object, ``(slices, y, x)`` [rad]; φ + iμ with absorption.
            spectrum: Spectrum of the probe, ``(y, x)``.
            batch: Indices of scan positions, ``(batch,)``.
            probe: Whether the gradient of the probe is wanted.
        """
        share = self.team.share(batch)
        if len(share):
            found = self.forward.loss_and_gradient(phase, spectrum, share, self.loss, probe)
        else:
            of_probe = torch.zeros_like(spectrum) if probe else None
            found = Gradients(0.0, torch.zeros_like(phase), of_probe)
        return found if self.team.size == 1 else self.team.total(found, len(share) / len(batch))

    def spectrum(self, defocus: float | None = None) -> torch.Tensor:
        """Spectrum ``(y, x)`` of the known probe on the window's grid, the zero frequency first.

        Args:
            defocus: Defocus of the probe [Å]; None takes that of the start.
        """
        optics = self.optics if defocus is None else replace(self.optics, defocus=defocus)
        whole = probe_spectrum(self.detector, optics)
        return self.forward.wave(crop_probe(whole, self.forward.layout.window.shape))

    def keep_in_aperture(self, spectrum: torch.Tensor) -> None:
        """Remove what a joint probe's spectrum ``(y, x)`` has outside the condenser aperture."""
        if self.aperture is not None:
            spectrum.mul_(self.aperture)


def prepare(
    data: Compressed,
    settings: ReconstructionSettings,
    device: torch.device,
    threads: int = 1,
    team: Team = ALONE,
    left_out: NDArray[np.int64] | None = None,
) -> Objective:
    """Make the objective: choose grids, bring the data to the device, bound the steps.

    Args:
        data: Numbers that were stored, with their basis and optics.
        settings: Keys of the configuration.
        device: Device that computes.
        threads: Number of chunks that the CPU works on side by side.
        team: Processes that share the work.
        left_out: Indices of patterns that no step sees; None: none.

    Raises:
        StudyError: Settings and data do not go together.
    """
    detector, window = forward_grids(data, settings)
    forward = _forward_model(data, settings, detector, window, device, threads)
    layout, optics = forward.layout, start_optics(data, settings)
    loss = _loss(data, settings, detector.shape).to(device, forward.real)
    spectrum = probe_spectrum(detector, optics)
    probe, brightest = crop_probe(spectrum, window.shape), float(np.max(np.abs(spectrum) ** 2))
    depths = (0.0, *settings.slice_depths_angstrom)
    dose = illumination(layout, probe, optics.wavelength, depths)
    pixels = np.concatenate([dose[1:]] * (1 + settings.absorption))  # each of one number or two
    counting = count(
        loss.knowns(), pixels, layout, optics.aperture, settings.band_limit_per_angstrom
    )
    batch = first_batch(settings.batch, len(layout))
    scales = _scales(loss, dose[0] / len(layout), probe, brightest, batch, optics.aperture)
    scales = replace(scales, scarcity=scarcity(counting))
    probe_curvature = loss.curvature(brightest, 1.0)  # all positions see the whole probe
    return Objective(
        forward=forward,
        loss=loss,
        optics=optics,
        detector=detector,
        aperture=_aperture(window, optics, device) if settings.probe_band_limit else None,
        batch=batch,
        scanned=layout.scanned,
        stable_step=scales.dilution / scales.curvature,
        largest_probe_step=1 / probe_curvature,
        regulariser=Regulariser(settings, layout.object_grid, scales, layout.scanned, device),
        probe_pull=settings.probe_pull * scales.scarcity * probe_curvature,
        counting=counting,
        left_out=np.empty(0, np.int64) if left_out is None else left_out,
        team=team,
    )


def _forward_model(
    data: Compressed,
    settings: ReconstructionSettings,
    detector: Grid,
    window: Grid,
    device: torch.device,
    threads: int,
) -> Multislice:
    """The forward model from waves in a window to patterns on a detector, see `forward_grids`."""
    log.info(
        "patterns of %d x %d pixels, waves of %d x %d pixels over %.3g x %.3g Å",
        *detector.shape, *window.shape, *window.extent,
    )  # fmt: skip
    return Multislice(
        lay_out_scan(window, data.positions),
        data.optics.wavelength,
        propagation_steps(
            settings.slice_depths_angstrom, data.optics, settings.propagation_step_angstrom
        ),
        detector.shape,
        device=device,
        threads=threads,
    )


def scarcity(counting: Counting) -> float:
    """How many times fewer numbers are known than would be plenty, from 1 to 10.

    Where few numbers are known for each unknown, more has to be believed.
    """
    return min(max(1.0, _PLENTY * counting.unknowns_in_band / counting.knowns), _SCARCEST)


def _scales(
    loss: CoefficientLoss,
    dose: NDArray[np.floating],
    probe: NDArray[np.complexfloating],
    brightest: float,
    batch: int,
    aperture: float,
) -> Scales:
    """Scales of the data.

    Args:
        loss: Loss of the patterns.
        dose: Mean dose of a position in each pixel of the object, ``(y, x)``.
        probe: Spectrum of the probe on the window's grid, ``(y, x)``.
        brightest: Largest intensity of the probe's spectrum on the detector.
        batch: Scan positions of a batch.
        aperture: Radius of the bright-field disc [1/Å].
    """
    chance = float(dose.max())
    # a random batch puts one probe into a pixel for certain, and the others by chance
    density = float(np.abs(np.fft.ifft2(probe, norm="ortho")).max() ** 2) + chance * batch
    return Scales(loss.curvature(brightest, chance), chance * batch / density, 1 / (4 * aperture))


def _aperture(window: Grid, optics: Optics, device: torch.device) -> torch.Tensor:
    """Whether each frequency ``(y, x)`` lies within the condenser aperture, zero first."""
    return torch.as_tensor(within_aperture(window, optics)).to(device)


def _loss(
    data: Compressed, settings: ReconstructionSettings, shape: tuple[int, int]
) -> CoefficientLoss:
    """The loss of patterns with a shape (y, x)."""
    zero = None
    if settings.dark_field != "none":
        zero = dark_field(settings.dark_field, data.bright_or_bad(shape))
    return CoefficientLoss(data.basis, data.coefficients, shape, settings.loss, zero).counted(
        data.electrons
    )
