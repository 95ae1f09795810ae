"""The descent: momentum steps of the object, and of a probe that is not known.

The phase follows the gradient of one mini-batch of positions at a time with Nesterov's momentum
(Sutskever et al., ICML 2013). The step is what `step_rad` allows, or what the curvature does if
that is less, and decays as half a cosine. All pixels share one step size: methods that give each
its own, like Adam, amplify what the data hardly fix. A joint probe follows its own gradient,
later, since an object that is all but empty has nothing to say about it, and in smaller steps.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ptychobasis.forward.multislice import Slope
from ptychobasis.reconstruction.objective import Problem
from ptychobasis.reconstruction.settings import ReconstructionConfig

_START_PHASE = 0.01  # [rad], largest value of the random start
_MOMENTUM = 0.9
_TINY = 1e-30  # a gradient that is zero, as that of empty patterns is, leaves the step finite


@dataclass
class State:
    """Everything that the next epoch depends on.

    Attributes:
        phase: ``(slices, y, x)`` of the object [rad].
        spectrum: ``(y, x)`` of the probe.
        optimiser: gradient descent with its momentum, of both.
        generator: draws the order of the scan positions.
        scale: change of phase per gradient of the first step; None before it.
        probe_scale: change of the spectrum per gradient of its first step; None before it.
        start: loss of the first batch before the first step.
        steepest: its largest gradient by the phase there.
        losses: mean loss of each epoch so far.
        seconds: spent on them.
        processor: seconds of the processor that computes, of all its threads.
    """

    phase: torch.Tensor
    spectrum: torch.Tensor
    optimiser: torch.optim.SGD
    generator: np.random.Generator
    scale: float | None = None
    probe_scale: float | None = None
    start: float | None = None
    steepest: float = 0.0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    processor: float = 0.0

    def content(self) -> dict[str, Any]:
        """Everything as plain values and tensors, for a checkpoint."""
        return {
            "phase": self.phase.detach(),
            "spectrum": self.spectrum,
            "optimiser": self.optimiser.state_dict(),
            "generator": json.dumps(self.generator.bit_generator.state),
            "scale": self.scale,
            "probe_scale": self.probe_scale,
            "start": self.start,
            "steepest": self.steepest,
            "losses": self.losses,
            "seconds": self.seconds,
            "processor": self.processor,
        }

    def restore(self, content: Mapping[str, Any]) -> None:
        """Go back to what `content` returned."""
        with torch.no_grad():
            self.phase.copy_(content["phase"])
            self.spectrum.copy_(content["spectrum"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.generator.bit_generator.state = json.loads(content["generator"])
        self.scale, self.probe_scale = content["scale"], content["probe_scale"]
        self.start, self.steepest = content["start"], content["steepest"]
        self.losses = list(content["losses"])
        self.seconds, self.processor = content["seconds"], content["processor"]


def start_state(
    problem: Problem, settings: ReconstructionConfig, seed: int, defocus: float | None = None
) -> State:
    """An object that is all but empty, of a random phase, before the first step.

    Args:
        problem: what is to be minimised.
        settings: how.
        seed: of the phase and of the order of the positions.
        defocus: of the probe [Å]; None takes that of the problem.
    """
    generator, model = np.random.default_rng(seed), problem.model
    start = generator.uniform(0, _START_PHASE, (model.slices, *model.windows.shape))
    phase = torch.as_tensor(start).to(model.device, model.real)
    spectrum = problem.spectrum(defocus)
    if settings.probe == "joint" and problem.aperture is not None:
        spectrum.mul_(problem.aperture)
    groups = [{"params": [phase]}, {"params": [spectrum]}]
    optimiser = torch.optim.SGD(groups, lr=0.0, momentum=_MOMENTUM, nesterov=True)
    return State(phase, spectrum, optimiser, generator)


def run_epoch(state: State, problem: Problem, settings: ReconstructionConfig) -> float:
    """Visit every scan position once; return the mean loss."""
    total = 0.0
    order = state.generator.permutation(len(problem.model.windows.starts))
    progress = len(state.losses) / settings.epochs
    joint = settings.probe == "joint" and len(state.losses) >= settings.probe_start_epoch
    for batch in np.array_split(order, math.ceil(len(order) / settings.batch)):
        slope = problem.slope(state.phase, state.spectrum, batch, joint)
        if state.start is None:
            state.start, state.steepest = slope.loss, float(slope.phase.abs().max())
        _set_steps(state, slope, problem, settings, progress)
        state.phase.grad, state.spectrum.grad = slope.phase, slope.probe
        state.optimiser.step()  # leaves a probe without gradient as it is
        step = state.optimiser.param_groups[0]["lr"] / (1 - _MOMENTUM)
        problem.regulariser(state.phase, step, state.steepest)
        if joint and problem.aperture is not None:
            state.spectrum.mul_(problem.aperture)
        total += slope.loss * len(batch)
        progress += len(batch) / len(order) / settings.epochs
    return total / len(order)


def _set_steps(
    state: State, slope: Slope, problem: Problem, settings: ReconstructionConfig, progress: float
) -> None:
    """Tell the optimiser how far to go for each gradient, of the object and of the probe."""
    if state.scale is None:
        state.scale = min(settings.step_rad / _first(slope.phase), problem.most)
    if state.probe_scale is None and slope.probe is not None:
        most = settings.probe_step * float(state.spectrum.abs().max())
        state.probe_scale = min(most / _first(slope.probe), problem.most_probe)
    decay = (1 + math.cos(math.pi * progress)) / 2
    for group, scale in zip(
        state.optimiser.param_groups, (state.scale, state.probe_scale or 0.0), strict=True
    ):
        group["lr"] = scale * decay


def _first(gradient: torch.Tensor) -> float:
    """The largest change by the optimiser's first step of length one."""
    return max((1 + _MOMENTUM) * float(gradient.abs().max()), _TINY)
