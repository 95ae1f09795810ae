"""Regularisation: proximal maps against what defines them, and what they do to reconstructions."""

import numpy as np
import pytest
import torch
from skimage.restoration import denoise_tv_chambolle

from ptychobasis.core.grid import Grid
from ptychobasis.reconstruction.regularisation import (
    Regulariser,
    Scales,
    beam_penalty,
    smooth_along_beam,
    smooth_variation,
)
from ptychobasis.reconstruction.settings import ReconstructionSettings as Settings

GRID = Grid((24, 21), (0.3, 0.34))
SCANNED = slice(4, 20), slice(5, 17)
SCALES = Scales(curvature=2.0, dilution=0.5, length=0.4)
DEPTHS = (0.0, 10.0, 20.0, 26.0)
# each slice stands for what is nearest to its depth, of a sample of 26 Å
WIDTHS = (5.0, 10.0, 8.0, 3.0)


def noise(*shape: int) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(0).normal(size=shape))


def regulariser(**settings: object) -> Regulariser:
    keys = {"slice_depths_angstrom": DEPTHS, "positivity": False, "total_variation": 0}
    keys |= {"smoothness_along_beam": 0, "strength_along_beam": 0}
    return Regulariser(Settings.model_validate(keys | settings), GRID, SCALES, SCANNED)


def difference_penalty(phase: torch.Tensor) -> torch.Tensor:
    """½ Σ of squared differences of neighbouring slices, per thickness."""
    mean = sum(WIDTHS) / len(WIDTHS)
    even = [part * mean / width for part, width in zip(phase, WIDTHS, strict=True)]
    pairs = zip(even[1:], even[:-1], strict=True)
    return sum(((a - b).square().sum() for a, b in pairs), torch.zeros(())) / 2


def slopes(phase: torch.Tensor, steps: tuple[float, float]) -> torch.Tensor:
    """|∇φ|; the square root has no slope at zero."""
    down = torch.nn.functional.pad(phase.diff(dim=1), (0, 0, 0, 1)) * steps[0]
    right = torch.nn.functional.pad(phase.diff(dim=2), (0, 1)) * steps[1]
    return (down**2 + right**2 + 1e-30).sqrt()


def variation(phase: torch.Tensor, steps: tuple[float, float]) -> float:
    return float(slopes(phase, steps).sum())


