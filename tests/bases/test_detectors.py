"""Rings, segments and moments: what they see, their symmetry, what they refuse."""

import numpy as np
import pytest
import shared
from numpy.typing import NDArray

from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics

Float = NDArray[np.floating]
# another number of pixels and another size of them along y and x
OPTICS = shared.optics((48, 60), (0.5, 0.35))
DISC = OPTICS.bright_field()
RADIUS = OPTICS.polar_frequencies()[0]
KY, KX = np.broadcast_arrays(*OPTICS.detector.frequencies())
CENTRE = tuple(n // 2 for n in OPTICS.detector.shape)


def make(name: str, size: int) -> Basis:
    return build_basis(name, Request(OPTICS, size))


def pictures(name: str, size: int) -> Float:
    return make(name, size).masks().astype(float)


def flipped(masks: Float, axes: tuple[int, ...]) -> Float:
    """Mirrored about the optical axis; the rows that have no partner are dark."""
    return np.roll(np.flip(masks, axes), 1, axes)


def refusal(name: str, size: int) -> str:
    with pytest.raises(StudyError) as caught:
        make(name, size)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("name", "size"), [("annular", 1), ("annular", 5), ("segmented", 12)])
def test_masks_divide_the_disc_into_pixels_of_equal_weight(name: str, size: int) -> None:
    masks = pictures(name, size)
    np.testing.assert_array_equal((masks > 0).sum(axis=0), DISC)
    assert (masks >= 0).all()
    for mask in masks:
        seen = mask[mask > 0]
        np.testing.assert_allclose(seen, seen.size**-0.5, rtol=1e-6)


# rings


@pytest.mark.parametrize("count", [2, 3, 6])
def test_rings_have_equal_width_and_go_outwards(count: int) -> None:
    for ring, mask in enumerate(pictures("annular", count)):
        inner, outer = RADIUS[mask > 0].min(), RADIUS[mask > 0].max()
        pixel = 1 / 12  # radii of the disc
        assert ring / count <= inner < ring / count + pixel
        assert (ring + 1) / count - pixel < outer <= (ring + 1) / count


def test_one_ring_is_the_disc() -> None:
    np.testing.assert_allclose(pictures("annular", 1)[0], DISC / np.sqrt(DISC.sum()), rtol=1e-6)


@pytest.mark.parametrize("axes", [(-2,), (-1,), (-2, -1)])
def test_rings_are_symmetric(axes: tuple[int, ...]) -> None:
    masks = pictures("annular", 5)
    np.testing.assert_array_equal(flipped(masks, axes), masks)


def test_rings_keep_the_mean_of_each_ring() -> None:
    basis, x = make("annular", 3), np.random.default_rng(0).random(OPTICS.detector.shape)
    kept = basis.adjoint(basis.forward(x))
    for mask in basis.masks() > 0:
        np.testing.assert_allclose(kept[mask], x[mask].mean(), rtol=1e-5)


def test_too_fine_rings_are_refused() -> None:
    assert "allowed are fewer masks" in refusal("annular", 40)
    assert "40 parts are too many for the basis 'annular'" in refusal("annular", 40)


def test_rings_of_which_only_the_outermost_is_empty_are_refused() -> None:
    """Pixels lie at 0, 0.36, 0.51, 0.71 and 0.80 radii: none in the last of five rings."""
    optics = Optics(60e3, 2.8 / 24 * OPTICS.wavelength, 0.0, Grid((24, 24), (1.0, 1.0)))
    assert build_basis("annular", Request(optics, 1)).support.sum() == 21
    with pytest.raises(StudyError, match="1 would hold no pixel"):
        build_basis("annular", Request(optics, 5))


# segments


def test_quadrants_lie_where_they_should() -> None:
    for mask, (y, x) in zip(
        pictures("segmented", 4), [(1, 1), (1, -1), (-1, -1), (-1, 1)], strict=True
    ):
        assert (y * KY[mask > 0]).min() >= 0
        assert (x * KX[mask > 0]).min() >= 0


def test_segments_of_a_ring_make_up_the_ring() -> None:
    rings = pictures("annular", 3) > 0
    segments = pictures("segmented", 12) > 0
    np.testing.assert_array_equal(segments.reshape(3, 4, *DISC.shape).sum(axis=1), rings)


def test_segments_opposite_each_other_are_alike_but_for_the_centre() -> None:
    masks = pictures("segmented", 12).reshape(3, 4, *DISC.shape) > 0
    opposite = flipped(np.roll(masks, 2, axis=1), (-2, -1))
    different = (masks != opposite).any(axis=(0, 1))
    np.testing.assert_array_equal(np.argwhere(different), [CENTRE])


@pytest.mark.parametrize(
    ("size", "near"), [(1, "4"), (3, "4"), (6, "4, 8"), (17, "16, 20"), (0, "4")]
)
def test_other_numbers_of_segments_are_refused(size: int, near: str) -> None:
    told = refusal("segmented", size)
    assert f"of {size} segments" in told
    assert f"(nearest: {near})" in told


def test_too_fine_segments_are_refused() -> None:
    assert "80 parts are too many for the basis 'segmented'" in refusal("segmented", 80)


# moments


def test_three_numbers_are_the_centre_of_mass_and_the_dose() -> None:
    x = np.random.default_rng(1).random(OPTICS.detector.shape)
    y, along_x, dose = make("moments", 3).forward(x).astype(float)
    seen = x[DISC]
    assert dose * np.sqrt(DISC.sum()) == pytest.approx(seen.sum(), rel=1e-5)
    for found, k in ((y, KY[DISC]), (along_x, KX[DISC])):
        assert found * np.linalg.norm(k) == pytest.approx((k * seen).sum(), rel=1e-4)


def test_three_moments_are_three_zernike_polynomials() -> None:
    piston, tilt_y, tilt_x = pictures("zernike", 3)
    np.testing.assert_allclose(pictures("moments", 3), [tilt_y, tilt_x, piston], atol=1e-6)


def test_the_rest_of_the_moments_are_rings() -> None:
    np.testing.assert_array_equal(pictures("moments", 6)[2:], pictures("annular", 4))


def test_moments_are_odd_along_their_axis_and_even_along_the_other() -> None:
    y, x = pictures("moments", 3)[:2]
    np.testing.assert_array_equal(flipped(y, (0,)), -y)
    np.testing.assert_array_equal(flipped(y, (1,)), y)
    np.testing.assert_array_equal(flipped(x, (1,)), -x)
    np.testing.assert_array_equal(flipped(x, (0,)), x)


@pytest.mark.parametrize("size", [0, 1, 2])
def test_fewer_than_three_moments_are_refused(size: int) -> None:
    assert f"{size} masks do not hold the two moments" in refusal("moments", size)
    assert "allowed: 3 or more" in refusal("moments", size)


def test_moments_with_too_fine_rings_are_refused() -> None:
    assert "40 parts are too many for the basis 'moments'" in refusal("moments", 42)
