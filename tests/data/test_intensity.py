"""The scale of the intensities follows from the electrons, which are conserved."""

from pathlib import Path

import numpy as np
import pytest
import shared

from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.data.dataset import Dataset, read_dataset, write_dataset
from ptychobasis.data.intensity import beam_currents, current_change, intensity_scale
from ptychobasis.data.preparation import prepare_dataset


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


@pytest.mark.parametrize("fall", [0.0, 0.05, 0.2, 0.5])
def test_a_beam_that_fades_is_noticed(fall: float) -> None:
    totals = np.random.default_rng(1).poisson(1e4 * np.linspace(1, 1 - fall, 400)) / 1e4
    good = np.ones(400, bool)
    good[:40] = False
    totals[:40] = 0
    # means of eight parts of 45 of 400 patterns, from the 40th to the last
    first, last = (1 - fall * (at / 399) for at in (62, 377))
    expected = (first - last) / (1 - fall * 219.5 / 399)
    assert current_change(totals, good, reached()) == pytest.approx(expected, abs=0.005)
    assert current_change(totals, good, reached(edge=1.2)) == 0  # the others may have gone beyond


def test_a_fading_beam_is_refused_unless_each_pattern_is_scaled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    optics = Optics(60e3, 0.02, 0.0, Grid((48, 40), (0.25, 0.25)))
    inside = optics.bright_field() / optics.bright_field().sum()
    steps = np.stack(np.meshgrid(np.arange(8.0), np.arange(9.0), indexing="ij"), axis=-1)

    def faded(fall: float) -> Dataset:
        currents = np.linspace(1, 1 - fall, 72).reshape(8, 9, 1, 1)
        path = tmp_path / f"{fall}.h5"
        write_dataset(path, optics, steps, (inside * currents).astype(np.float32))
        return read_dataset(path)

    assert prepare_dataset(faded(0.05)).scale == pytest.approx(1)
    # the first and the last nine of 72 patterns are 63 apart: 0.3 * 63 / 71 over a mean of 0.85
    with pytest.raises(StudyError, match=r"have 31% more electrons .*intensity_scale: pattern"):
        prepare_dataset(faded(0.3))
    assert "as when the beam current changes" not in caplog.text
    prepare_dataset(faded(0.3), scaling="none")
    assert "as when the beam current changes" in caplog.text
    scaled = prepare_dataset(faded(0.3), scaling="pattern").dataset
    totals = np.concatenate([block.sum(axis=(1, 2)) for _, block in scaled.blocks()])
    np.testing.assert_allclose(totals, totals[0], rtol=1e-5)


def test_patterns_without_a_disc_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    optics = Optics(60e3, 0.02, 0.0, Grid((48, 40), (0.25, 0.25)))
    steps = np.stack(np.meshgrid(np.arange(3.0), np.arange(4.0), indexing="ij"), axis=-1)
    write_dataset(tmp_path / "a.h5", optics, steps, np.full((3, 4, 48, 40), 1 / 1920))
    assert prepare_dataset(read_dataset(tmp_path / "a.h5")).disc is None
    assert "shows no edge of a bright-field disc" in caplog.text
