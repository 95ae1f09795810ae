"""The loss against its formula in numpy, and its gradient through the whole multislice."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import shared
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from through import differentiable

from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.dark_field import dark_field
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import centred_slices
from ptychobasis.core.optics import Optics
from ptychobasis.forward.layout import lay_out_scan
from ptychobasis.forward.multislice import Multislice
from ptychobasis.forward.steps import one_step_each
from ptychobasis.forward.waves import probe_spectrum
from ptychobasis.reconstruction.losses import CoefficientLoss, LossKind

Float = NDArray[np.floating]
OPTICS = shared.optics((13, 16), (0.4, 0.35))
PAPER = shared.paper_optics()
SHAPE = OPTICS.detector.shape
SIZES = {"binning": 2, "zernike": 6, "svd": 4}
NAMES = ["pixels", "bright-field", "binning", "zernike", "svd", "oblique"]
KINDS: list[tuple[LossKind, str]] = [
    *(("intensity", name) for name in NAMES),
    ("amplitude", "pixels"),
    ("amplitude", "bright-field"),
]
DARK = ["none", "donut", "bins", "pixels"]
ALL = np.arange(5)


def make(name: str, optics: Optics = OPTICS) -> Basis:
    """A basis by name; ``oblique`` has masks that are not orthogonal and reach into the dark."""
    if name == "oblique":
        support = optics.polar_frequencies()[0] < 1.4
        matrix = np.random.default_rng(1).normal(size=(3, support.sum()))
        return Basis(name, support, matrix.astype(np.float32))

    def vectors(support: NDArray[np.bool_], count: int) -> Float:
        seen = np.random.default_rng(2).random((count, support.sum()))
        return np.linalg.svd(seen, full_matrices=False)[2]

    return build_basis(name, Request(optics, SIZES.get(name, 0), vectors))


def make_dark(kind: str, basis: Basis) -> Basis | None:
    return None if kind == "none" else dark_field(kind, basis.support, edge=2)


def random_patterns(count: int, seed: int = 0, shape: tuple[int, int] = SHAPE) -> Float:
    return np.random.default_rng(seed).random((count, *shape))


def uncentred(patterns: Float) -> torch.Tensor:
    return torch.as_tensor(np.fft.ifftshift(patterns, axes=(-2, -1)))


def double(loss: CoefficientLoss) -> CoefficientLoss:
    return loss.to(torch.device("cpu"), torch.float64)


@pytest.mark.parametrize("dark", DARK)
@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_value_is_the_formula(kind: LossKind, name: str, dark: str) -> None:
    basis = make(name)
    zero = make_dark(dark, basis) if name != "pixels" else None
    stored = basis.forward(random_patterns(5))
    predicted = random_patterns(3, seed=9)
    batch = np.array([4, 0, 2])
    loss = double(CoefficientLoss(basis, stored, SHAPE, kind, zero))
    found = float(loss(uncentred(predicted), batch))

    masks = basis.masks().astype(float)
    c, c_star = np.einsum("nyx,myx->nm", predicted, masks), stored.astype(float)
    if kind == "amplitude":
        c, c_star = np.sqrt(c), np.sqrt(c_star)
    expected = np.square(c - c_star[batch]).sum()
    if zero is not None:
        dark_part = np.einsum("nyx,myx->nm", predicted, zero.masks().astype(float))
        assert np.square(dark_part).sum() > 1e-2
        expected += np.square(dark_part).sum()
    expected /= np.square(c_star).sum(axis=1).mean() * 3
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_zero_at_the_truth(kind: LossKind, name: str) -> None:
    """Exactly the stored patterns, dark outside the basis, give no loss; others do."""
    basis = make(name)
    x = random_patterns(5) * basis.support
    zero = make_dark("donut", basis) if name != "pixels" else None
    loss = double(CoefficientLoss(basis, basis.forward(x), SHAPE, kind, zero))
    assert float(loss(uncentred(x), ALL)) < 1e-11
    assert float(loss(uncentred(x[::-1].copy()), ALL)) > 1e-4


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_units_of_the_intensity_do_not_count(kind: LossKind, name: str) -> None:
    """Except between stored amplitudes and dark-field intensities, which are not of a kind."""
    basis = make(name)
    x, predicted = random_patterns(5), random_patterns(5, seed=3)
    zero = make_dark("bins", basis) if name != "pixels" and kind == "intensity" else None
    values = []
    for scale in (1.0, 1e-3):
        stored = basis.forward(x * scale)
        loss = double(CoefficientLoss(basis, stored, SHAPE, kind, zero))
        values.append(float(loss(uncentred(predicted * scale), ALL)))
    assert values[1] == pytest.approx(values[0], rel=1e-4)


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_batches_add_up(kind: LossKind, name: str) -> None:
    basis, predicted = make(name), random_patterns(5, seed=3)
    zero = make_dark("bins", basis) if name != "pixels" else None
    loss = double(CoefficientLoss(basis, basis.forward(random_patterns(5)), SHAPE, kind, zero))
    whole = float(loss(uncentred(predicted), ALL))
    parts = [np.array([3, 1]), np.array([0, 2, 4])]
    total = sum(float(loss(uncentred(predicted[part]), part)) * len(part) for part in parts)
    assert total / 5 == pytest.approx(whole, rel=1e-12)


def test_curvature_does_not_ask_for_orthonormal_masks() -> None:
    """Masks times a factor make the same loss, so they allow the same steps; no others do more."""
    basis, x = make("oblique"), random_patterns(5)
    matrix = np.asarray(basis.matrix)
    longest = np.linalg.svd(matrix)[2][:1]  # the combination of pixels that the masks lengthen most
    stored, found = basis.forward(x), []
    for factor in (1, 7):
        scaled = Basis("scaled", basis.support, factor * matrix)
        loss = CoefficientLoss(scaled, factor * stored, SHAPE)
        found.append(loss.curvature(0.1, 0.2))
        change = np.zeros((1, *SHAPE))
        change[:, basis.support] = longest
        double(loss)
        stored_pattern = uncentred(x[:1])
        grown = float(loss(stored_pattern + uncentred(change), np.array([0])))
        # along it, the loss grows as half its second derivative by the intensities
        assert 2 * 0.1 * 0.2 * 4 * grown == pytest.approx(found[-1], rel=1e-4)
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_an_empty_pattern_does_not_blow_up_its_batch() -> None:
    """There is one denominator for the whole scan."""
    basis, x = make("bright-field"), random_patterns(5)
    x[2] = 0
    loss = double(CoefficientLoss(basis, basis.forward(x), SHAPE))
    predicted = uncentred(random_patterns(1, seed=4))
    assert 0 < float(loss(predicted, np.array([2]))) < 10


@pytest.mark.parametrize("shape", [(9, 12), (8, 11), (13, 10), (10, 16)])
@pytest.mark.parametrize("kind", ["intensity", "amplitude"])
def test_pixels_outside_a_smaller_model_are_left_out(
    kind: LossKind, shape: tuple[int, int]
) -> None:
    cut = centred_slices(SHAPE, shape)
    x, predicted = random_patterns(5), random_patterns(5, seed=6, shape=shape)
    stored = make("pixels").forward(x)
    found = double(CoefficientLoss(make("pixels"), stored, shape, kind))(uncentred(predicted), ALL)
    power = 1.0 if kind == "intensity" else 0.5
    inside = x[:, cut[0], cut[1]] ** power
    expected = np.square(predicted**power - inside).sum() / np.square(inside).sum()
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(9, 12), (16, 20), (9, 20)])
@pytest.mark.parametrize("name", NAMES[1:])
def test_masks_on_another_model_see_the_same(name: str, shape: tuple[int, int]) -> None:
    basis = make(name)
    x = random_patterns(5) * basis.support
    moved = basis.on_shape(shape)
    on_model = np.zeros((5, *shape))
    on_model[:, moved.support] = x[:, basis.support]
    zero = dark_field("donut", moved.support)
    loss = double(CoefficientLoss(basis, basis.forward(x), shape, zero=zero))
    assert float(loss(uncentred(on_model), ALL)) < 1e-11


def test_masks_beyond_the_model_are_refused() -> None:
    basis = make("zernike")
    stored = basis.forward(random_patterns(5))
    with pytest.raises(StudyError, match="5 x 16 pixels is too small for the masks of 'zernike'"):
        CoefficientLoss(basis, stored, (5, 16))


@pytest.mark.parametrize("name", NAMES[2:])
def test_amplitudes_of_masks_are_refused(name: str) -> None:
    basis = make(name)
    stored = basis.forward(random_patterns(5))
    with pytest.raises(StudyError, match=r"loss 'amplitude' needs pixels.*allowed for it"):
        CoefficientLoss(basis, stored, SHAPE, "amplitude")


def test_the_slope_is_finite_where_no_electron_is_predicted() -> None:
    basis = make("pixels")
    loss = double(CoefficientLoss(basis, basis.forward(random_patterns(5)), SHAPE, "amplitude"))
    nothing = torch.zeros((5, *SHAPE), dtype=torch.float64, requires_grad=True)
    loss(nothing, ALL).backward()
    assert nothing.grad is not None
    assert torch.isfinite(nothing.grad).all()


@pytest.mark.parametrize("overlap", [False, True])
def test_sparse_masks_are_the_dense_ones(overlap: bool) -> None:
    basis = make("bright-field")
    dense = np.random.default_rng(5).normal(size=(7, (~basis.support).sum())).astype(np.float32)
    dense[np.random.default_rng(6).random(dense.shape) < 0.8] = 0
    if not overlap:
        dense[np.cumsum(dense != 0, axis=0) > 1] = 0
    assert ((dense != 0).sum(axis=0) > 1).any() == overlap
    stored, found = basis.forward(random_patterns(5)), []
    for matrix in (dense, csr_array(dense)):
        zero = Basis("mine", ~basis.support, matrix)
        predicted = uncentred(random_patterns(5, seed=3)).requires_grad_()
        value = double(CoefficientLoss(basis, stored, SHAPE, zero=zero))(predicted, ALL)
        value.backward()
        found.append((value.item(), predicted.grad))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-12)
    torch.testing.assert_close(found[1][1], found[0][1], rtol=1e-12, atol=1e-15)


def test_sums_over_bins_are_the_same_bits_every_time() -> None:
    basis = make("bright-field", PAPER)
    stored = basis.forward(random_patterns(4, shape=PAPER.detector.shape))
    loss = CoefficientLoss(basis, stored, PAPER.detector.shape, zero=make_dark("bins", basis))
    predicted = uncentred(random_patterns(4, shape=PAPER.detector.shape)).float()
    found = set()
    for _ in range(3):
        gradient, value = torch.func.grad_and_value(loss)(predicted, np.arange(4))
        found.add((value.item(), gradient.numpy().tobytes()))
    assert len(found) == 1


# through the whole forward model

TINY = shared.optics((9, 8), (0.42, 0.5), 5.0)


def through_multislice(
    kind: LossKind, name: str, dark: str
) -> tuple[Callable[[torch.Tensor], torch.Tensor], torch.Tensor]:
    """Loss of an object of two slices at two positions, and where to differentiate it."""
    layout = lay_out_scan(TINY.detector, np.array([[0.0, 0.0], [0.3, 0.6]]))
    model = Multislice(layout, TINY.wavelength, one_step_each((0.0, 11.0)), dtype=torch.float64)
    basis = make(name, TINY)
    stored = basis.forward(random_patterns(2, shape=TINY.detector.shape) / 72)
    loss = double(CoefficientLoss(basis, stored, TINY.detector.shape, kind, make_dark(dark, basis)))
    generator = torch.Generator().manual_seed(4)
    phase = torch.rand((2, *layout.shape), generator=generator, dtype=torch.float64)
    spectrum = model.wave(probe_spectrum(TINY.detector, TINY))
    spectrum = spectrum + 0.02 * torch.randn(spectrum.shape, generator=generator).to(spectrum)
    return differentiable(model, spectrum, np.arange(2), loss), phase.requires_grad_()


CHECKED = [
    (kind, name, dark)
    for kind, name in KINDS
    for dark in DARK
    if not (name == "pixels" and dark != "none")
]


@pytest.mark.parametrize(("kind", "name", "dark"), CHECKED)
def test_gradient_of_every_loss_and_basis(kind: LossKind, name: str, dark: str) -> None:
    value, phase = through_multislice(kind, name, dark)
    assert torch.autograd.gradcheck(value, (phase,), atol=1e-7, rtol=1e-4, fast_mode=True)


@pytest.mark.parametrize(("kind", "name"), [("intensity", "zernike"), ("amplitude", "pixels")])
def test_gradient_element_by_element(kind: LossKind, name: str) -> None:
    value, phase = through_multislice(kind, name, "donut" if name == "zernike" else "none")
    assert torch.autograd.gradcheck(value, (phase,), atol=1e-7, rtol=1e-4)


def test_descent_along_the_gradient_lowers_the_loss_as_predicted() -> None:
    value, phase = through_multislice("intensity", "zernike", "bins")
    before = value(phase)
    before.backward()
    assert phase.grad is not None
    step = 1e-6 / float(phase.grad.norm())
    after = value(phase.detach() - step * phase.grad)
    expected = step * float(phase.grad.square().sum())
    assert math.isclose(float((before - after).detach()), expected, rel_tol=1e-3)
