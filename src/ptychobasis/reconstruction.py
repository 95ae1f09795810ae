"""The reconstruction: from stored numbers to the phase of each slice."""

import json
import logging
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ptychobasis.checkpoint import Checkpoint
from ptychobasis.compressed import Compressed
from ptychobasis.config import ReconstructionConfig
from ptychobasis.devices import choose_device
from ptychobasis.errors import StudyError
from ptychobasis.problem import Problem, prepare
from ptychobasis.results import Reconstruction, Run

log = logging.getLogger(__name__)

Watch = Callable[[int, torch.Tensor, float], None]  # epoch, phase, seconds so far

_START_PHASE = 0.01  # [rad], largest value of the random start
_MOMENTUM = 0.9
_TINY = 1e-30  # a gradient that is zero, as that of empty patterns is, leaves the step finite
_GROWTH = 1.2  # a loss this many times that of the start,
_MISFIT = 0.1  # and this share of what was stored, is not coming back
_PATIENCE = 5  # after this many epochs


@dataclass
class State:
    """Everything that the next epoch depends on.

    Attributes:
        phase: ``(slices, y, x)`` of the object [rad].
        optimiser: gradient descent with its momentum.
        generator: draws the order of the scan positions.
        scale: change of phase per gradient of the first step; None before it.
        start: loss of the first batch before the first step.
        slope: its largest gradient there.
        losses: mean loss of each epoch so far.
        seconds: spent on them.
    """

    phase: torch.Tensor
    optimiser: torch.optim.SGD
    generator: np.random.Generator
    scale: float | None = None
    start: float | None = None
    slope: float = 0.0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def content(self) -> dict[str, Any]:
        """Everything as plain values and tensors, for a checkpoint."""
        return {
            "phase": self.phase.detach(),
            "optimiser": self.optimiser.state_dict(),
            "generator": json.dumps(self.generator.bit_generator.state),
            "scale": self.scale,
            "start": self.start,
            "slope": self.slope,
            "losses": self.losses,
            "seconds": self.seconds,
        }

    def restore(self, content: Mapping[str, Any]) -> None:
        """Go back to what `content` returned."""
        with torch.no_grad():
            self.phase.copy_(content["phase"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.generator.bit_generator.state = json.loads(content["generator"])
        self.scale, self.start, self.slope = (content[k] for k in ("scale", "start", "slope"))
        self.losses, self.seconds = list(content["losses"]), content["seconds"]


def reconstruct(
    data: Compressed,
    settings: ReconstructionConfig,
    seed: int,
    device: torch.device | None = None,
    about: Mapping[str, Any] | None = None,
    checkpoint: Checkpoint | None = None,
    watch: Watch | None = None,
) -> Reconstruction:
    """Find the phase of each slice whose patterns give the stored numbers.

    The probe is known: aperture and defocus of the data set, at sub-pixel positions. The
    phase follows the gradient of one mini-batch of positions at a time with Nesterov's
    momentum (Sutskever et al., ICML 2013). The step is what `step_rad` allows, or what the
    curvature does if that is less, and decays as half a cosine. All pixels share one step
    size: methods that give each its own, like Adam, amplify what the data hardly fix.

    Args:
        data: what was stored.
        settings: how to reconstruct.
        seed: of the start and of the order of the positions.
        device: where to compute; None chooses by the settings.
        about: configuration to keep in the result.
        checkpoint: where to keep the state; a run that was killed goes on from there and, on
            the CPU, ends with the very bits of one that was not.
        watch: called after each epoch with the phase and the seconds spent so far.

    Raises:
        StudyError: the reconstruction diverges, or settings and data do not go together.
    """
    torch.manual_seed(seed)
    device = device or choose_device(settings.device)
    with _threads_for_chunks() as threads:
        problem = prepare(data, settings, device, threads)
        state = start_state(problem, settings, seed)
        if checkpoint is not None and (content := checkpoint.load()) is not None:
            state.restore(content)
            log.info("going on after epoch %d, from %s", len(state.losses), checkpoint.path)
        _run(state, problem, settings, checkpoint, watch)
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
    windows = problem.model.windows
    return Reconstruction(
        phase=state.phase.detach().cpu().numpy(),
        probe=_picture(problem.spectrum),
        loss=np.array(state.losses),
        slice_depths=tuple(settings.slice_depths_angstrom),
        sampling=windows.grid.sampling,
        origin=windows.origin,
        energy=data.optics.energy,
        semi_angle=data.optics.semi_angle,
        run=run,
        config=dict(about or {}),
        counts=problem.counts,
    )


@contextmanager
def _threads_for_chunks() -> Iterator[int]:
    """Take torch's threads for the engine's chunks: single operations are too small for them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def start_state(problem: Problem, settings: ReconstructionConfig, seed: int) -> State:
    """An object that is all but empty, of a random phase, before the first step."""
    generator, model = np.random.default_rng(seed), problem.model
    start = generator.uniform(0, _START_PHASE, (model.slices, *model.windows.shape))
    phase = torch.as_tensor(start).to(model.device, model.real)
    phase.grad = torch.zeros_like(phase)
    optimiser = torch.optim.SGD([phase], lr=0.0, momentum=_MOMENTUM, nesterov=True)
    return State(phase, optimiser, generator)


def _run(
    state: State,
    problem: Problem,
    settings: ReconstructionConfig,
    checkpoint: Checkpoint | None,
    watch: Watch | None,
) -> None:
    """Bring the state to the last epoch."""
    epochs, saved = settings.epochs, time.monotonic()
    bar = tqdm(total=epochs, initial=len(state.losses), unit="epoch",
               disable=not sys.stderr.isatty())  # fmt: skip
    with bar:
        while len(state.losses) < epochs:
            began = time.perf_counter()
            state.losses.append(run_epoch(state, problem, settings))
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
            if watch is not None:
                watch(done, state.phase, state.seconds)


def run_epoch(state: State, problem: Problem, settings: ReconstructionConfig) -> float:
    """Visit every scan position once; return the mean loss."""
    model, total = problem.model, 0.0
    order = state.generator.permutation(len(model.windows.starts))
    progress = len(state.losses) / settings.epochs
    for batch in np.array_split(order, math.ceil(len(order) / settings.batch)):
        value, gradient = model.loss_and_gradient(
            state.phase, problem.spectrum, batch, problem.loss
        )
        if state.start is None or state.scale is None:
            state.start, state.slope = value, float(gradient.abs().max())
            # the first step of the optimiser is this many times the gradient
            first = (1 + _MOMENTUM) * state.slope
            state.scale = min(settings.step_rad / max(first, _TINY), problem.most)
        rate = state.scale * (1 + math.cos(math.pi * progress)) / 2
        state.optimiser.param_groups[0]["lr"] = rate
        state.phase.grad = gradient
        state.optimiser.step()
        problem.regulariser(state.phase, rate / (1 - _MOMENTUM), state.slope)
        total += value * len(batch)
        progress += len(batch) / len(order) / settings.epochs
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
