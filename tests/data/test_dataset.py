import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
import shared
from shared import optics, random_dataset

from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Truth, read_dataset, write_dataset
from ptychobasis.data.dataset_checks import check_patterns, scattering

OPTICS = shared.optics((24, 20), defocus=-12.5)
PAGE = Path(__file__).parents[2] / "docs" / "dataset.md"


def scan(rows: int = 4, columns: int = 7, step: tuple[float, float] = (1.0, 1.5)) -> np.ndarray:
    return shared.positions((rows, columns), step)


def noise(shape: tuple[int, ...] = (4, 7, 24, 20), total: float = 0.9) -> np.ndarray:
    values = np.random.default_rng(5).random(shape) * (1 + 9 * OPTICS.bright_field())
    return (values * total / values.sum(axis=(2, 3), keepdims=True)).astype(np.float32)


def truth() -> Truth:
    potential = np.random.default_rng(6).random((3, 11, 9), np.float32)
    return Truth(Volume(potential, (0.1, 0.12), (-3.0, 4.5)), 1.92)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "dataset.h5", OPTICS, scan(), noise(), truth())
    return tmp_path / "dataset.h5"


def test_round_trip_is_exact(path: Path) -> None:
    data = read_dataset(path)
    assert data.scan_shape == (4, 7)
    assert data.size == 28
    np.testing.assert_array_equal(data.positions, scan())
    read = np.concatenate([block for _, block in data.blocks()])
    np.testing.assert_array_equal(read, noise().reshape(28, 24, 20))
    optics = data.optics
    assert (optics.energy, optics.semi_angle, optics.defocus) == (60e3, 0.03, -12.5)
    assert optics.detector.shape == (24, 20)
    assert optics.detector.sampling == pytest.approx((0.3, 0.35), rel=1e-15)


def test_truth_is_read_when_it_is_asked_for(path: Path, tmp_path: Path) -> None:
    data, made = read_dataset(path), truth()
    assert "truth" not in vars(data)
    read = data.truth
    assert read is not None
    assert read is data.truth
    np.testing.assert_array_equal(read.potential, made.potential)
    assert read.potential.origin == made.potential.origin
    assert read.slice_thickness == made.slice_thickness
    assert read.potential.grid == Grid((11, 9), (0.1, 0.12))
    write_dataset(tmp_path / "real.h5", OPTICS, scan(), noise())
    assert read_dataset(tmp_path / "real.h5").truth is None


@pytest.mark.parametrize("patterns", [0, 1, 2, 3, 7, 13, 14, 100])
def test_blocks_cover_the_scan_and_stay_small(path: Path, patterns: int) -> None:
    one = 24 * 20 * 4
    seen = np.zeros((28, 24, 20), np.float32)
    visits = np.zeros(28, int)
    for points, block in read_dataset(path).blocks(patterns * one):
        assert block.nbytes <= max(patterns, 1) * one
        assert block.dtype == np.float32
        seen[points] = block
        visits[points] += 1
    assert (visits == 1).all()
    np.testing.assert_array_equal(seen, noise().reshape(28, 24, 20))


def test_blocks_end_where_chunks_end(tmp_path: Path) -> None:
    optics = shared.optics((256, 256), (0.14, 0.14))
    write_dataset(tmp_path / "a.h5", optics, scan(2, 9), np.zeros((2, 9, 256, 256), np.float32))
    starts = [points.start for points, _ in read_dataset(tmp_path / "a.h5").blocks(6 * 2**18)]
    assert starts == [0, 4, 8, 9, 13, 17]


