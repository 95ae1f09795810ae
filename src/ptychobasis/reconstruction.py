"""The reconstruction: from stored numbers to the phase of each slice."""

import json
import logging
import math
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ptychobasis.bases import dark_field
from ptychobasis.checkpoint import Checkpoint
from ptychobasis.compressed import Compressed
from ptychobasis.config import ReconstructionConfig
from ptychobasis.errors import StudyError
from ptychobasis.grid import Grid
from ptychobasis.losses import CoefficientLoss
from ptychobasis.multislice import Multislice, place_windows, probe_spectrum
from ptychobasis.results import Reconstruction, Run

log = logging.getLogger(__name__)

_START_PHASE = 0.01  # [rad], largest value of the random start
_GROWTH = 1.2  # a loss this many times that of the start,
_MISFIT = 0.1  # and this share of what was stored, is not coming back
_PATIENCE = 5  # after this many epochs


@dataclass
class State:
    """Everything that the next epoch depends on.

    Attributes:
        phase: ``(slices, y, x)`` of the object [rad].
        optimiser: Adam with its moments.
        generator: draws the order of the scan positions.
        start: loss of the first batch before the first step.
        losses: mean loss of each epoch so far.
        seconds: spent on them.
    """

    phase: torch.Tensor
    optimiser: torch.optim.Adam
    generator: np.random.Generator
    start: float | None = None
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def content(self) -> dict[str, Any]:
        """Everything as plain values and tensors, for a checkpoint."""
        return {
            "phase": self.phase.detach(),
            "optimiser": self.optimiser.state_dict(),
            "generator": json.dumps(self.generator.bit_generator.state),
            "start": self.start,
            "losses": self.losses,
            "seconds": self.seconds,
        }

    def restore(self, content: Mapping[str, Any]) -> None:
        """Go back to what `content` returned."""
        with torch.no_grad():
            self.phase.copy_(content["phase"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.generator.bit_generator.state = json.loads(content["generator"])
        self.start = content["start"]
        self.losses, self.seconds = list(content["losses"]), content["seconds"]


def choose_device(name: str, gpus: int | None = None) -> torch.device:
    """The device called ``auto``, ``cpu`` or ``cuda``.

    Args:
        name: ``auto`` takes a GPU where there is one.
        gpus: how many GPUs the scheduler granted; 0 sends ``auto`` to the CPU.

    Raises:
        StudyError: ``cuda`` is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise StudyError("device 'cuda' is not there; allowed on this machine: auto, cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() and gpus != 0 else "cpu"
    return torch.device(name)


def reconstruct(
    data: Compressed,
    settings: ReconstructionConfig,
    seed: int,
    device: torch.device | None = None,
    about: Mapping[str, Any] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Reconstruction:
    """Find the phase of each slice whose patterns give the stored numbers.

    The probe is known: aperture and defocus of the data set, at sub-pixel positions. Adam
    follows the gradient of one mini-batch of positions at a time, with a step that decays
    as half a cosine.

    Args:
        data: what was stored.
        settings: how to reconstruct.
        seed: of the start and of the order of the positions.
        device: where to compute; None chooses by the settings.
        about: configuration to keep in the result.
        checkpoint: where to keep the state; a run that was killed goes on from there and, on
            the CPU, ends with the very bits of one that was not.

    Raises:
        StudyError: the reconstruction diverges, or settings and data do not go together.
    """
    torch.manual_seed(seed)
    device = device or choose_device(settings.device)
    model, loss, spectrum = _prepare(data, settings, device)
    state = _start(model, settings, seed)
    if checkpoint is not None and (content := checkpoint.load()) is not None:
        state.restore(content)
        log.info("going on after epoch %d, from %s", len(state.losses), checkpoint.path)
    _run(state, model, loss, spectrum, settings, checkpoint)
    seconds = state.seconds / settings.epochs
    run = Run(
        basis=data.basis.name,
        stored_values=data.basis.size,
        device=_device_name(device),
        seed=seed,
        seconds_per_epoch=seconds,
        patterns_per_second=len(data.positions) / seconds,
        peak_memory_bytes=_peak_memory(device),
    )
    return Reconstruction(
        phase=state.phase.detach().cpu().numpy(),
        probe=_picture(spectrum),
        loss=np.array(state.losses),
        slice_depths=tuple(settings.slice_depths_angstrom),
        sampling=model.windows.grid.sampling,
        origin=model.windows.origin,
        energy=data.optics.energy,
        semi_angle=data.optics.semi_angle,
        run=run,
        config=dict(about or {}),
    )


def _run(
    state: State,
    model: Multislice,
    loss: CoefficientLoss,
    spectrum: torch.Tensor,
    settings: ReconstructionConfig,
    checkpoint: Checkpoint | None,
) -> None:
    """Bring the state to the last epoch."""
    epochs, saved = settings.epochs, time.monotonic()
    bar = tqdm(total=epochs, initial=len(state.losses), unit="epoch",
               disable=not sys.stderr.isatty())  # fmt: skip
    with bar:
        while len(state.losses) < epochs:
            began = time.perf_counter()
            state.losses.append(_epoch(state, model, loss, spectrum, settings))
            state.seconds += time.perf_counter() - began
            _stop_if_diverged(state)
            bar.update()
            bar.set_postfix(loss=f"{state.losses[-1]:.3e}")
            done = len(state.losses)
            if done % max(1, epochs // 10) == 0 or done in (1, epochs):
                log.info("epoch %d of %d: loss %.4e", done, epochs, state.losses[-1])
            if checkpoint is not None and time.monotonic() - saved >= checkpoint.seconds:
                checkpoint.save(state.content())
                saved = time.monotonic()


def model_grid(detector: Grid, model_pixels: tuple[int, int] | None) -> Grid:
    """The grid of the waves: the detector's window, with its pixels or with fewer."""
    return detector if model_pixels is None else detector.with_shape(model_pixels)


def _prepare(
    data: Compressed, settings: ReconstructionConfig, device: torch.device
) -> tuple[Multislice, CoefficientLoss, torch.Tensor]:
    grid = model_grid(data.optics.detector, settings.model_pixels)
    distances = np.diff(settings.slice_depths_angstrom).tolist()
    windows = place_windows(grid, data.positions)
    model = Multislice(windows, data.optics.wavelength, distances, device=device)
    zero = None
    if settings.dark_field != "none":
        bright = data.basis.on_shape(grid.shape).support
        zero = dark_field(settings.dark_field, bright)
    loss = CoefficientLoss(data.basis, data.coefficients, grid.shape, settings.loss, zero)
    spectrum = model.wave(probe_spectrum(grid, data.optics))
    return model, loss.to(device, model.real), spectrum


def _start(model: Multislice, settings: ReconstructionConfig, seed: int) -> State:
    generator = np.random.default_rng(seed)
    shape = (len(settings.slice_depths_angstrom), *model.windows.shape)
    start = generator.uniform(0, _START_PHASE, shape)
    phase = torch.as_tensor(start).to(model.device, model.real).requires_grad_()
    # losses are relative and small: the default floor of 1e-8 would slow the last epochs
    optimiser = torch.optim.Adam([phase], lr=settings.step_rad, eps=1e-12)
    return State(phase, optimiser, generator)


def _epoch(
    state: State,
    model: Multislice,
    loss: CoefficientLoss,
    spectrum: torch.Tensor,
    settings: ReconstructionConfig,
) -> float:
    """Visit every scan position once; return the mean loss."""
    order = state.generator.permutation(len(model.starts))
    progress = len(state.losses) / settings.epochs
    for group in state.optimiser.param_groups:
        group["lr"] = settings.step_rad * (1 + math.cos(math.pi * progress)) / 2
    total = 0.0
    for batch in np.array_split(order, math.ceil(len(order) / settings.batch)):
        state.optimiser.zero_grad()
        value = loss(model.intensities(state.phase, spectrum, batch), batch)
        value.backward()
        state.optimiser.step()
        if settings.positivity:
            with torch.no_grad():
                state.phase.clamp_(min=0)
        state.start = float(value.detach()) if state.start is None else state.start
        total += float(value.detach()) * len(batch)
    return total / len(order)


def _stop_if_diverged(state: State) -> None:
    """Stop where the object explains the data worse than the empty one that it began as.

    Data that an empty object explains well (a weak sample) may do so for a while: the first
    steps are large.
    """
    last, epochs, start = state.losses[-1], len(state.losses), state.start or math.inf
    grown = epochs >= _PATIENCE and last > max(_GROWTH * start, _MISFIT)
    if grown or not math.isfinite(last):
        raise StudyError(
            f"the reconstruction diverged: loss {last:.3g} after {epochs} epochs, {start:.3g} at "
            "the start; allowed: a smaller 'reconstruction.step_rad', also for this sweep alone, "
            "or the sweep without this size"
        )


def _picture(spectrum: torch.Tensor) -> np.ndarray:
    """The probe in real space, centred, for the result file."""
    return np.fft.fftshift(np.fft.ifft2(spectrum.cpu().numpy(), norm="ortho")).astype(np.complex64)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _peak_memory(device: torch.device) -> int:
    """Largest memory held so far [bytes], of the GPU or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
