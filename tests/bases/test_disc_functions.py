"""Disc harmonics, Walsh functions and random signs: closed forms, order, symmetry, refusals."""

import numpy as np
import pytest
import shared
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import linalg
from scipy.special import jnp_zeros, jv, jvp

from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.disc_functions import disc_vibrations, walsh
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.errors import StudyError
from ptychobasis.core.optics import Optics

Float = NDArray[np.floating]
# another number of pixels and another size of them along y and x
OPTICS = shared.optics((48, 60), (0.5, 0.35))
SMALL = shared.optics((20, 24), (0.5, 0.35))
FINE = shared.optics((160, 150), (0.35, 0.37))  # radius about 35 pixels


def make(name: str, size: int, optics: Optics = OPTICS) -> Basis:
    return build_basis(name, Request(optics, size))


def seen(name: str, size: int, optics: Optics = OPTICS) -> Float:
    """The masks as they are defined, ``(masks, pixels of the disc)``."""
    return make(name, size, optics).as_given().masks()[:, optics.bright_field()].astype(float)


@pytest.mark.parametrize("name", ["zernike", "disc-harmonics", "hadamard", "random"])
def test_more_masks_than_pixels_are_refused(name: str) -> None:
    pixels = int(SMALL.bright_field().sum())
    with pytest.raises(StudyError, match=f"{pixels + 1} masks do not fit .* 1 to {pixels}$"):
        make(name, pixels + 1, SMALL)


@pytest.mark.parametrize("name", ["zernike", "disc-harmonics", "hadamard", "random"])
def test_a_smaller_basis_holds_the_first_masks_of_a_larger(name: str) -> None:
    np.testing.assert_allclose(seen(name, 6), seen(name, 21)[:6], atol=1e-6)


# disc harmonics


def test_vibrations_begin_as_in_the_tables() -> None:
    """Abramowitz and Stegun, table 9.5: zeros of the derivatives of the Bessel functions."""
    zeros = [0, *[1.84118] * 2, *[3.05424] * 2, 3.83171, *[4.20119] * 2, *[5.31755] * 2]
    orders = [0, -1, 1, -2, 2, 0, -3, 3, -4, 4]
    found = disc_vibrations(10)
    np.testing.assert_allclose([zero for zero, _ in found], zeros, atol=1e-5)
    assert [m for _, m in found] == orders


def test_no_vibration_is_missing() -> None:
    table = [0.0, *jnp_zeros(0, 20), *(z for m in range(1, 60) for z in [*jnp_zeros(m, 20)] * 2)]
    table.sort()
    for count in [*range(1, 70), 200, 700]:
        found = [zero for zero, _ in disc_vibrations(count)]
        np.testing.assert_allclose(found, table[:count], rtol=1e-12)


def test_the_rim_is_free() -> None:
    for zero, m in disc_vibrations(50):
        assert jvp(abs(m), zero) == pytest.approx(0, abs=1e-9)


def test_harmonics_are_bessel_functions_but_for_sampling() -> None:
    rho, theta = (values[FINE.bright_field()] for values in FINE.polar_frequencies())
    masks = seen("disc-harmonics", 17, FINE)
    for mask, (zero, m) in zip(masks, disc_vibrations(17), strict=True):
        angular = np.cos(m * theta) if m >= 0 else np.sin(-m * theta)
        expected = jv(abs(m), zero * rho) * angular
        assert mask @ expected / np.linalg.norm(expected) > 0.998, (zero, m)


def test_the_first_harmonic_is_constant() -> None:
    masks = seen("disc-harmonics", 5)
    np.testing.assert_allclose(masks[0], masks.shape[1] ** -0.5, rtol=1e-6)


def test_sines_are_odd_along_y_and_cosines_even() -> None:
    pictures = make("disc-harmonics", 17).masks()  # no pair is cut in two
    mirrored = np.roll(np.flip(pictures, 1), 1, 1)
    for picture, mirror, (_, m) in zip(pictures, mirrored, disc_vibrations(17), strict=True):
        np.testing.assert_allclose(mirror, picture if m >= 0 else -picture, atol=1e-6)