@pytest.mark.parametrize("patterns", [1, 3, 100])
@pytest.mark.parametrize("chunks", [None, (3, 2, 24, 20), (1, 1, 7, 20)])
@pytest.mark.parametrize("kind", ["<f4", "<f8", ">u2", "u1"])
def test_rows_of_any_file_are_those_of_its_patterns(
    path: Path, kind: str, chunks: tuple[int, ...] | None, patterns: int
) -> None:
    counts = np.random.default_rng(3).integers(0, 200, (4, 7, 24, 20)).astype(kind)
    with h5py.File(path, "r+") as file:
        del file["patterns"]
        file.create_dataset("patterns", data=counts, chunks=chunks)
        file["patterns"].attrs["incident_electrons"] = 5e4
    data, rows = read_dataset(path), slice(9, 16)
    blocks = list(data.blocks(patterns * 7 * 20 * 4, rows))
    assert max(len(block) for _, block in blocks) <= patterns
    read = np.concatenate([block for _, block in blocks])
    assert read.dtype == np.float32
    expected = counts.reshape(28, 24, 20)[:, rows] / 5e4
    np.testing.assert_allclose(read, expected, rtol=1e-6)
    np.testing.assert_allclose(data.pattern(2, 5), counts[2, 5] / 5e4, rtol=1e-6)


def test_a_reader_that_stops_early_leaves_the_file_free(path: Path) -> None:
    for _, block in read_dataset(path).blocks(block_bytes=1):
        assert len(block) == 1
        break
    with h5py.File(path, "r+") as file:  # HDF5 refuses to write to what is open for reading
        file.attrs["energy_ev"] = 80e3


def test_single_pattern(path: Path) -> None:
    np.testing.assert_array_equal(read_dataset(path).pattern(2, 5), noise()[2, 5])


def test_axes_have_names_scales_and_units(path: Path) -> None:
    with h5py.File(path) as file:
        patterns = file["patterns"]
        assert [dim.label for dim in patterns.dims] == ["scan_y", "scan_x", "ky", "kx"]
        scales = [dim[0] for dim in patterns.dims]
        assert [s.attrs["units"] for s in scales] == ["angstrom"] * 2 + ["1/angstrom"] * 2
        np.testing.assert_allclose(scales[1], 1.5 * np.arange(7))
        np.testing.assert_allclose(scales[2], (np.arange(24) - 12) / (24 * 0.3))
        assert patterns.dtype == np.float32
        assert str(hdf5plugin.BLOSC_ID) in patterns._filters


def test_failing_simulation_leaves_the_old_file(path: Path) -> None:
    old = path.read_bytes()

    def blocks() -> Iterator[np.ndarray]:
        yield noise()[0]
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        write_dataset(path, OPTICS, scan(), blocks())
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]


def test_counts_are_divided_by_the_incident_electrons(path: Path) -> None:
    counts = np.random.default_rng(2).poisson(1000 * noise()).astype(np.uint16)
    replace(path, "patterns", counts)
    with pytest.raises(StudyError, match="'incident_electrons' of /patterns is missing"):
        read_dataset(path)
    with h5py.File(path, "r+") as file:
        file["patterns"].attrs["incident_electrons"] = 1000
    data = read_dataset(path)
    assert data.incident_electrons == 1000
    np.testing.assert_array_equal(data.pattern(1, 1), counts[1, 1].astype(np.float32) / 1000)
    assert check_patterns(data).mean.sum() == pytest.approx(counts.sum() / 28e3, rel=1e-6)


