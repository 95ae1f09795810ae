"""Depths have one meaning: they count from the entrance surface, z = 0, vacuum included."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from samples import OPTICS, monolayer, simulated


def patterns(folder: Path, above: float, below: float, defocus: float) -> NDArray[np.float32]:
    optics = replace(OPTICS, defocus=defocus)
    data = simulated(folder / "data.h5", monolayer(folder, above, below), optics, (2, 3))
    return np.concatenate([block for _, block in data.blocks()])


def difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(np.abs(first - second).sum() / second.sum())


@pytest.mark.parametrize("above", [0.0, 60.0])
def test_the_layers_of_the_truth_begin_at_the_entrance_surface(
    tmp_path: Path, above: float
) -> None:
    data = simulated(tmp_path / "data.h5", monolayer(tmp_path, above, 20.0), OPTICS, (1, 2))
    assert data.truth is not None
    layers = data.truth.potential.array.sum(axis=(1, 2))
    thickness = data.truth.slice_thickness
    assert len(layers) * thickness == pytest.approx(above + 8 + 20)
    filled = np.flatnonzero(layers)
    atoms = above + np.array([4 - 3.19 / 2, 4, 4 + 3.19 / 2])  # S, Mo, S
    assert set(filled) == set((atoms // thickness).astype(int))


def test_vacuum_above_moves_the_focus_and_vacuum_below_does_nothing(tmp_path: Path) -> None:
    """A probe that is focused D further below, above D of vacuum, meets the layer alike."""
    here = patterns(tmp_path, 0.0, 0.0, defocus=-10.0)
    deep = patterns(tmp_path, 20.0, 14.0, defocus=10.0)
    assert difference(deep, here) < 0.004  # tails of the probe leave the window
    untold = patterns(tmp_path, 20.0, 14.0, defocus=-10.0)
    assert difference(untold, here) > 0.05
