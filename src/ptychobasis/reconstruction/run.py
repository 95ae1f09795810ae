"""The reconstruction: from stored numbers to the phase of each slice."""

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from tqdm import tqdm

from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.compute.devices import choose_device
from ptychobasis.compute.memory import peak_memory
from ptychobasis.core.errors import StudyError
from ptychobasis.core.volume import Volume
from ptychobasis.reconstruction.checkpoint import Checkpoint
from ptychobasis.reconstruction.descent import Descent, State
from ptychobasis.reconstruction.focus import find_focus
from ptychobasis.reconstruction.left_out import (
    choose_left_out,
    predict_left_out,
    report_left_out,
)
from ptychobasis.reconstruction.objective import prepare
from ptychobasis.reconstruction.processes import ALONE, Team
from ptychobasis.reconstruction.result_file import Reconstruction, Run
from ptychobasis.reconstruction.settings import ReconstructionSettings

log = logging.getLogger(__name__)

Watch = Callable[[int, torch.Tensor, float], None]  # epoch, phase, seconds so far

_GROWTH = 1.2  # a loss this many times that of the start,
_MISFIT = 0.1  # and this share of what was stored, is not coming back
_PATIENCE = 5  # after this many epochs


def reconstruct(
    data: Compressed,
    settings: ReconstructionSettings,
    seed: int,
    device: torch.device | None = None,
    checkpoint: Checkpoint | None = None,
    watch: Watch | None = None,
    team: Team = ALONE,
) -> Reconstruction:
    """Find the phase of each slice, and its absorption if asked, that give the stored numbers.

    The probe is that of aperture and defocus, at sub-pixel positions. It is optimised with the
    object unless `settings.probe` is `known`. Steps are those of
    `ptychobasis.reconstruction.descent`.

    Args:
        data: Numbers that were stored, with their basis and optics.
        settings: Keys of the configuration.
        seed: Seed of the start and of the order of the positions.
        device: Device that computes; None chooses by the settings.
        checkpoint: File of the state. A run that was killed goes on from there. On the CPU it
            ends with the very bits of one that was not.
        watch: Function called after each epoch with its number, the phase and the seconds spent.
        team: Processes that share the work. Each calls this function and gets the result; the
            first one reads and writes checkpoints.

    Raises:
        StudyError: The reconstruction diverges, or settings and data do not go together.
    """
    torch.manual_seed(seed)
    device = device or choose_device(settings.device)
    with _threads_for_chunks() as threads:
        left_out = choose_left_out(len(data.positions), settings.left_out, seed)
        objective = prepare(data, settings, device, threads, team, left_out)
        descent = Descent(objective, settings)
        content = checkpoint.load() if checkpoint is not None and team.rank == 0 else None
        content = team.broadcast(content, device)
        state = descent.start(seed, None if content else find_focus(descent, seed))
        if checkpoint is not None and content is not None:
            state.restore(content)
            log.info("going on after epoch %d, from %s", len(state.losses), checkpoint.path)
        _run(descent, state, checkpoint if team.rank == 0 else None, watch)
        judged = predict_left_out(objective, state.phase, state.spectrum)
    if judged is not None and team.rank == 0:
        report_left_out(judged)
    return replace(_result(data, descent, state, seed), left_out=judged)


def _result(data: Compressed, descent: Descent, state: State, seed: int) -> Reconstruction:
    """The result of a run that came to its end."""
    objective, settings = descent.objective, descent.settings
    layout, device, team = objective.forward.layout, objective.forward.device, objective.team
    seconds = state.seconds / settings.epochs
    run = Run(
        basis=data.basis.name,
        stored_values=data.basis.size,
        device=_device_name(device, team.size),
        seed=seed,
        seconds_per_epoch=seconds,
        processor_seconds_per_epoch=team.sum(state.processor, device) / settings.epochs,
        patterns_per_second=len(layout) / seconds,
        peak_memory_bytes=_peak_memory(device),
        pattern_pixels=math.prod(objective.detector.shape),
        wave_pixels=math.prod(layout.window.shape),
    )
    place, found = (layout.window.sampling, layout.origin), state.phase.cpu().numpy()
    return Reconstruction(
        phase=Volume(np.ascontiguousarray(found.real), *place),
        probe=_real_space(state.spectrum),
        loss=np.array(state.losses),
        slice_depths=tuple(settings.slice_depths_angstrom),
        energy=data.optics.energy,
        run=run,
        config=settings.model_dump(mode="json", exclude={"checkpoint_seconds"}),
        counting=objective.counting,
        absorption=Volume(found.imag.copy(), *place) if settings.absorption else None,
    )


@contextmanager
def _threads_for_chunks() -> Iterator[int]:
    """Take torch's threads for the engine's chunks; single operations are too small for them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def _run(
    descent: Descent, state: State, checkpoint: Checkpoint | None, watch: Watch | None
) -> None:
    """Bring the state to the last epoch."""
    epochs, saved = descent.settings.epochs, time.monotonic()
    on_cpu = descent.objective.forward.device.type == "cpu"
    bar = tqdm(total=epochs, initial=len(state.losses), unit="epoch",
               disable=not sys.stderr.isatty())  # fmt: skip
    with bar:
        while len(state.losses) < epochs:
            with _timed(state, on_cpu):
                descent.epoch(state)
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
                watch(done, state.phase.real, state.seconds)


@contextmanager
def _timed(state: State, on_cpu: bool) -> Iterator[None]:
    """Add the time that the body takes to the state."""
    wall, processor = time.perf_counter(), time.process_time()
    yield
    passed = time.perf_counter() - wall
    state.seconds += passed
    state.processor += time.process_time() - processor if on_cpu else passed


def _stop_if_diverged(state: State) -> None:
    """Stop where the object explains the data worse than the empty one that it began as.

    The first steps are large. A weak sample, which an empty object explains well, may therefore
    be explained worse for a while.
    """
    last, epochs, start = state.losses[-1], len(state.losses), state.start_loss or math.inf
    grown = epochs >= _PATIENCE and last > max(_GROWTH * start, _MISFIT)
    if grown or not math.isfinite(last):
        raise StudyError(
            f"the reconstruction diverged: loss {last:.3g} after {epochs} epochs, {start:.3g} at "
            "the start; allowed: a smaller 'reconstruction.step_rad', also for this sweep alone, "
            "or the sweep without this size"
        )


def _real_space(spectrum: torch.Tensor) -> np.ndarray:
    """The probe ``(y, x)`` in real space, centred, of a spectrum."""
    return np.fft.fftshift(np.fft.ifft2(spectrum.cpu().numpy(), norm="ortho")).astype(np.complex64)


def _device_name(device: torch.device, count: int) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return name if count == 1 else f"{count} x {name}"


def _peak_memory(device: torch.device) -> int:
    """Largest memory held so far [bytes], of the GPU or of this process."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_memory()
