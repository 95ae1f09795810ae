"""The descent against torch's own optimiser, bit for bit."""

import math
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from ptychobasis.bases.basis import Request
from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.reconstruction.descent import Descent, State
from ptychobasis.reconstruction.momentum import MOMENTUM
from ptychobasis.reconstruction.objective import prepare
from ptychobasis.reconstruction.regularisation import Regulariser, Scales
from ptychobasis.reconstruction.settings import ReconstructionSettings

OPTICS = Optics(60e3, 0.03, 0.0, Grid((32, 28), (0.3, 0.34)))


@dataclass
class Reference:
    """Momentum by torch."""

    velocity: torch.Tensor | None = None
    optimiser: torch.optim.SGD | None = None

    def step(self, values: torch.Tensor, gradient: torch.Tensor, length: float) -> None:
        if self.optimiser is None:
            self.optimiser = torch.optim.SGD([values], momentum=MOMENTUM, nesterov=True)
        values.grad = gradient
        self.optimiser.param_groups[0]["lr"] = length
        self.optimiser.step()


@pytest.fixture(scope="module")
def descent() -> Descent:
    """Smooth patterns of no particular object, to be explained with a joint probe."""
    bright = OPTICS.bright_field()
    strengths = np.random.default_rng(0).uniform(0.6, 1.0, (25, 1, 1))
    basis = build_basis("zernike", Request(OPTICS, 15))
    positions = np.moveaxis(np.mgrid[0:5, 0:5], 0, -1).reshape(-1, 2).astype(float)
    stored = basis.forward(bright / bright.sum() * strengths)
    data = Compressed(stored, positions, basis, OPTICS)
    settings = ReconstructionSettings(
        left_out=0, slice_depths_angstrom=(0.0, 15.0), epochs=40, batch=8, probe="joint",
        probe_start_epoch=3,
        device="cpu",
    )  # fmt: skip
    return Descent(prepare(data, settings, torch.device("cpu")), settings)


def after(descent: Descent, state: State, epochs: int) -> State:
    for _ in range(epochs):
        descent.epoch(state)
    return state


@pytest.mark.parametrize("epochs", [1, 40])
def test_object_and_probe_are_those_of_torchs_optimiser(descent: Descent, epochs: int) -> None:
    ours, theirs = descent.start(1), descent.start(1)
    theirs.momentum, theirs.probe_momentum = Reference(), Reference()  # type: ignore[assignment]
    start = ours.phase.clone(), ours.spectrum.clone()
    after(descent, ours, epochs)
    after(descent, theirs, epochs)
    assert torch.equal(ours.phase, theirs.phase)
    assert torch.equal(ours.spectrum, theirs.spectrum)
    assert ours.losses == theirs.losses
    assert not torch.equal(ours.phase, start[0])
    assert torch.equal(ours.spectrum, start[1]) == (epochs == 1)  # the probe begins later


@pytest.mark.parametrize("absorption", [False, True])
@pytest.mark.parametrize("epochs", [0, 2, 5])  # before and after the probe begins
def test_a_restored_state_goes_on_to_the_same_bits(
    descent: Descent, epochs: int, absorption: bool
) -> None:
    settings = descent.settings.model_copy(update={"absorption": absorption})
    descent = Descent(descent.objective, settings)
    state, other = after(descent, descent.start(1), epochs), descent.start(2)
    other.restore(state.content())
    after(descent, state, 3)
    after(descent, other, 3)
    assert torch.equal(state.phase, other.phase)
    assert torch.equal(state.spectrum, other.spectrum)
    assert state.losses == other.losses
    assert state.content().keys() == other.content().keys()
    assert state.phase.is_complex() == absorption


