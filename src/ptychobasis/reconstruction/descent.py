"""The descent: momentum steps of the object, and of a probe that is not known.

The phase follows the gradient of one batch of positions at a time, with Nesterov's momentum
(Sutskever et al., ICML 2013). The gradient is divided by its own size, so that `step_rad` holds at
the end of a run as at its start. A weak sample asks for shorter steps: none is longer than the
curvature of the loss allows, times how many times the phase exceeds half a radian. Strong samples
need steps beyond that bound to find their minimum. The size is the running root mean
square of the largest gradient of a batch, as Adam takes it for each pixel (Kingma and Ba, ICLR
2015). All pixels share it: methods that give each pixel its own amplify what the data hardly fix.

Absorption μ is the imaginary part of a complex phase. It starts at zero and never falls below. Its
steps are a tenth as long, so that it explains what the phase cannot.

A joint probe follows its own gradient. It begins later, because an almost empty object says nothing
about the probe. `probe_pull` draws it back to the probe of the optics, where the data say little.
"""

import json
import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch

from ptychobasis.reconstruction.momentum import MOMENTUM, Nesterov
from ptychobasis.reconstruction.objective import Objective
from ptychobasis.reconstruction.schedule import batch_size, decay
from ptychobasis.reconstruction.settings import ReconstructionSettings

_START_PHASE = 0.01  # [rad], largest value of the random start
_STEP_SHARE = 0.05  # of the strongest phase that a step may change, where that is more
_LONGEST = 0.4  # [rad], however strong the sample is
_WEAK = 0.5  # [rad], strongest phase up to which steps are bounded by the curvature alone
_STRONG = 0.995  # quantile of a slice's phase that counts as its strongest
_ABSORPTION_STEP = 0.1  # of absorption relative to the phase, by the same gradient
_MEMORY = 0.99  # of the mean square of the gradients, from one batch to the next
_FIRST = 1 + MOMENTUM  # change by a first step along a gradient of one
_TINY = 1e-30  # a gradient that is zero, as that of empty patterns is, leaves the step finite


@dataclass
class State:
    """Everything that the next epoch depends on.

    Attributes:
        phase: Phase φ of the object, ``(slices, y, x)`` [rad]; φ + iμ with absorption.
        spectrum: Spectrum of the probe, ``(y, x)``.
        generator: Random numbers for the order of the scan positions.
        momentum: Momentum of the phase.
        probe_momentum: Momentum of the spectrum.
        ideal: Spectrum that a joint probe starts with and is pulled to.
        squares: Decaying mean of the square of the largest gradient of a batch.
        batches: Number of batches that went into it.
        probe_step: Change of the spectrum per gradient in its first step; None before it.
        start_loss: Loss of the first batch before the first step; None before it.
        losses: Mean loss of each epoch so far.
        seconds: Time spent on these epochs [s].
        processor: Time of all threads of the processor that computed them [s].
    """

    phase: torch.Tensor
    spectrum: torch.Tensor
    ideal: torch.Tensor
    generator: np.random.Generator
    momentum: Nesterov = field(default_factory=Nesterov)
    probe_momentum: Nesterov = field(default_factory=Nesterov)
    squares: float = 0.0
    batches: int = 0
    probe_step: float | None = None
    start_loss: float | None = None
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
        """Make an almost empty object of a random phase that absorbs nothing, and the known probe.

        Args:
            seed: Seed of the phase and of the order of the positions.
            defocus: Defocus of the probe [Å]; None takes that of the objective.
        """
        generator, forward = np.random.default_rng(seed), self.objective.forward
        start = generator.uniform(0, _START_PHASE, (forward.slices, *forward.layout.shape))
        phase = torch.as_tensor(start).to(forward.device, forward.real)
        if self.settings.absorption:
            phase = torch.complex(phase, torch.zeros_like(phase))
        spectrum = self.objective.spectrum(defocus)
        if self.settings.probe == "joint":
            self.objective.keep_in_aperture(spectrum)
        return State(phase, spectrum, spectrum.clone(), generator)

    def epoch(self, state: State) -> None:
        """Visit every scan position that is not left out once, and note the mean loss."""
        settings, total, done = self.settings, 0.0, len(state.losses)
        order = state.generator.permutation(self.objective.fitted())
        progress = done / settings.epochs
        joint = settings.probe == "joint" and done >= settings.probe_start_epoch
        strongest = self._strongest(state.phase.real)
        longest = max(settings.step_rad, min(_STEP_SHARE * strongest, _LONGEST))
        stable = self.objective.stable_step * max(1.0, strongest / _WEAK)
        size = batch_size(self.objective.batch, progress)
        for batch in np.array_split(order, math.ceil(len(order) / size)):
            gradients = self.objective.gradients(state.phase, state.spectrum, batch, joint)
            if state.start_loss is None:
                state.start_loss = gradients.loss
            self._step(state, gradients.phase, longest, stable, progress)
            if gradients.probe is not None:
                self._step_probe(state, gradients.probe, decay(progress))
            total += gradients.loss * len(batch)
            progress += len(batch) / len(order) / settings.epochs
        state.losses.append(total / len(order))

    def _strongest(self, phase: torch.Tensor) -> float:
        """The 99.5 % quantile of the phase in the scanned region, of the strongest slice [rad]."""
        seen = phase[(slice(None), *self.objective.scanned)].flatten(1)
        most = max(1, round(_STRONG * seen.shape[1]))
        return float(seen.kthvalue(most, dim=1).values.max())

    def _step(
        self,
        state: State,
        gradient: torch.Tensor,
        longest: float,
        stable: float,
        progress: float,
    ) -> None:
        """Change the object.

        Args:
            state: Object and its momentum, changed in place.
            gradient: Gradient of one batch by the phase; its imaginary part is changed.
            longest: Change of the phase by a first step along a gradient of usual size [rad].
            stable: Longest step, a change of phase per gradient.
            progress: Share of the run that is done.
        """
        largest = float(gradient.real.abs().max())
        state.squares = _MEMORY * state.squares + (1 - _MEMORY) * largest**2
        state.batches += 1
        usual = max(math.sqrt(state.squares / (1 - _MEMORY**state.batches)), _TINY)
        step = min(longest / (_FIRST * usual), stable) * decay(progress)
        phase, regularise = state.phase, self.objective.regulariser
        effective = step / (1 - MOMENTUM)
        if phase.is_complex():
            gradient.imag.mul_(_ABSORPTION_STEP)
        state.momentum.step(phase, gradient, step)
        regularise(phase.real, effective, usual, progress)
        if phase.is_complex():
            regularise(phase.imag, _ABSORPTION_STEP * effective, usual, progress)
            phase.imag.clamp_(min=0)

    def _step_probe(self, state: State, gradient: torch.Tensor, shorter: float) -> None:
        """Change the probe.

        Args:
            state: Probe and its momentum, changed in place.
            gradient: Gradient of one batch by its spectrum.
            shorter: Length of the step relative to that of the first one.
        """
        settings, most = self.settings, self.objective.largest_probe_step
        if state.probe_step is None:
            allowed = settings.probe_step * float(state.spectrum.abs().max())
            state.probe_step = min(allowed / max(_FIRST * float(gradient.abs().max()), _TINY), most)
        step = state.probe_step * shorter
        state.probe_momentum.step(state.spectrum, gradient, step)
        # the proximal map of the penalty ½ λ |A - A_0|², which is stable for every weight
        weight = self.objective.probe_pull * step / (1 - MOMENTUM)
        state.spectrum.add_(state.ideal, alpha=weight).div_(1 + weight)
        self.objective.keep_in_aperture(state.spectrum)
