import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.core.volume import Volume
from ptychobasis.data.atomic import atomic
from ptychobasis.data.blocks import create_scan, stored_bytes
from ptychobasis.data.hdf5 import (
    create_hdf5,
    find_array,
    open_hdf5,
    read_array,
    read_number,
    read_numbers,
    read_text,
)
from ptychobasis.data.provenance import _commit, provenance
from ptychobasis.reconstruction.result_file import (
    Counting,
    Reconstruction,
    Run,
    read_reconstruction,
    write_reconstruction,
)

KIND = "ptychobasis-test"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_atomic_makes_the_folder_and_keeps_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "new" / "figure.png"
    with atomic(path) as temporary:
        assert (temporary.parent, temporary.suffix) == (path.parent, ".png")
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert names(path.parent) == ["figure.png"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_atomic_keeps_the_old_file_when_writing_fails(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    path = tmp_path / "result.txt"
    path.write_text("old")

    def write() -> None:
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(failure):
        write()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["result.txt"]


def test_hdf5_is_absent_when_writing_fails(tmp_path: Path) -> None:
    def write() -> None:
        with create_hdf5(tmp_path / "a.h5", KIND) as file:
            file["values"] = np.ones(3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert names(tmp_path) == []


def test_header_and_provenance(tmp_path: Path) -> None:
    with create_hdf5(tmp_path / "a.h5", KIND, {"config": {"seed": 1}}):
        pass
    with open_hdf5(tmp_path / "a.h5", KIND) as file:
        about = json.loads(read_text(file, "provenance"))
    assert about == {**provenance(), "config": {"seed": 1}}
    assert about["numpy"] == np.__version__
    assert {"ptychobasis", "commit", "python", "torch", "abtem"} <= about.keys()


def test_provenance_survives_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    _commit.cache_clear()
    assert provenance()["commit"] == "unknown"
    _commit.cache_clear()


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((3, 4, 16, 16))
    for name in "ab":
        with create_hdf5(tmp_path / name, KIND) as file:
            create_scan(file, "patterns", values.shape, values)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_open_refuses_what_is_missing_or_foreign(tmp_path: Path) -> None:
    for name, content, message in (
        ("missing.h5", None, "no such file"),
        ("text.h5", b"not HDF5 at all", "not an HDF5 file"),
        ("empty.h5", b"", "not an HDF5 file"),
    ):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(StudyError, match=f"{name}.*{message}.*{KIND}"), open_hdf5(path, KIND):
            pass


def test_open_refuses_a_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with create_hdf5(path, KIND) as file:
        file["values"] = np.arange(10000.0)
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(StudyError, match=r"a\.h5 is truncated or damaged"), open_hdf5(path, KIND):
        pass


def test_reading_a_damaged_chunk_is_a_study_error(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    values = np.random.default_rng(0).random((1, 1, 64, 64))
    with create_hdf5(path, KIND) as file:
        data = create_scan(file, "patterns", values.shape, values)
        file.flush()
        offset = data.id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[offset : offset + 64] = bytes(64)
    path.write_bytes(content)
    with pytest.raises(StudyError, match="truncated or damaged"), open_hdf5(path, KIND) as file:
        read_array(file, "patterns", (1, 1, 64, 64))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"format": "nexus"}, "'format' is 'nexus'; allowed: 'ptychobasis-test'"),
        ({"format": None}, "'format' is None"),
        ({"format": ["a", "b"]}, "'format' is array"),
        ({"version": 2}, "version 2 .* newer than this program; allowed: up to 1"),
        ({"version": None}, "'version' of / is missing"),
        ({"version": "one"}, "'version' of / is 'one'; allowed: 1 finite number"),
    ],
)
def test_open_refuses_another_format_or_version(
    tmp_path: Path, attributes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for key, value in ({"format": KIND, "version": 1} | attributes).items():
            if value is not None:
                file.attrs[key] = value
    with pytest.raises(StudyError, match=message), open_hdf5(path, KIND):
        pass


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[h5py.File]:
    with h5py.File(tmp_path / "filled.h5", "w") as file:
        file["table"] = np.ones((2, 3))
        file["words"] = "text"
        file["gaps"] = np.array([1, np.nan])
        file["none"] = np.ones((0, 3))
        file.create_group("group")
        file.attrs["pair"] = (1.0, 2.0)
        file.attrs["energy_kv"] = 60
        file.attrs["ends"] = np.inf
        file.attrs["matlab"] = np.array([[3.0]])
        file.attrs["bytes"] = np.bytes_("old text")
        yield file


@pytest.mark.parametrize(
    ("key", "shape", "message"),
    [
        ("tabel", (2, 3), r"'tabel' is missing; allowed: \(2, 3\).*did you mean 'table'"),
        ("group", (2, 3), "'group' is a group; allowed"),
        ("table", (3, 2), r"'table' has the shape \(2, 3\); allowed: \(3, 2\) of real numbers"),
        ("table", ("n",), r"'table' has the shape \(2, 3\); allowed: \(n\)"),
        ("none", ("n", 3), r"'none' has the shape \(0, 3\); allowed: \(n, 3\)"),
        ("words", (), "'words' has the type object; allowed"),
        ("gaps", (2,), "'gaps' holds NaN or infinite"),
    ],
)
def test_arrays_refused(filled: h5py.File, key: str, shape: Any, message: str) -> None:
    with pytest.raises(StudyError, match=rf"filled\.h5: the data set {message}"):
        read_array(filled, key, shape)


@pytest.mark.parametrize(
    ("key", "count", "limits", "message"),
    [
        ("energy_ev", 1, (1, 9), "'energy_ev' of / is missing; .*from 1 to 9.*mean 'energy_kv'"),
        ("pair", 1, (), r"'pair' of / is \[1.0, 2.0\]; allowed: 1 finite number$"),
        ("pair", 2, (0, 1.5), "'pair' of / is 1 2; allowed: 2 finite numbers from 0 to 1.5"),
        ("ends", 1, (), "'ends' of / is inf; allowed: 1 finite number"),
        ("bytes", 1, (), "'bytes' of / is .*old text.*; allowed: 1 finite number"),
    ],
)
def test_attributes_refused(
    filled: h5py.File, key: str, count: int, limits: tuple[float, ...], message: str
) -> None:
    with pytest.raises(StudyError, match=rf"filled\.h5: the attribute {message}"):
        read_numbers(filled, key, count, *limits)


def test_attributes_read(filled: h5py.File) -> None:
    assert read_numbers(filled, "pair", 2) == (1.0, 2.0)
    assert read_number(filled, "matlab") == 3.0
    assert read_text(filled, "bytes") == "old text"
    assert find_array(filled, "table", ("n", 3)).shape == (2, 3)
    with pytest.raises(StudyError, match="'energy_kv' of / is 60; allowed: a text"):
        read_text(filled, "energy_kv")
    with pytest.raises(StudyError, match=r"'byte' of / is missing.*did you mean 'bytes'"):
        read_text(filled, "byte")


@pytest.mark.parametrize("size", [1, 3, 4, 5, 7, 20])
def test_scan_is_the_same_whatever_the_blocks(tmp_path: Path, size: int) -> None:
    values = np.random.default_rng(0).random((5, 4, 3), np.float32)
    flat = values.reshape(20, 3)
    with create_hdf5(tmp_path / "a.h5", KIND) as file:
        create_scan(file, "c", values.shape, (flat[i : i + size] for i in range(0, 20, size)))
    with open_hdf5(tmp_path / "a.h5", KIND) as file:
        np.testing.assert_array_equal(file["c"][()], values)


@pytest.mark.parametrize("shape", [(3, 5, 256, 300), (1, 1, 600, 600), (40, 30, 36), (2, 9000, 60)])
def test_chunks_hold_whole_patterns_of_about_a_mebibyte(tmp_path: Path, shape: Any) -> None:
    blocks = (np.zeros((shape[1], *shape[2:]), np.float32) for _ in range(shape[0]))
    with create_hdf5(tmp_path / "a.h5", KIND) as file:
        chunks = create_scan(file, "c", shape, blocks).chunks
    assert chunks[2:] == shape[2:]
    assert chunks[0] == 1 or chunks[1] == shape[1]
    assert np.prod(chunks) <= max(2**18, np.prod(shape[2:]))
    assert stored_bytes(tmp_path / "a.h5", "c") < 4 * np.prod(shape) / 20


@pytest.mark.parametrize("lengths", [[5], [4, 3], [2, 2, 1]])
def test_scan_refuses_too_few_or_too_many_points(tmp_path: Path, lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="c"), create_hdf5(tmp_path / "a.h5", KIND) as file:
        create_scan(file, "c", (2, 3, 4), (np.zeros((n, 4)) for n in lengths))
    assert names(tmp_path) == []


def test_scan_refuses_another_pattern_shape(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fit"), create_hdf5(tmp_path / "a.h5", KIND) as file:
        create_scan(file, "c", (2, 3, 4), [np.zeros((6, 5))])


def reconstruction() -> Reconstruction:
    rng = np.random.default_rng(3)
    return Reconstruction(
        phase=Volume(rng.random((2, 5, 7), np.float32), (0.28, 0.3), (-4.5, 2.25)),
        probe=(rng.random((4, 6)) + 1j * rng.random((4, 6))).astype(np.complex64),
        loss=np.array([1.0, 0.3, 0.1]),
        slice_depths=(0.0, 30.7),
        energy=60e3,
        run=Run("zernike", 36, "cpu", 7, 0.5, 0.4, 1152.0, 123456789, 16384, 4900),
        config={"epochs": 3, "loss": "intensity"},
        counting=Counting(540, 19440, 0, 110000, 10500),
        absorption=Volume(rng.random((2, 5, 7), np.float32), (0.28, 0.3), (-4.5, 2.25)),
    )


def test_reconstruction_round_trip(tmp_path: Path) -> None:
    made = reconstruction()
    write_reconstruction(tmp_path / "a.h5", made)
    read = read_reconstruction(tmp_path / "a.h5")
    for key in ("phase", "probe", "loss", "absorption"):
        found, expected = (np.asarray(getattr(each, key)) for each in (read, made))
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    for key in (
        "slice_depths",
        "energy",
        "run",
        "config",
        "counting",
    ):
        assert getattr(read, key) == getattr(made, key)
    assert read.versions == provenance()
    assert read.phase.grid == Grid((5, 7), (0.28, 0.3))
    assert read.phase.origin == (-4.5, 2.25)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["epochs"] == 3
        for key in ("phase", "absorption"):
            assert [dim.label for dim in file[key].dims] == ["slice", "y", "x"]


def test_a_reconstruction_without_absorption_has_none(tmp_path: Path) -> None:
    write_reconstruction(tmp_path / "a.h5", replace(reconstruction(), absorption=None))
    assert read_reconstruction(tmp_path / "a.h5").absorption is None


def test_absorption_of_another_shape_is_refused(tmp_path: Path) -> None:
    write_reconstruction(tmp_path / "a.h5", reconstruction())
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["absorption"]
        file["absorption"] = np.zeros((2, 5, 6))
    with pytest.raises(StudyError, match=r"'absorption' has the shape \(2, 5, 6\)"):
        read_reconstruction(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("config", "{", "'config' is '{'; allowed: a JSON object"),
        ("config", "[1]", "allowed: a JSON object"),
        ("sampling_angstrom", (0.1, -0.1), "'sampling_angstrom' of / is 0.1 -0.1; allowed"),
        ("basis", 3, "'basis' of / is 3; allowed: a text"),
    ],
)
def test_reconstruction_refuses_wrong_attributes(
    tmp_path: Path, key: str, value: Any, message: str
) -> None:
    write_reconstruction(tmp_path / "a.h5", reconstruction())
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file.attrs[key] = value
    with pytest.raises(StudyError, match=message):
        read_reconstruction(tmp_path / "a.h5")


def test_reconstruction_refuses_depths_of_other_slices(tmp_path: Path) -> None:
    write_reconstruction(tmp_path / "a.h5", reconstruction())
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["slice_depths_angstrom"]
        file["slice_depths_angstrom"] = [0.0, 1.0, 2.0]
    with pytest.raises(StudyError, match=r"'slice_depths_angstrom' has the shape \(3,\).*\(2\)"):
        read_reconstruction(tmp_path / "a.h5")
