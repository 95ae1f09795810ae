"""Bad frames, bad pixels and a wrong calibration are found and named, and good data pass."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import shared
from scipy.ndimage import shift

from ptychobasis.core.errors import StudyError
from ptychobasis.data.dataset import Dataset, read_dataset, write_dataset
from ptychobasis.data.dataset_checks import check_patterns
from ptychobasis.data.disc import fit_disc

OPTICS = shared.optics((48, 40), (0.35, 0.35))  # a disc of 10.4 and 8.6 pixels
SHAPE = (6, 7)
ELECTRONS = 2e4
CENTRE = (24, 20)


def patterns() -> np.ndarray:
    """A disc that the sample modulates, and a tenth of the electrons around it."""
    ky, kx = OPTICS.detector.frequencies()
    radius = np.hypot(ky, kx) / OPTICS.aperture
    edge = np.clip((1 - radius) * 9 + 0.5, 0, 1)
    phase = np.arange(42).reshape(6, 7, 1, 1)
    disc = edge * (1 + 0.5 * np.sin(3 * ky + 2 * kx + phase))
    tails = 0.02 * np.exp(-radius)
    values = disc / disc.sum(axis=(2, 3), keepdims=True) * 0.9 + tails / tails.sum() * 0.1
    return np.asarray(values, np.float32)


def counted() -> np.ndarray:
    return np.random.default_rng(1).poisson(ELECTRONS * patterns()).astype(np.uint16)


def stored(folder: Path, values: np.ndarray, electrons: float | None = None) -> Dataset:
    path = folder / "mine.h5"
    write_dataset(path, OPTICS, shared.positions((6, 7)), values, electrons=electrons)
    return read_dataset(path)


def mark(path: Path, key: str, *places: tuple[int, int]) -> None:
    with h5py.File(path, "a") as file:
        shape = SHAPE if key == "bad_frames" else OPTICS.detector.shape
        marks = np.zeros(shape, bool)
        for place in places:
            marks[place] = True
        file[key] = marks


@pytest.mark.parametrize("electrons", [None, ELECTRONS])
def test_good_data_pass(tmp_path: Path, electrons: float | None) -> None:
    data = stored(tmp_path, counted() if electrons else patterns(), electrons)
    mean, disc, flaws, totals = check_patterns(data)
    assert totals == pytest.approx(1, abs=0.06)
    assert not flaws
    assert str(flaws) == ""
    assert disc is not None
    assert disc.offset == pytest.approx((0, 0), abs=0.15)
    assert disc.radius == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(mean, patterns().mean(axis=(0, 1)), atol=6e-4)


def empty(values: np.ndarray) -> None:
    values[2, 3] = 0
    values[5, 6] //= 50


def six_times(values: np.ndarray) -> None:
    values[1, 1] *= 6


def a_flash(values: np.ndarray) -> None:
    values[4, 0, 3, 3] = 60000


def dead_column(values: np.ndarray) -> None:
    values[..., 22] = 0


def hot_pixel(values: np.ndarray) -> None:
    values[..., 20, 18] *= 8
    values[..., 40, 3] += 300


def saturated(values: np.ndarray) -> None:
    values[..., 10, 30] = 65535


FLAWS: list[tuple[Callable[[np.ndarray], None], str]] = [
    (empty, r"patterns \(2, 3\), \(5, 6\): empty, or nearly so"),
    (six_times, r"pattern \(1, 1\): more than 3 times the electrons of the others"),
    (a_flash, r"pattern \(4, 0\): more than 3 times .* the others"),
    (dead_column, r"detector pixels \(15, 22\), .* and 1\d more: dead: it sees next to nothing"),
    (hot_pixel, r"detector pixels \(20, 18\), \(40, 3\): hot: far brighter than the pixels"),
    (saturated, r"detector pixel \(10, 30\): at the largest number that its type holds"),
]


@pytest.mark.parametrize(("spoil", "message"), FLAWS)
def test_flaws_are_named(tmp_path: Path, spoil: Callable[[np.ndarray], None], message: str) -> None:
    values = counted()
    spoil(values)
    data = stored(tmp_path, values, ELECTRONS)
    with pytest.raises(StudyError, match=rf"mine\.h5: {message}.*'bad_frames' .*mask_flaws"):
        check_patterns(data)
    # what is found can be left out, and then nothing else is found
    found = check_patterns(data, mask_flaws=True).flaws
    assert found
    assert not check_patterns(data.without(found)).flaws


def test_more_electrons_than_came_in(tmp_path: Path) -> None:
    values = patterns()
    values[3, 2] *= 1.2
    with pytest.raises(StudyError, match=r"pattern \(3, 2\): more electrons than came in"):
        check_patterns(stored(tmp_path, values))


def test_a_sample_that_scatters_much_is_no_flaw(tmp_path: Path) -> None:
    values = patterns()
    values[:, :2] *= 0.35  # thick, beside vacuum
    assert not check_patterns(stored(tmp_path, values)).flaws


def test_marked_pixels_and_frames_count_nowhere(tmp_path: Path) -> None:
    values = counted()
    hot_pixel(values)
    empty(values)
    values[0, 0] *= 6
    data = stored(tmp_path, values, ELECTRONS)
    mark(data.path, "bad_pixels", (20, 18), (40, 3))
    mark(data.path, "bad_frames", (2, 3), (5, 6), (0, 0))
    data = read_dataset(data.path)
    mean, _, flaws, _ = check_patterns(data)
    assert not flaws
    good = np.ones(SHAPE, bool)
    good[[2, 5, 0], [3, 6, 0]] = False
    expected = counted()[good].mean(axis=0) / ELECTRONS
    expected[[20, 40], [18, 3]] = 0
    np.testing.assert_allclose(mean, expected, rtol=1e-5)
    assert data.pattern(2, 3).max() == 0
    assert data.pattern(1, 1)[20, 18] == 0


def test_nan_in_a_marked_frame_is_no_error(tmp_path: Path) -> None:
    values = patterns()
    values[1, 2, 5, 5] = np.nan
    data = stored(tmp_path, values)
    with pytest.raises(StudyError, match=r"pattern \(1, 2\) of 'patterns' holds NaN"):
        check_patterns(data)
    mark(data.path, "bad_frames", (1, 2))
    assert np.isfinite(check_patterns(read_dataset(data.path)).mean).all()


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("bad_pixels", np.zeros((3, 3), bool), r"'bad_pixels' has the shape \(3, 3\); allowed"),
        ("bad_pixels", np.ones((48, 40), bool), "'bad_pixels' marks all; allowed"),
        ("bad_frames", np.zeros(SHAPE, float), "'bad_frames' has the type float64; allowed"),
    ],
)
def test_wrong_marks_are_refused(
    tmp_path: Path, key: str, values: np.ndarray, message: str
) -> None:
    data = stored(tmp_path, patterns())
    with h5py.File(data.path, "a") as file:
        file[key] = values
    with pytest.raises(StudyError, match=message):
        read_dataset(data.path)


@pytest.mark.parametrize("factor", [0.5, 0.8, 0.93, 1.07, 1.2, 2.0])
def test_a_wrong_semi_angle_is_refused_with_the_right_one(tmp_path: Path, factor: float) -> None:
    data = stored(tmp_path, patterns())
    with h5py.File(data.path, "a") as file:
        file.attrs["semi_angle_rad"] = 0.03 * factor
    with pytest.raises(StudyError, match=r"the disc of 'patterns'|'semi_angle_rad'") as error:
        check_patterns(read_dataset(data.path))
    fitted = fit_disc(patterns().mean(axis=(0, 1)), replace(OPTICS, semi_angle=0.03 * factor))
    if factor not in (0.5, 2.0):
        assert fitted is not None
        assert fitted.radius * factor == pytest.approx(1, abs=0.03)
        assert f"{0.03 * factor * fitted.radius:.5g} rad" in str(error.value)


@pytest.mark.parametrize("factor", [0.16, 0.2, 0.3])
def test_a_disc_far_larger_than_claimed_is_found(tmp_path: Path, factor: float) -> None:
    data = stored(tmp_path, patterns())
    with h5py.File(data.path, "a") as file:
        file.attrs["semi_angle_rad"] = 0.03 * factor
    with pytest.raises(StudyError, match="the disc of 'patterns' has") as error:
        check_patterns(read_dataset(data.path))
    found = float(str(error.value).split(" has ")[1].split(" times")[0])
    assert found * factor == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("moved", [(0.7, 0), (0, -0.7), (1.4, 1), (-3, 2)])
def test_a_disc_off_the_centre_is_refused(tmp_path: Path, moved: tuple[float, float]) -> None:
    values = shift(patterns(), (0, 0, *moved), order=1)
    with pytest.raises(StudyError, match="centred on pixel") as error:
        check_patterns(stored(tmp_path, values))
    found = [float(x) for x in str(error.value).split("pixel (")[1].split(")")[0].split(",")]
    assert found == pytest.approx(np.add(CENTRE, moved), abs=0.15)


def test_a_disc_a_quarter_of_a_pixel_off_is_taken(tmp_path: Path) -> None:
    found = check_patterns(stored(tmp_path, shift(patterns(), (0, 0, 0.25, -0.2), order=1)))
    assert found.disc is not None
    assert found.disc.offset == pytest.approx((0.25, -0.2), abs=0.15)


def test_patterns_without_an_edge_have_no_disc() -> None:
    assert fit_disc(np.ones((48, 40)), OPTICS) is None
