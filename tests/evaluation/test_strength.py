"""Strengths and places, which a correlation does not see, have their right values."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ptychobasis.core.volume import Volume
from ptychobasis.evaluation.strength import column_positions, slice_scales
from ptychobasis.evaluation.window import apodisation_window

SAMPLING, SHAPE, ORIGIN = (0.25, 0.2), (80, 110), (-3.0, 5.0)
PLACES = np.array([(y, x) for y in np.arange(3, 18, 2.3) for x in np.arange(3, 20, 2.9)])
HEIGHTS = np.where(np.arange(len(PLACES)) % 3 == 0, 0.4, 1.0)  # light and heavy columns


def crystal(places: NDArray[np.floating] = PLACES, slices: int = 2) -> Volume:
    """Columns of Gaussian atoms at places [Å] from the first pixel on."""
    y, x = (np.arange(n) * d for n, d in zip(SHAPE, SAMPLING, strict=True))
    rows, columns = (
        np.exp(-((axis[:, None] - places[:, i]) ** 2) / (2 * 0.35**2))
        for i, axis in ((0, y), (1, x))
    )
    return Volume(np.stack([(HEIGHTS * rows) @ columns.T] * slices), SAMPLING, ORIGIN)


WINDOW = apodisation_window(crystal().grid, 2.0)


def changed(change: NDArray[np.floating]) -> Volume:
    return Volume(crystal().array + change, SAMPLING, ORIGIN)


def test_the_scale_of_each_slice_is_found() -> None:
    true = crystal()
    found = Volume(true.array * [[[0.5]], [[1.5]]], SAMPLING, ORIGIN)
    scales, scale = slice_scales(found, true, WINDOW)
    np.testing.assert_allclose(scales, [0.5, 1.5], rtol=1e-12)
    assert scale == pytest.approx(1.0)


def test_planes_and_noise_are_no_strength() -> None:
    noise = np.random.default_rng(0).normal(scale=0.05, size=(2, *SHAPE))
    tilted = changed(noise + 3 + 0.05 * np.arange(SHAPE[1]))
    scales, _ = slice_scales(tilted, crystal(), WINDOW)
    np.testing.assert_allclose(scales, 1, atol=0.02)


def test_a_flat_truth_has_no_strength() -> None:
    flat = Volume(np.zeros((2, *SHAPE)), SAMPLING, ORIGIN)
    scales, scale = slice_scales(crystal(), flat, WINDOW)
    assert np.isnan(scales).all()
    assert np.isnan(scale)


def test_places_are_those_of_the_columns() -> None:
    found = column_positions(crystal(), crystal(), WINDOW)
    inside = PLACES + ORIGIN
    distance = np.linalg.norm(found.places[:, None] - inside, axis=-1).min(axis=1)
    assert len(found.places) > 20
    assert distance.max() < 0.01
    assert found.error_pm == pytest.approx(0, abs=1e-6)
    assert found.found == 1


@pytest.mark.parametrize("shift", [(0.05, 0.0), (0.0, -0.05), (0.03, 0.04)])
def test_one_column_moved_by_5_pm_is_reported_as_such(shift: tuple[float, float]) -> None:
    places = PLACES.copy()
    moved = 24
    places[moved] += shift
    found = column_positions(crystal(places), crystal(), WINDOW)
    which = np.linalg.norm(found.places - ORIGIN - PLACES[moved], axis=1).argmin()
    assert 100 * found.distances[which] == pytest.approx(5, abs=0.1)
    others = np.delete(found.distances, which)
    assert 100 * others.max() < 0.1
    assert found.error_pm == pytest.approx(5 / np.sqrt(len(found.distances)), rel=0.05)


def test_random_displacements_have_their_root_mean_square() -> None:
    steps = np.random.default_rng(1).normal(scale=0.08, size=PLACES.shape)
    found = column_positions(crystal(PLACES + steps), crystal(), WINDOW)
    used = [np.linalg.norm(PLACES + ORIGIN - place, axis=1).argmin() for place in found.places]
    expected = 100 * np.sqrt((steps[used] ** 2).sum(axis=1).mean())
    assert found.error_pm == pytest.approx(expected, rel=0.02)


def test_a_missing_column_is_not_found_and_has_no_place() -> None:
    without = np.delete(np.arange(len(PLACES)), 24)
    y, x = (np.arange(n) * d for n, d in zip(SHAPE, SAMPLING, strict=True))
    gone = PLACES[24]
    atom = np.exp(-((y[:, None] - gone[0]) ** 2 + (x - gone[1]) ** 2) / (2 * 0.35**2))
    found = column_positions(changed(-HEIGHTS[24] * atom), crystal(), WINDOW)
    assert np.isnan(found.distances).sum() == 1
    assert found.found == pytest.approx(1 - 1 / len(found.distances))
    assert found.error_pm < 0.1
    assert len(without) == len(PLACES) - 1


def test_few_or_no_columns_tell_nothing() -> None:
    lone = crystal(PLACES[[24] * len(PLACES)])
    found = column_positions(lone, lone, WINDOW)
    assert len(found.distances) < 4
    assert np.isnan(found.error_pm)
    assert np.isnan(found.found)
    flat = Volume(np.zeros((2, *SHAPE)), SAMPLING, ORIGIN)
    assert np.isnan(column_positions(flat, flat, WINDOW).error_pm)
