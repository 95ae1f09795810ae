"""The compared field is what the scan encloses, whatever its outline."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from ptychobasis.core.errors import StudyError
from ptychobasis.core.volume import Volume
from ptychobasis.evaluation.compare import compare
from ptychobasis.evaluation.fsc import band_mean, fourier_shell_correlation
from ptychobasis.evaluation.window import apodisation_window, inside_scan, scan_window

Array = NDArray[np.floating]
STEP, EDGE, BAND = 0.4, 2.0, (0.15, 1.1)
AXIS = -27.6 + np.arange(139) * STEP


def rectangle(step: tuple[float, float] = (1.0, 1.3)) -> Array:
    y, x = (np.arange(-14, 14.01, each) for each in step)
    return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)


def turned(degrees: float) -> Array:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return rectangle() @ np.array([[c, -s], [s, c]])


def spiral() -> Array:
    n = np.arange(600)
    radius, angle = 0.6 * np.sqrt(n), n * np.pi * (3 - 5**0.5)
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=-1)


def corner() -> Array:
    points = rectangle().reshape(-1, 2)
    return points[~(points > 0).all(axis=1)]


SCANS = {"turned 10": turned(10), "turned 45": turned(45), "spiral": spiral(), "L": corner()}


@cache
def noise(seed: int) -> Array:
    """Random phases of two slices, up to 1.2 1/Å."""
    spectrum = np.fft.fft2(np.random.default_rng(seed).normal(size=(2, 139, 139)))
    q = np.fft.fftfreq(139, STEP)
    return np.fft.ifft2(spectrum * (np.hypot(q[:, None], q) < 1.2)).real


def volume(array: Array) -> Volume:
    return Volume(array, (STEP, STEP), (float(AXIS[0]), float(AXIS[0])))


def lit(positions: Array) -> NDArray[np.bool_]:
    """Pixels that get a quarter of the usual dose of a probe of 1 Å."""
    points = positions.reshape(-1, 2)
    rows, columns = (np.exp(-((AXIS[:, None] - points[:, i]) ** 2) / 2) for i in (0, 1))
    dose = rows @ columns.T
    return dose > 0.25 * np.median(dose[dose > 0.5 * dose.max()])


@pytest.mark.parametrize("step", [(1.0, 1.0), (1.0, 1.3), (0.3, 3.1), (0.97, 2.03)])
def test_a_scan_that_fills_its_box_has_the_boxs_window_to_the_bit(
    step: tuple[float, float],
) -> None:
    positions = rectangle(step) + np.array([0.113, -0.07])
    field = volume(noise(0)).cropped(positions)
    window = scan_window(field, positions, EDGE)
    np.testing.assert_array_equal(window, apodisation_window(field.grid, EDGE))


@pytest.mark.parametrize("name", SCANS)
def test_what_was_never_lit_does_not_count(name: str) -> None:
    """The truth where the probe was and nothing elsewhere is a perfect reconstruction."""
    positions, truth = SCANS[name], noise(1)
    target = volume(truth).cropped(positions)
    found = volume(truth * lit(positions)).cropped(positions)
    window = scan_window(target, positions, EDGE)
    agreement = compare(found, target, window)
    assert band_mean(agreement.curves["volume"], *BAND) == pytest.approx(1, abs=1e-3)
    assert agreement.measured["volume"]["scale"] == pytest.approx(1, abs=1e-3)
    box = apodisation_window(target.grid, EDGE)
    whole = fourier_shell_correlation(found.array, target.array, target.sampling, box)
    assert band_mean(whole, *BAND) < 0.98  # which the bounding box held against it


def score(positions: Array) -> float:
    """Mean correlation of a noisy object that is known where the scan lit it."""
    target = volume(noise(1)).cropped(positions)
    found = volume((noise(1) + 0.3 * noise(2)) * lit(positions)).cropped(positions)
    curve = compare(found, target, scan_window(target, positions, EDGE)).curves["volume"]
    return band_mean(curve, *BAND)


@pytest.fixture(scope="module")
def in_a_rectangle() -> float:
    return score(rectangle())


@pytest.mark.parametrize("name", SCANS)
def test_noise_costs_as_much_as_in_a_rectangle(name: str, in_a_rectangle: float) -> None:
    assert in_a_rectangle == pytest.approx(1 / np.sqrt(1.09), abs=0.01)  # √(SNR / (1 + SNR))
    assert score(SCANS[name]) == pytest.approx(in_a_rectangle, abs=0.005)


def test_the_outline_follows_a_notch_and_closes_over_a_missing_position() -> None:
    field = volume(noise(0)).cropped(corner())
    y, x = (field.origin[i] + np.arange(field.grid.shape[i]) * STEP for i in (0, 1))
    inside = inside_scan(field, corner())
    assert not inside[np.ix_(y > 1.5, x > 1.5)].any()
    assert inside[y < 0].all()
    holed = np.delete(rectangle().reshape(-1, 2), 300, axis=0)
    assert inside_scan(volume(noise(0)).cropped(holed), holed).all()


def test_positions_on_a_line_and_narrow_scans_are_refused() -> None:
    line = np.stack([np.linspace(-9, 9, 40)] * 2, axis=-1)
    with pytest.raises(StudyError, match="40 scan positions lie on one line"):
        scan_window(volume(noise(0)).cropped(line), line, EDGE)
    c = np.sqrt(0.5)
    strip = rectangle()[12:16] @ np.array([[c, -c], [c, c]])
    with pytest.raises(StudyError, match="half of the scan's width"):
        scan_window(volume(noise(0)).cropped(strip), strip, EDGE)
