"""Slices that act in several steps: their depths, gradients, and abTEM as a witness."""

from typing import Any, Literal

import numpy as np
import pytest
import shared
import torch
from ase import Atoms
from numpy.testing import assert_allclose
from through import differentiable, plain_patterns
from witness import abtem_scan

from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.forward.layout import lay_out_scan
from ptychobasis.forward.multislice import Multislice
from ptychobasis.forward.steps import Steps, one_step_each, propagation_steps, slab_borders
from ptychobasis.forward.waves import probe_spectrum, propagator

GRID = Grid((24, 20), (0.5, 0.4))
OPTICS = Optics(60e3, 0.03, 8.0, GRID)
POSITIONS = np.array([[0.0, 0.0], [0.7, 1.3], [2.1, 0.4], [1.0, 2.2]])
BATCH = np.array([3, 0, 2])
DEPTHS = (5.0, 15.0, 45.0)  # slabs 0-10, 10-30, 30-50 Å
DEMO = (0.0, 30.66, 61.33, 92.0)


def make(steps: Steps, optics: Optics = OPTICS, **keys: Any) -> tuple[Multislice, torch.Tensor]:
    """A model in double precision and the spectrum of its probe."""
    layout = lay_out_scan(optics.detector, POSITIONS)
    model = Multislice(layout, optics.wavelength, steps, dtype=torch.float64, **keys)
    return model, model.wave(probe_spectrum(optics.detector, optics))


def random_phase(model: Multislice, absorbs: bool = False) -> torch.Tensor:
    """Phase between 0 and 1; with absorption complex."""
    generator = torch.Generator().manual_seed(1)
    shape = (model.slices, *model.layout.shape)
    dtype = torch.complex128 if absorbs else torch.float64
    return torch.rand(shape, generator=generator, dtype=dtype)


def square_loss(intensities: torch.Tensor, batch: np.ndarray) -> torch.Tensor:
    """Some loss of the intensities that differs between positions."""
    wanted = torch.as_tensor(batch, dtype=intensities.dtype)[:, None, None] * 1e-4
    return (intensities - wanted).square().sum() / len(batch)


def plain(model: Multislice, phase: torch.Tensor, spectrum: torch.Tensor) -> torch.Tensor:
    """Patterns of a textbook's multislice, one thin slice for each step, for autograd."""
    depths, owners = model.steps
    thin = torch.stack([phase[owner] / owners.count(owner) for owner in owners])
    at_first = spectrum * torch.as_tensor(propagator(GRID, OPTICS.wavelength, depths[0]))
    distances = np.diff(depths).tolist()
    return plain_patterns(model, thin, at_first, BATCH, OPTICS.wavelength, distances)


def test_slabs_are_cut_into_equal_parts() -> None:
    assert slab_borders(DEPTHS) == [0, 10, 30, 50]
    steps = propagation_steps(DEPTHS, OPTICS, 8.0)
    assert steps.slices == (0, 0, 1, 1, 1, 2, 2, 2)
    assert_allclose(steps.depths, [2.5, 7.5, 40 / 3, 20, 80 / 3, 100 / 3, 40, 140 / 3])
    assert propagation_steps(DEPTHS, OPTICS, 200).depths == (5.0, 20.0, 40.0)


@pytest.mark.parametrize(
    ("step", "counts"), [(10.0, [1, 2, 2]), (9.8, [1, 2, 2]), (9.4, [2, 3, 3])]
)
def test_a_slab_may_be_a_little_thicker(step: float, counts: list[int]) -> None:
    found = propagation_steps(DEPTHS, OPTICS, step).slices
    assert [found.count(i) for i in range(3)] == counts


def test_the_default_study_would_take_six_steps_of_15_angstrom() -> None:
    steps = propagation_steps(DEMO, OPTICS, "auto")
    assert steps.slices == (0, 1, 1, 2, 2, 3)
    assert_allclose(np.diff(steps.depths), 15.3, atol=0.1)
    turn = np.pi * OPTICS.semi_angle**2 / OPTICS.wavelength  # phase of the aperture's edge per Å
    assert turn * max(np.diff(steps.depths)) == pytest.approx(0.88, rel=0.02)


@pytest.mark.parametrize(
    ("depths", "step"), [(DEMO, None), (DEPTHS, None), ((10.0,), "auto"), ((10.0,), 2.0)]
)
def test_slices_act_once_at_their_own_depth(
    depths: tuple[float, ...], step: float | Literal["auto"] | None
) -> None:
    assert propagation_steps(depths, OPTICS, step) == (depths, tuple(range(len(depths))))