def replace(path: Path, key: str, values: Any) -> None:
    with h5py.File(path, "r+") as file:
        del file[key]
        if values is not None:
            file[key] = values


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("patterns", None, "'patterns' is missing; allowed: .scan_y, scan_x, ky, kx"),
        ("patterns", np.ones((28, 24, 20)), r"'patterns' has the shape \(28, 24, 20\)"),
        ("patterns", np.ones((4, 7, 24, 20), bool), "'patterns' has the type bool"),
        ("patterns", np.ones((4, 7, 24, 20), complex), "'patterns' has the type complex128"),
        ("positions", None, r"'positions' is missing; allowed: \(4, 7, 2\)"),
        ("positions", scan(7, 4), r"'positions' has the shape \(7, 4, 2\); allowed: \(4, 7, 2\)"),
        ("positions", np.full((4, 7, 2), np.nan), "'positions' holds NaN or infinite"),
        ("positions", 1e-10 * scan(), "all 'positions' lie within .* in Å"),
        (
            "detector/window_angstrom",
            None,
            r"'detector/window_angstrom' is missing; allowed: \(2\)",
        ),
        ("detector/window_angstrom", 7.0, r"'detector/window_angstrom' has the shape \(\)"),
        ("detector/window_angstrom", [7.0, 0.0], r"is \[7.0, 0.0\]; allowed: two lengths up to"),
        ("positions", 1e6 * scan(), "lie up to 9e.06 Å apart; allowed: up to 100000 Å"),
        ("detector/window_angstrom", [20.0, 7.0], "allowed by 'detector/window_angstrom'"),
        ("truth/potential", np.ones((3, 4)), r"'truth/potential' has the shape \(3, 4\)"),
        ("truth/potential", np.ones((3, 4, 5)), "'sampling_angstrom' of /truth/potential is miss"),
    ],
)
def test_wrong_data_sets_are_refused(path: Path, key: str, values: Any, message: str) -> None:
    replace(path, key, values)
    with pytest.raises(StudyError, match=rf"dataset\.h5.*{message}"):
        read_dataset(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("energy_ev", None, "'energy_ev' of / is missing"),
        ("energy_ev", 60, "'energy_ev' of / is 60; allowed: 1 finite number from 1000 to 1e"),
        ("energy_ev", "60 kV", "'energy_ev' of / is '60 kV'; allowed"),
        ("semi_angle_rad", 30, "'semi_angle_rad' of / is 30; allowed"),
        ("semi_angle_rad", 0.2, "radius 4.11 1/Å; allowed .* to 1.286 1/Å"),
        ("semi_angle_rad", 0.003, "radius 0.06165 1/Å; allowed .* 0.1429 .one pixel. to"),
        ("defocus_angstrom", np.nan, "'defocus_angstrom' of / is nan; allowed"),
        ("format", "ptychobasis-compressed", "'format' is 'ptychobasis-compressed'; allowed"),
    ],
)
def test_wrong_calibration_is_refused(path: Path, key: str, value: Any, message: str) -> None:
    with h5py.File(path, "r+") as file:
        del file.attrs[key]
        if value is not None:
            file.attrs[key] = value
    with pytest.raises(StudyError, match=rf"dataset\.h5.*{message}"):
        read_dataset(path)


def test_an_incomplete_file_is_refused(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["patterns"]
        data = file.create_dataset("patterns", (4, 7, 24, 20), "f4", chunks=(1, 7, 24, 20))
        data[:3] = noise()[:3]
    with pytest.raises(StudyError, match="not written to its end, 3 of 4 chunks"):
        read_dataset(path)


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "NaN or infinite"), (np.inf, "NaN or inf"), (-1, "negative")]
)
def test_bad_intensities_are_refused_by_name(path: Path, value: Any, message: str) -> None:
    values = noise()
    values[2, 3, 5, 6] = value
    replace(path, "patterns", values)
    with pytest.raises(StudyError, match=rf"dataset\.h5: the pattern \(2, 3\).*holds {message}"):
        check_patterns(read_dataset(path))


@pytest.mark.parametrize("factor", [1e-3, 2, 1e5])
def test_another_normalisation_is_refused(path: Path, factor: float) -> None:
    replace(path, "patterns", factor * noise())
    with pytest.raises(StudyError, match=r"allowed: 0.05 to 1.05.*'incident_electrons'"):
        check_patterns(read_dataset(path))


@pytest.mark.parametrize("shift", [(3, 0), (0, -3), (4, 4), (10, 0)])
def test_patterns_a_few_pixels_off_are_refused(tmp_path: Path, shift: tuple[int, int]) -> None:
    moved = np.roll(noise(), shift, axis=(2, 3))
    write_dataset(tmp_path / "moved.h5", OPTICS, scan(), moved)
    with pytest.raises(StudyError, match=r"patterns.*centred"):
        check_patterns(read_dataset(tmp_path / "moved.h5"))


