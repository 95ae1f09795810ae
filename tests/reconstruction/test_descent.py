"""The descent against torch's own optimiser, bit for bit."""

import subprocess
import sys
from dataclasses import dataclass

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


@pytest.mark.parametrize("epochs", [0, 2, 5])  # before and after the probe begins
def test_a_restored_state_goes_on_to_the_same_bits(descent: Descent, epochs: int) -> None:
    state, other = after(descent, descent.start(1), epochs), descent.start(2)
    other.restore(state.content())
    after(descent, state, 3)
    after(descent, other, 3)
    assert torch.equal(state.phase, other.phase)
    assert torch.equal(state.spectrum, other.spectrum)
    assert state.losses == other.losses
    assert state.content().keys() == other.content().keys()


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