def test_the_beam_penalty_is_its_definition() -> None:
    phase = noise(4, 5, 6).requires_grad_()
    (gradient,) = torch.autograd.grad(difference_penalty(phase), phase)
    by_hand = torch.tensordot(torch.as_tensor(beam_penalty(DEPTHS)), phase.detach(), dims=1)
    torch.testing.assert_close(by_hand, gradient, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("weight", [1e-3, 0.7, 1e4])
def test_smoothing_along_the_beam_solves_its_equation(weight: float) -> None:
    """p + w ∂R/∂p = φ at the minimum of ½|p - φ|² + w R(p), the gradient by autograd."""
    phase = noise(4, 5, 6)
    found = smooth_along_beam(phase, beam_penalty(DEPTHS), weight).requires_grad_()
    (gradient,) = torch.autograd.grad(difference_penalty(found), found)
    torch.testing.assert_close(found.detach() + weight * gradient, phase, rtol=1e-9, atol=1e-9)


def test_an_even_sample_is_left_as_it_is() -> None:
    even = torch.tensor(WIDTHS, dtype=torch.float64)[:, None, None] * noise(1, 5, 6)
    again = smooth_along_beam(even, beam_penalty(DEPTHS), 100.0)
    torch.testing.assert_close(again, even, rtol=1e-9, atol=1e-9)


def test_one_slice_has_no_neighbours() -> None:
    phase = noise(1, *GRID.shape)
    before = phase.clone()
    regulariser(slice_depths_angstrom=(7.0,), smoothness_along_beam=5.0)(phase, 1.0, 1.0)
    assert torch.equal(phase, before)


def test_smooth_variation_follows_its_gradient_on_pixels_that_are_not_square() -> None:
    """The gradient of Huber's function of the slope, by autograd."""
    weight, steps = 0.2, (1.3, 0.8)
    corner = 4 * weight * (1.3**2 + 0.8**2)
    phase = noise(2, 12, 9).requires_grad_()
    slope = slopes(phase, steps)
    assert 0.1 < (slope < corner).double().mean() < 0.9
    huber = torch.where(slope < corner, slope**2 / (2 * corner), slope - corner / 2)
    (gradient,) = torch.autograd.grad(huber.sum(), phase)
    found = smooth_variation(phase.detach(), weight, steps)
    torch.testing.assert_close(found, phase.detach() - weight * gradient)


def test_small_steps_find_the_minimum_that_scikit_image_finds() -> None:
    """Of ½|p - φ|² + w TV(p), by turns along the one and the other."""
    picture, weight, step = noise(1, 20, 17), 0.6, 2e-3
    found = picture
    for _ in range(6000):
        found = smooth_variation(found - step * (found - picture), step * weight)
    theirs = denoise_tv_chambolle(picture[0].numpy(), weight, eps=1e-12, max_num_iter=20000)
    np.testing.assert_allclose(found[0].numpy(), theirs, atol=0.02)
    assert theirs.std() < 0.5 * picture.numpy().std()


@pytest.mark.parametrize("weight", [1e-3, 1.0, 1e3])
def test_no_weight_makes_total_variation_grow(weight: float) -> None:
    phase = noise(3, 8, 9)
    mean = phase.mean((1, 2))
    for _ in range(20):
        before, phase = variation(phase, (1.0, 1.0)), smooth_variation(phase, weight)
        assert variation(phase, (1.0, 1.0)) < before
    torch.testing.assert_close(phase.mean((1, 2)), mean)


def test_an_even_slice_has_no_variation_to_lose() -> None:
    even = torch.full((2, 8, 9), 0.3, dtype=torch.float64)
    torch.testing.assert_close(smooth_variation(even, 5.0), even)


def test_the_band_limit_leaves_the_band_alone() -> None:
    phase = noise(4, *GRID.shape)
    before = torch.fft.fft2(phase)
    regulariser(band_limit_per_angstrom=0.9)(phase, 1.0, 1.0)
    after = torch.fft.fft2(phase)
    ky, kx = GRID.frequencies()
    inside = torch.as_tensor(np.fft.ifftshift(np.hypot(ky, kx) <= 0.9))
    assert 0.1 < inside.double().mean() < 0.5
    torch.testing.assert_close(after[:, inside], before[:, inside])
    assert after[:, ~inside].abs().max() < 1e-12


def test_weights_are_relative_to_the_data() -> None:
    """Ten times the loss asks for a tenth of the step and leaves the same penalty."""
    smooth = {
        "smoothness_along_beam": 0.1, "strength_along_beam": 0.2, "total_variation": 0.2,
    }  # fmt: skip
    first, second = noise(4, *GRID.shape), noise(4, *GRID.shape)
    keys = Settings.model_validate({"slice_depths_angstrom": DEPTHS} | smooth)
    Regulariser(keys, GRID, SCALES, SCANNED)(first, 0.3, 1.5)
    louder = Scales(10 * SCALES.curvature, SCALES.dilution, SCALES.length)
    Regulariser(keys, GRID, louder, SCANNED)(second, 0.03, 15.0)
    torch.testing.assert_close(first, second)


def test_each_key_does_its_part_and_no_key_does_nothing() -> None:
    rough = noise(4, *GRID.shape)

    def treated(**settings: object) -> torch.Tensor:
        phase = rough.clone()
        regulariser(**settings)(phase, 0.5, 1.0)
        return phase

    assert torch.equal(treated(), rough)
    assert treated(positivity=True).min() == 0
    beam = treated(smoothness_along_beam=0.5)
    assert difference_penalty(beam) < 0.8 * difference_penalty(rough)
    steps = (SCALES.length / 0.3, SCALES.length / 0.34)
    assert variation(treated(total_variation=0.5), steps) < 0.9 * variation(rough, steps)