def test_patterns_that_are_not_centred_are_refused(path: Path) -> None:
    assert check_patterns(read_dataset(path)).mean.sum() == pytest.approx(0.9, rel=1e-6)
    replace(path, "patterns", np.fft.fftshift(noise() * OPTICS.bright_field(), axes=(2, 3)))
    with pytest.raises(StudyError, match="darker than the rest"):
        check_patterns(read_dataset(path))


def examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_of_the_page_writes_a_valid_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(examples()[0], names)
    data = read_dataset("dataset.h5")
    assert data.scan_shape == (6, 8)
    assert data.positions[2, 5].tolist() == [2.0, 5.0]
    angle = np.array(data.optics.detector.reciprocal_sampling) * data.optics.wavelength
    np.testing.assert_allclose(angle, 2.1e-3, rtol=1e-5)
    assert check_patterns(data).mean.sum() == pytest.approx(
        names["counts"].sum() / (48 * 5000), rel=1e-6
    )


def test_the_conversion_of_the_page_centres_the_disc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(examples()[0], names)
    centred = names["counts"]

    def file_reader(name: str, navigation_shape: tuple[int, int]) -> list[dict[str, Any]]:
        assert (name, navigation_shape) == ("scan.mib", (8, 6))
        return [{"data": np.roll(centred, (7, -5), axis=(2, 3)).astype(np.uint16)}]

    camera = ModuleType("rsciio.quantumdetector")
    camera.file_reader = file_reader  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rsciio", ModuleType("rsciio"))
    monkeypatch.setitem(sys.modules, "rsciio.quantumdetector", camera)
    exec(examples()[1], names)
    np.testing.assert_array_equal(names["counts"], centred)
    check_patterns(read_dataset("from_camera.h5"))


def test_scattering_is_the_share_within_each_radius() -> None:
    detector = Grid((9, 12), (0.5, 0.4))
    ky, kx = detector.frequencies()
    pattern = np.random.default_rng(0).random((9, 12)) / 108
    radii, within = scattering(pattern, detector)
    assert radii[-1] <= min(-ky.min(), -kx.min()) + 1e-9
    for radius, share in zip(radii, within, strict=True):
        assert share == pytest.approx(pattern[np.hypot(ky, kx) <= radius + 1e-9].sum())


def test_a_data_set_may_be_scaled_again(tmp_path: Path) -> None:
    """So one that was prepared may be prepared once more."""
    plain = random_dataset(tmp_path / "dataset.h5", optics(), (3, 4))
    scaled = plain.scaled(2).scaled(np.arange(1.0, 13.0))
    np.testing.assert_allclose(scaled.pattern(1, 2) * 14, plain.pattern(1, 2), rtol=1e-6)
    np.testing.assert_array_equal(scaled.scaled(1).pattern(2, 3), scaled.pattern(2, 3))


@pytest.mark.parametrize(
    ("values", "told"),
    [(70_000, "hold 70000"), (-5, "hold -5"), (2.6, "hold 2.6"), (math.nan, "nan")],
)
def test_counts_that_their_type_cannot_hold_are_refused(
    tmp_path: Path, values: float, told: str
) -> None:
    optics = shared.optics((8, 8))
    counts = np.full((2, 3, 8, 8), values)
    with pytest.raises(StudyError, match=rf"{told}; allowed: whole numbers from 0 to 65535"):
        write_dataset(tmp_path / "a.h5", optics, shared.positions((2, 3)), counts, electrons=1e4)
    assert not (tmp_path / "a.h5").exists()
    counts = np.full((2, 3, 8, 8), 60_000)  # whole numbers of any type that fit are kept
    write_dataset(tmp_path / "a.h5", optics, shared.positions((2, 3)), counts, electrons=1e7)
    assert read_dataset(tmp_path / "a.h5").pattern(0, 0) == pytest.approx(60_000 / 1e7)


def test_patterns_and_positions_are_of_one_scan(tmp_path: Path) -> None:
    swapped = np.zeros((3, 2, 8, 8), np.float32)
    with pytest.raises(StudyError, match="3 x 2 scan points and the positions of 2 x 3"):
        write_dataset(tmp_path / "a.h5", shared.optics((8, 8)), shared.positions((2, 3)), swapped)