@pytest.mark.parametrize("absorbs", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("detector", [None, (36, 25)])
@pytest.mark.parametrize("step", [None, 6.0])
def test_patterns_and_gradients_are_autograds(
    step: float | None, detector: tuple[int, int] | None, threads: int, absorbs: bool
) -> None:
    steps = propagation_steps(DEPTHS, OPTICS, step)
    model, spectrum = make(steps, detector=detector, threads=threads)
    phase = random_phase(model, absorbs)
    found = model.loss_and_gradient(phase, spectrum, BATCH, square_loss, probe=True)
    leaf, probe = phase.clone().requires_grad_(), spectrum.clone().requires_grad_()
    patterns = plain(model, leaf, probe)
    value = square_loss(patterns, BATCH)
    value.backward()
    assert found.loss == pytest.approx(value.item(), rel=1e-12)
    assert_allclose(model.intensities(phase, spectrum, BATCH), patterns.detach(), atol=1e-15)
    for ours, expected in ((found.phase, leaf.grad), (found.probe, probe.grad)):
        assert ours is not None
        assert expected is not None
        assert_allclose(ours, expected, rtol=0, atol=1e-12 * float(expected.abs().max()))


@pytest.mark.parametrize("absorbs", [False, True])
def test_the_gradient_is_the_slope(absorbs: bool) -> None:
    optics = shared.optics((6, 8), (0.7, 0.5), 8.0)
    model, spectrum = make(propagation_steps(DEPTHS, optics, 12.0), optics)
    assert len(model.steps.depths) == 5
    value = differentiable(model, spectrum, BATCH, square_loss)
    phase = random_phase(model, absorbs).requires_grad_()
    assert torch.autograd.gradcheck(value, (phase,), atol=1e-7)


def test_a_first_slice_below_the_surface_is_out_of_focus() -> None:
    """Vacuum above a slice is defocus, whose sign the closed form of the probe knows."""
    deep, spectrum = make(one_step_each((40.0,)))
    near, defocused = make(one_step_each((0.0,)), Optics(60e3, 0.03, 8.0 - 40.0, GRID))
    phase = random_phase(deep)
    expected = near.intensities(phase, defocused, BATCH)
    assert_allclose(deep.intensities(phase, spectrum, BATCH), expected, atol=1e-15)
    other = near.intensities(phase, spectrum, BATCH)
    assert abs(other - expected).sum() > 0.1 * expected.sum()


def test_absorption_takes_its_share_of_the_beam() -> None:
    """An even μ in each of three slices leaves exp(-2 Σμ) of every pattern, in any steps."""
    model, spectrum = make(propagation_steps(DEPTHS, OPTICS, 6.0))
    phase = random_phase(model)
    even = torch.tensor([0.1, 0.03, 0.2], dtype=torch.float64)[:, None, None].expand_as(phase)
    found = model.intensities(torch.complex(phase, even), spectrum, BATCH)
    expected = np.exp(-2 * 0.33) * model.intensities(phase, spectrum, BATCH)
    assert_allclose(found, expected, rtol=1e-12, atol=1e-18)


def test_vacuum_above_and_below_is_vacuum() -> None:
    """Empty slices change nothing, wherever they are."""
    deep, spectrum = make(one_step_each((12.0, 25.0)))
    phase = random_phase(deep)
    empty = torch.zeros_like(phase[:1])
    whole, _ = make(one_step_each((0.0, 12.0, 25.0, 47.0)))
    expected = whole.intensities(torch.cat([empty, phase, empty]), spectrum, BATCH)
    assert_allclose(deep.intensities(phase, spectrum, BATCH), expected, atol=1e-15)


def silicon_under_vacuum(vacuum: float) -> Atoms:
    """Vacuum, then 16 Å with columns of two kinds, then 16 Å with others, then 8 Å of vacuum."""
    upper = [("C", 3.1, 4.0), ("Si", 5.9, 8.1)]
    lower = [("O", 4.9, 7.2), ("Si", 2.2, 5.1)]
    rows = [(kind, (x, y, vacuum + z)) for kind, x, y in upper for z in range(1, 16, 2)]
    rows += [(kind, (x, y, vacuum + z)) for kind, x, y in lower for z in range(17, 32, 2)]
    cell = (GRID.extent[1], GRID.extent[0], vacuum + 40.0)
    return Atoms([kind for kind, _ in rows], [place for _, place in rows], cell=cell, pbc=True)


FINE = Grid((48, 40), (0.25, 0.2))


@pytest.mark.parametrize("vacuum", [0.0, 10.0])
def test_finer_steps_agree_better_with_abtem(vacuum: float) -> None:
    """Two slices hold the true potential of 16 layers; abTEM passes it layer by layer."""
    optics, layer = Optics(60e3, 0.03, 8.0, FINE), 2.0
    # abTEM's wave meets a layer at its upper side, and ours in its middle
    upper = Optics(60e3, 0.03, 8.0 - layer / 2, FINE)
    places = np.array([[6.0, 4.0], [5.3, 4.41], [7.9, 3.2]])
    layers, expected, layout = abtem_scan(silicon_under_vacuum(vacuum), upper, places, layer)
    first = round(vacuum / layer)
    slabs = layers[first : first + 16].reshape(2, 8, *FINE.shape).sum(1)
    assert abs(layers).sum() == pytest.approx(abs(layers[first : first + 16]).sum(), rel=1e-12)

    def error(steps: Steps) -> float:
        model = Multislice(layout, optics.wavelength, steps, dtype=torch.float64)
        spectrum = model.wave(probe_spectrum(FINE, optics))
        found = model.intensities(torch.as_tensor(slabs), spectrum, np.arange(len(places)))
        return float(abs(found.numpy() - expected).sum() / expected.sum())

    def below(longest: float | None) -> Steps:
        depths, owners = propagation_steps((8.0, 24.0), optics, longest)
        return Steps(tuple(depth + vacuum for depth in depths), owners)

    errors = [error(below(longest)) for longest in (None, 8.0, 4.0, 2.0)]
    print("disagreement with abTEM, 1 to 8 steps:", *(f"{each:.1e}" for each in errors))
    assert errors[0] > 3 * errors[1] > 9 * errors[2]
    assert errors[3] < 1e-6 < errors[2]
    # the probe used to act on the first slice as it is at the surface
    assert error(Steps(tuple(d - 8.0 - vacuum for d in below(None).depths), (0, 1))) > errors[0]
