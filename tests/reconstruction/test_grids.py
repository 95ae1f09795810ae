"""Grids of the model: as small as sample and probe allow, and never smaller."""

from dataclasses import replace

import numpy as np
import pytest
import shared

from ptychobasis.bases.basis import Request
from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.errors import StudyError
from ptychobasis.core.optics import Optics
from ptychobasis.forward.waves import crop_probe, probe_spectrum, propagator
from ptychobasis.reconstruction.grids import (
    PROBE,
    fewest_pixels,
    forward_grids,
    smallest_window,
)
from ptychobasis.reconstruction.settings import ReconstructionSettings

OPTICS = shared.optics((250, 240), (0.14, 0.14))


def scattering(reach: float) -> np.ndarray:
    """A sample that scatters evenly up to a radius [1/Å], and not beyond."""
    radii = np.arange(1, 120) / 35
    return np.stack([radii, np.minimum(radii / reach, 1)])


def data(optics: Optics = OPTICS, reach: float = 1.0) -> Compressed:
    basis = build_basis("pixels", Request(optics))
    positions = np.array([[0.0, 0.0], [1.0, 0.0]])
    return Compressed(
        np.zeros((2, basis.size), np.float32), positions, basis, optics, scattering(reach)
    )


def test_a_weak_sample_needs_three_apertures() -> None:
    y, x = fewest_pixels(OPTICS, scattering(0.7))
    for count, length in zip((y, x), OPTICS.detector.extent, strict=True):
        assert 3 * OPTICS.aperture <= count / (2 * length) < 3.3 * OPTICS.aperture


def test_a_sample_that_scatters_further_needs_more() -> None:
    found = [fewest_pixels(OPTICS, scattering(reach))[0] for reach in (0.7, 2.5, 3.0, 3.4)]
    assert found == sorted(found)
    assert found[0] < found[1] < found[-1] <= 250


@pytest.mark.parametrize("known", [None, np.array([[1.0, 2.0], [0.5, 0.6]])])
def test_without_knowing_how_far_all_pixels_are_kept(known: np.ndarray | None) -> None:
    assert fewest_pixels(OPTICS, known) == (250, 240)


@pytest.mark.parametrize("defocus", [0.0, 80.0, -60.0])
def test_the_window_holds_the_probe_at_every_depth(defocus: float) -> None:
    optics, depths = replace(OPTICS, defocus=defocus), (0.0, 50.0, 92.0)
    shape = smallest_window(optics, optics.detector, depths)
    spectrum = probe_spectrum(optics.detector, optics)

    def least(shape: tuple[int, int]) -> float:
        waves = (
            spectrum * propagator(optics.detector, optics.wavelength, depth) for depth in depths
        )
        return min(float((np.abs(crop_probe(wave, shape)) ** 2).sum()) for wave in waves)

    assert least(shape) >= PROBE
    assert least((int(0.8 * shape[0]), int(0.8 * shape[1]))) < PROBE
    assert shape[0] < 250


def test_a_probe_out_of_focus_needs_a_larger_window() -> None:
    sizes = [
        smallest_window(replace(OPTICS, defocus=defocus), OPTICS.detector, (0.0,))[0]
        for defocus in (0.0, 150.0, 300.0)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_what_is_asked_for_is_taken() -> None:
    settings = ReconstructionSettings(model_pixels=(100, 96), window_angstrom=(14.0, 21.0))
    detector, window = forward_grids(data(), settings)
    assert detector.shape == (100, 96)
    assert detector.extent == pytest.approx(OPTICS.detector.extent)
    assert window.sampling == detector.sampling
    assert window.extent == pytest.approx((14.0, 21.0), abs=0.35)


def test_null_is_everything() -> None:
    settings = ReconstructionSettings(model_pixels=None, window_angstrom=None)
    assert forward_grids(data(), settings) == (OPTICS.detector, OPTICS.detector)


def test_auto_is_the_default_and_smaller() -> None:
    detector, window = forward_grids(data(), ReconstructionSettings())
    assert detector.shape[0] < 250
    assert window.shape[0] < detector.shape[0]
    assert window.sampling == detector.sampling


def test_a_window_beyond_the_detectors_is_refused() -> None:
    settings = ReconstructionSettings(window_angstrom=(36.0, 20.0))
    with pytest.raises(StudyError, match=r"window_angstrom is \[36\.0, 20\.0\]; allowed: up to"):
        forward_grids(data(), settings)