@pytest.mark.parametrize("band_limit", [None, 1.0])
def test_absorption_begins_at_zero_and_stays_above(
    descent: Descent, band_limit: float | None
) -> None:
    keys = {"absorption": True, "positivity": False, "band_limit_per_angstrom": band_limit}
    settings = descent.settings.model_copy(update=keys)
    objective, grid = descent.objective, descent.objective.forward.layout.object_grid
    scales = Scales(curvature=1.0, dilution=0.1, length=0.4)
    regulariser = Regulariser(settings, grid, scales, objective.scanned)
    absorbing = Descent(replace(objective, regulariser=regulariser), settings)
    state = absorbing.start(1)
    assert torch.equal(state.phase.real, descent.start(1).phase)
    assert not state.phase.imag.any()
    after(absorbing, state, 3)
    assert state.phase.imag.min() == 0 < state.phase.imag.max()
    assert state.phase.real.min() < 0


def test_a_weak_sample_takes_no_step_beyond_the_curvature(descent: Descent) -> None:
    """The first change of phase is (1 + β) t ∂L/∂φ."""
    free = {"total_variation": 0, "smoothness_along_beam": 0, "strength_along_beam": 0}
    settings = descent.settings.model_copy(update={**free, "positivity": False})
    every, objective = np.arange(25), descent.objective
    grid, scales = objective.forward.layout.object_grid, Scales(1.0, 0.1, 0.4)
    regulariser = Regulariser(settings, grid, scales, objective.scanned)
    for stable, strength in ((1.0, 0.0), (1.0, 2.0), (math.inf, 0.0)):
        bounded = replace(objective, regulariser=regulariser, batch=25, stable_step=stable)
        state = Descent(bounded, settings).start(1)
        state.phase += strength
        start = state.phase.clone()
        gradient = objective.gradients(start, state.spectrum, every, probe=False).phase
        Descent(bounded, settings).epoch(state)
        largest, change = float(gradient.abs().max()), (state.phase - start).abs().max()
        longest = max(settings.step_rad, 0.05 * (strength + 0.01))
        allowed = 1.9 * stable * max(1.0, (strength + 0.01) / 0.5) * largest
        assert float(change) == pytest.approx(min(longest, allowed), rel=0.01)


def test_without_penalties_absorption_steps_a_tenth_as_far(descent: Descent) -> None:
    """Along its own gradient, which is positive somewhere."""
    free = {"total_variation": 0, "smoothness_along_beam": 0, "strength_along_beam": 0}
    settings = descent.settings.model_copy(
        update={**free, "absorption": True, "positivity": False, "batch": 25}
    )
    objective = descent.objective
    scales = Scales(curvature=1.0, dilution=0.1, length=0.4)
    grid = objective.forward.layout.object_grid
    regulariser = Regulariser(settings, grid, scales, objective.scanned)
    objective = replace(objective, regulariser=regulariser, batch=25, stable_step=math.inf)
    absorbing = Descent(objective, settings)
    state = absorbing.start(1)
    start, every = state.phase.clone(), np.arange(25)
    gradient = objective.gradients(start, state.spectrum, every, probe=False).phase
    absorbing.epoch(state)
    change, ratio = state.phase - start, settings.step_rad / float(gradient.real.abs().max())
    torch.testing.assert_close(change.real, -ratio * gradient.real, rtol=1e-3, atol=1e-6)
    expected = (-0.1 * ratio * gradient.imag).clamp(min=0)
    torch.testing.assert_close(change.imag, expected, rtol=1e-3, atol=1e-6)
    assert expected.any()


@pytest.mark.slow
def test_a_job_loads_neither_torchs_compiler_nor_dask() -> None:
    """Each takes longer than all that a small reconstruction computes."""
    code = """
import sys
import numpy as np
import torch
from tests.reconstruction.test_descent import descent
from ptychobasis.reconstruction import task
made = descent.__wrapped__() if hasattr(descent, "__wrapped__") else descent._fixture_function()
made.epoch(made.start(1))
print(*(name for name in ("torch._dynamo", "dask", "distributed", "scipy.optimize", "abtem",
                          "matplotlib", "pandas") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
