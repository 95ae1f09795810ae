"""A volume knows where it lies: cut, brought onto other pixels, moved."""

import numpy as np
import pytest

from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.core.volume import Volume, resample

SAMPLING = (0.25, 0.2)


def spot(y: float, x: float) -> Volume:
    """A smooth atom at (y, x) [Å] on pixels that are not square."""
    origin, shape = (-3.0, 2.0), (60, 70)
    rows = origin[0] + np.arange(shape[0]) * SAMPLING[0] - y
    columns = origin[1] + np.arange(shape[1]) * SAMPLING[1] - x
    return Volume(np.exp(-(rows[:, None] ** 2) - columns**2)[None], SAMPLING, origin)


def test_the_crop_holds_the_pixels_between_the_outer_positions() -> None:
    whole = Volume(np.arange(70 * 92.0).reshape(1, 70, 92), (0.5, 0.25), (1.0, -2.0))
    found = whole.cropped([[3.0, 0.1], [9.2, 6.0]])
    assert found.array.shape == (1, 13, 24)  # 3.0 … 9.0 Å, 0.25 … 6.0 Å
    assert found.origin == (3.0, 0.25)
    assert found.array[0, 0, 0] == whole.array[0, 4, 9]


def test_a_scan_outside_or_too_small_is_refused() -> None:
    whole = Volume(np.zeros((1, 20, 20)), (0.5, 0.5), (0.0, 0.0))
    with pytest.raises(StudyError, match="coordinate system"):
        whole.cropped([[0, 0], [30, 5]])
    with pytest.raises(StudyError, match="at least 8"):
        whole.cropped([[1, 1], [9, 2]])


def test_an_atom_stays_where_it_is_on_other_pixels() -> None:
    there = spot(2.2, 7.1)
    found = there.on(Grid((30, 31), (0.3, 0.31)), (-1.1, 3.3))
    expected = np.exp(
        -((-1.1 + np.arange(30) * 0.3 - 2.2)[:, None] ** 2)
        - (3.3 + np.arange(31) * 0.31 - 7.1) ** 2
    )
    np.testing.assert_allclose(found.array[0], expected, atol=1e-3)
    assert (found.sampling, found.origin) == ((0.3, 0.31), (-1.1, 3.3))


def test_pixels_beyond_the_volume_are_refused() -> None:
    with pytest.raises(StudyError, match=r"the truth covers y = -3\.125 … 11\.88 Å"):
        spot(0, 5).on(Grid((10, 10), (2.0, 0.2)), (0.0, 3.0), "the truth")


def test_the_content_moves_towards_larger_coordinates() -> None:
    found = spot(2.0, 7.0).shifted((0.33, -0.71))
    np.testing.assert_allclose(found.array, spot(2.33, 6.29).array, atol=1e-6)
    assert found.origin == spot(0, 0).origin


def test_resampling_onto_the_same_grid_changes_nothing() -> None:
    field = Volume(np.random.default_rng(0).normal(size=(2, 21, 34)), SAMPLING, (3, -2))
    np.testing.assert_allclose(resample(field, field.grid, (3, -2)), field.array, atol=1e-12)


def test_resampling_keeps_constants_and_drops_what_the_target_cannot_hold() -> None:
    x = (np.arange(200) + 0.5) * 0.1
    fine = np.cos(2 * np.pi * 2.0 * x)  # Nyquist of the target is 1.25 1/Å
    volume = Volume(5 + fine * np.ones((1, 100, 1)), (0.1, 0.1), (0, 0))
    result = resample(volume, Grid((20, 40), (0.4, 0.4)), (0.17, 0.09))
    np.testing.assert_allclose(result, 5, atol=1e-10)


def test_edges_are_half_a_pixel_outside_of_the_centres() -> None:
    assert spot(0, 5).edges == pytest.approx((1.9, 15.9, 11.875, -3.125))


def test_a_volume_is_an_array_for_numpy() -> None:
    made = spot(0, 5)
    np.testing.assert_array_equal(np.asarray(made), made.array)
    assert np.asarray(made, np.float32).dtype == np.float32
