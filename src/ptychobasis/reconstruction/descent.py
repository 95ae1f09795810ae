"""The descent: momentum steps of the object, and of a probe that is not known.

The phase follows the gradient of one batch of positions at a time, with Nesterov's momentum
(Sutskever et al., ICML 2013). The step is what `step_rad` allows, or what the curvature allows if
that is less. It decays as half a cosine. All pixels share one step size: methods that give each
its own, like Adam, amplify what the data hardly fix. A joint probe follows its own gradient in
smaller steps. It begins later, because an almost empty object says nothing about the probe.
"""

import json
import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch

from ptychobasis.forward.multislice import Gradients
from ptychobasis.reconstruction.momentum import MOMENTUM, Nesterov
from ptychobasis.reconstruction.objective import Objective
from ptychobasis.reconstruction.settings import ReconstructionSettings

_START_PHASE = 0.01  # [rad], largest value of the random start
_TINY = 1e-30  # a gradient that is zero, as that of empty patterns is, leaves the step finite


@dataclass
class State:
    """Everything that the next epoch depends on.

    Attributes:
        phase: Phase of the object, ``(slices, y, x)`` [rad].
        spectrum: Spectrum of the probe, ``(y, x)``.
        generator: Random numbers for the order of the scan positions.
        momentum: Momentum of the phase.
        probe_momentum: Momentum of the spectrum.
        step: Change of phase per gradient in the first step; None before it.
        probe_step: Change of the spectrum per gradient in its first step; None before it.
        start_loss: Loss of the first batch before the first step; None before it.
        start_gradient: Largest absolute gradient of that loss by the phase.
        losses: Mean loss of each epoch so far.
        seconds: Time spent on these epochs [s].
        processor: Time of all threads of the processor that computed them [s].
    """

    phase: torch.Tensor
    spectrum: torch.Tensor
    generator: np.random.Generator
    momentum: Nesterov = field(default_factory=Nesterov)
    probe_momentum: Nesterov = field(default_factory=Nesterov)
    step: float | None = None
    probe_step: float | None = None
    start_loss: float | None = None
    start_gradient: float = 0.0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    processor: float = 0.0

    def content(self) -> dict[str, Any]:
        """Everything as plain values and tensors, for a checkpoint."""
        return {each.name: getattr(self, each.name) for each in fields(self)} | {
            "generator": json.dumps(self.generator.bit_generator.state),
            "momentum": self.momentum.velocity,
            "probe_momentum": self.probe_momentum.velocity,
        }

    def restore(self, content: Mapping[str, Any]) -> None:
        """Go back to the state whose content this is, on the device of this state."""
        device = self.phase.device
        for name, value in deepcopy(dict(content)).items():
            here: Any = value.to(device) if isinstance(value, torch.Tensor) else value
            match name:
                case "generator":
                    self.generator.bit_generator.state = json.loads(here)
                case "momentum" | "probe_momentum":
                    getattr(self, name).velocity = here
                case _:
                    setattr(self, name, here)


@dataclass(frozen=True)
class Descent:
    """The way from an almost empty object down to one that explains the data.

    Attributes:
        objective: Function to minimise.
        settings: Keys of the configuration that say how.
    """

    objective: Objective
    settings: ReconstructionSettings

    def start(self, seed: int, defocus: float | None = None) -> State:
        """Make an almost empty object of a random phase, and the probe of the optics.

        Args:
            seed: Seed of the phase and of the order of the positions.
            defocus: Defocus of the probe [Å]; None takes that of the objective.
        """
        generator, forward = np.random.default_rng(seed), self.objective.forward
        start = generator.uniform(0, _START_PHASE, (forward.slices, *forward.layout.shape))
        phase = torch.as_tensor(start).to(forward.device, forward.real)
        spectrum = self.objective.spectrum(defocus)
        if self.settings.probe == "joint":
            self.objective.keep_in_aperture(spectrum)
        return State(phase, spectrum, generator)

    def epoch(self, state: State) -> None:
        """Visit every scan position that is not left out once, and note the mean loss."""
        settings, total, done = self.settings, 0.0, len(state.losses)
        order = state.generator.permutation(self.objective.fitted())
        progress = done / settings.epochs
        joint = settings.probe == "joint" and done >= settings.probe_start_epoch
        for batch in np.array_split(order, math.ceil(len(order) / settings.batch)):
            gradients = self.objective.gradients(state.phase, state.spectrum, batch, joint)
            self._choose_steps(state, gradients)
            self._step(state, gradients, decay=(1 + math.cos(math.pi * progress)) / 2)
            total += gradients.loss * len(batch)
            progress += len(batch) / len(order) / settings.epochs
        state.losses.append(total / len(order))

    def _choose_steps(self, state: State, gradients: Gradients) -> None:
        """Choose the lengths of the first steps, before object and probe take them."""
        if state.step is None:
            state.start_loss = gradients.loss
            state.start_gradient = float(gradients.phase.abs().max())
            allowed = self.settings.step_rad / _first_change(gradients.phase)
            state.step = min(allowed, self.objective.largest_step)
        if state.probe_step is None and gradients.probe is not None:
            most = self.settings.probe_step * float(state.spectrum.abs().max())
            allowed = most / _first_change(gradients.probe)
            state.probe_step = min(allowed, self.objective.largest_probe_step)

    def _step(self, state: State, gradients: Gradients, decay: float) -> None:
        """Change the object, and the probe where it has a gradient.

        Args:
            state: Object, probe and their momenta, changed in place.
            gradients: Gradients of one batch.
            decay: Length of the steps relative to that of the first ones.
        """
        assert state.step is not None
        step = state.step * decay
        state.momentum.step(state.phase, gradients.phase, step)
        self.objective.regulariser(state.phase, step / (1 - MOMENTUM), state.start_gradient)
        if gradients.probe is not None and state.probe_step is not None:
            state.probe_momentum.step(state.spectrum, gradients.probe, state.probe_step * decay)
            self.objective.keep_in_aperture(state.spectrum)


def _first_change(gradient: torch.Tensor) -> float:
    """The largest change by a first step of length one."""
    return max((1 + MOMENTUM) * float(gradient.abs().max()), _TINY)