def test_dependent_harmonics_are_refused() -> None:
    pixels = int(SMALL.bright_field().sum())
    with pytest.raises(StudyError, match=f"{pixels} disc harmonics are not independent"):
        make("disc-harmonics", pixels, SMALL)


# Walsh functions


def test_walsh_functions_are_the_rows_of_a_hadamard_matrix_by_sign_changes() -> None:
    natural = linalg.hadamard(16)
    changes = (np.diff(natural, axis=1) != 0).sum(axis=1)
    t = (np.arange(16) + 0.5) / 16
    found = np.stack([walsh(n, t) for n in range(16)])
    np.testing.assert_array_equal(found, natural[np.argsort(changes)])


@given(st.integers(0, 300))
def test_walsh_functions_change_sign_as_often_as_they_say(n: int) -> None:
    values = walsh(n, (np.arange(512) + 0.5) / 512)
    assert values[0] == 1
    assert (np.diff(values) != 0).sum() == n


def test_walsh_masks_have_two_values_and_unit_norm() -> None:
    masks = seen("hadamard", 36)
    np.testing.assert_allclose(np.abs(masks), masks.shape[1] ** -0.5, rtol=1e-6)
    assert (masks[0] > 0).all()


def test_walsh_masks_come_by_their_sign_changes_along_y_and_x() -> None:
    rows, columns = (n // 2 for n in OPTICS.detector.shape)
    order = []
    for mask in make("hadamard", 21).as_given().masks():
        # a line beside the axis that no change of sign of these orders runs along
        along_y, along_x = mask[:, columns + 1], mask[rows + 1]
        order.append(
            tuple(
                int((np.diff(np.sign(line[line != 0])) != 0).sum()) for line in (along_y, along_x)
            )
        )
    assert order == [(total - q, q) for total in range(6) for q in range(total + 1)]


def test_first_walsh_masks_tell_the_halves_of_the_disc_apart() -> None:
    ky, kx = np.broadcast_arrays(*OPTICS.detector.frequencies())
    disc = OPTICS.bright_field()
    _, along_y, along_x = seen("hadamard", 3)
    np.testing.assert_array_equal(along_y < 0, ky[disc] >= 0)
    np.testing.assert_array_equal(along_x < 0, kx[disc] >= 0)


@pytest.mark.parametrize("size", [64, 100, 200])
def test_walsh_masks_are_independent_at_any_size(size: int) -> None:
    """Also where the corners of the square, which the disc lacks, would make them dependent."""
    assert np.linalg.svd(seen("hadamard", size), compute_uv=False)[-1] > 1e-3


def test_as_many_walsh_masks_as_pixels_lose_nothing() -> None:
    pixels = int(SMALL.bright_field().sum())
    assert np.linalg.matrix_rank(seen("hadamard", pixels, SMALL)) == pixels


# random signs


def test_random_masks_begin_with_signs_and_are_always_the_same() -> None:
    masks = seen("random", 9)
    np.testing.assert_array_equal(masks, seen("random", 9))
    np.testing.assert_allclose(np.abs(masks[0]), masks.shape[1] ** -0.5, rtol=1e-6)
    assert 0.4 < (masks[0] > 0).mean() < 0.6


def test_random_masks_span_their_signs() -> None:
    masks = seen("random", 9)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], masks.shape)
    np.testing.assert_allclose((signs @ masks.T) @ masks, signs, atol=1e-5)


def test_as_many_random_masks_as_pixels_lose_nothing() -> None:
    pixels = int(SMALL.bright_field().sum())
    masks = seen("random", pixels, SMALL)
    np.testing.assert_allclose(masks.T @ masks, np.eye(pixels), atol=1e-5)
