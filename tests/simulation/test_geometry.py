"""Scan, probe and size of the sample, from the keys of a study."""

import numpy as np
import pytest

from ptychobasis.simulation.geometry import (
    claimed_optics,
    needed_size,
    scan_grid,
    simulated_optics,
    thickness,
)
from ptychobasis.simulation.settings import Crystal, Detector, Dislocation, Microscope, Scan

DETECTOR = Detector(window_angstrom=(10.0, 12.0), pixels=(20, 24))
SCAN = Scan(shape=(3, 5), step_angstrom=(2.0, 1.0))


def turned(degrees: float) -> Scan:
    return SCAN.model_copy(update={"rotation_degrees": degrees})


def test_a_scan_turns_from_x_towards_y() -> None:
    grid = scan_grid(turned(30.0))
    fast, slow = grid[0, 1] - grid[0, 0], grid[1, 0] - grid[0, 0]
    assert fast == pytest.approx([0.5, np.sqrt(3) / 2])  # (y, x): one step of 1 Å
    assert slow == pytest.approx([np.sqrt(3), -1])  # two, at a right angle to it
    assert grid.mean(axis=(0, 1)) == pytest.approx([0, 0])


def test_a_scan_that_is_not_turned_keeps_its_bits() -> None:
    assert (scan_grid(turned(0.0)) == scan_grid(SCAN)).all()
    assert scan_grid(SCAN)[0, 0].tolist() == [-2.0, -2.0]
    assert scan_grid(turned(90.0))[0, 0] == pytest.approx([-2.0, 2.0])


def test_the_sample_grows_with_the_turned_scan() -> None:
    size = np.array(needed_size(SCAN, DETECTOR))
    assert np.array(needed_size(turned(90.0), DETECTOR)) == pytest.approx(size)  # 4 x 4 Å
    diagonal = np.array(needed_size(turned(45.0), DETECTOR))
    assert diagonal - size == pytest.approx([np.sqrt(32) - 4] * 2)


def test_a_data_set_may_claim_another_focus() -> None:
    true = Microscope(voltage_kv=60.0, semi_angle_mrad=30.0, defocus_angstrom=50.0)
    claim = true.model_copy(update={"claimed_defocus_angstrom": -20.0})
    assert claimed_optics(true, DETECTOR) == simulated_optics(true, DETECTOR)
    assert simulated_optics(claim, DETECTOR).defocus == 50.0
    assert claimed_optics(claim, DETECTOR).defocus == -20.0


def test_the_thickness_of_the_dislocation_follows_from_its_keys() -> None:
    keys = Crystal(dislocation=Dislocation(), repeats=24)
    assert thickness(keys) == pytest.approx(24 * 5.431 / np.sqrt(2))
