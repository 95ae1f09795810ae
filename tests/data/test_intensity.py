"""The scale of the intensities follows from the electrons, which are conserved."""

from pathlib import Path

import numpy as np
import pytest
import shared

from ptychobasis.data.dataset import read_dataset, write_dataset
from ptychobasis.data.intensity import beam_currents, intensity_scale


def reached(reach: float = 0.7, edge: float = 3.0) -> np.ndarray:
    """Electrons within a radius, in units of the aperture, that fall off exponentially."""
    radii = np.linspace(0.05, edge, 60)
    return np.stack([radii, 1 - np.exp(-((radii / reach) ** 1.0)) * 0.9])


@pytest.mark.parametrize("factor", [0.05, 0.5, 0.8, 1.3])
def test_a_wrong_normalisation_is_found(factor: float) -> None:
    within = reached()
    within[1] *= factor
    assert intensity_scale(within) == pytest.approx(factor, rel=0.02)


@pytest.mark.parametrize("factor", [0.93, 1.0, 1.05])
def test_a_scale_near_one_is_one(factor: float) -> None:
    within = reached()
    within[1] *= factor
    assert intensity_scale(within) == 1


def test_a_camera_that_loses_many_electrons_tells_no_scale() -> None:
    within = reached(edge=1.2)
    assert within[1, -1] < 0.9
    assert intensity_scale(within) == 1


def test_an_empty_pattern_has_no_scale() -> None:
    assert intensity_scale(np.stack([np.linspace(0.1, 1, 10), np.zeros(10)])) == 1


def test_currents_are_relative_to_the_median_of_good_patterns() -> None:
    totals = np.array([0.9, 0.45, 0.0, 0.9, 0.99])
    good = np.array([True, True, False, True, True])
    np.testing.assert_allclose(beam_currents(totals, good), [1, 0.5, 1, 1, 1.1])


def test_scaled_patterns_are_those_of_a_steady_beam(tmp_path: Path) -> None:
    optics = shared.optics((24, 20), (0.35, 0.35))
    steady = np.random.default_rng(0).random((3, 4, 24, 20)).astype(np.float32)
    currents = np.linspace(1, 0.8, 12, dtype=np.float32)
    falling = steady * currents.reshape(3, 4, 1, 1)
    write_dataset(tmp_path / "a.h5", optics, shared.positions((3, 4)), falling)
    data = read_dataset(tmp_path / "a.h5").scaled(currents)
    read = np.concatenate([block for _, block in data.blocks(5 * 24 * 20 * 4)])
    np.testing.assert_allclose(read, steady.reshape(12, 24, 20), rtol=1e-6)
    np.testing.assert_allclose(data.pattern(2, 3), steady[2, 3], rtol=1e-6)
    halved = read_dataset(tmp_path / "a.h5").scaled(0.5)
    np.testing.assert_allclose(halved.pattern(1, 0), 2 * falling[1, 0], rtol=1e-6)
    assert read_dataset(tmp_path / "a.h5").scaled(np.ones(1)).scale is None
