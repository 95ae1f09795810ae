"""Files of the project: what is read again is under a checksum, and a flipped byte is no result."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from shared import optics, random_dataset

from ptychobasis.bases.basis import Request
from ptychobasis.bases.compress import compress
from ptychobasis.bases.compressed_file import read_compressed
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.errors import StudyError
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import read_dataset
from ptychobasis.data.dataset_checks import scattering
from ptychobasis.reconstruction.result_file import (
    Reconstruction,
    Run,
    read_reconstruction,
    write_reconstruction,
)

PHASE = np.random.default_rng(2).random((2, 5, 4)).astype(np.float32)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A data set, a compressed file and a reconstruction."""
    dataset = random_dataset(tmp_path / "dataset.h5", optics(), (3, 4))
    reached = scattering(dataset.pattern(0, 0), dataset.optics.detector)
    basis = build_basis("zernike", Request(dataset.optics, 6))
    compress(dataset, basis, tmp_path / "compressed.h5", scattering=reached)
    result = Reconstruction(
        Volume(PHASE, (0.3, 0.3), (0.0, 1.0)), np.ones((2, 2), np.complex64), np.array([1, 0.5]),
        (0.0, 9.0), 60e3, Run("zernike", 6, "cpu", 7, 0.5, 0.4, 40.0, 10**8, 4, 4), {"a": "µ"},
    )  # fmt: skip
    write_reconstruction(tmp_path / "result.h5", result)
    return [tmp_path / f"{name}.h5" for name in ("dataset", "compressed", "result")]


def test_everything_that_is_read_again_is_under_a_checksum(files: list[Path]) -> None:
    scales = {"scan_y", "scan_x", "ky", "kx"}  # for others
    aside = {"provenance", "sign_convention", "units", "description"}
    for path in files:
        with h5py.File(path) as file:
            assert path.read_bytes()[8] >= 2  # of the version that has checksums of all tables
            names: list[str] = []
            file.visit(names.append)
            for name, item in [("/", file), *((name, file[name]) for name in names)]:
                if isinstance(item, h5py.Dataset):
                    assert item.fletcher32 or name in scales, (path, name)
                for key, value in item.attrs.items():
                    vlen = isinstance(value, str)  # in a heap without one
                    assert not vlen or key in aside or key.isupper() or name in scales, (name, key)


def test_a_flipped_byte_changes_no_result(files: list[Path]) -> None:
    readers: dict[str, Callable[[Path], list[np.ndarray]]] = {
        "dataset": lambda path: [read_dataset(path).pattern(1, 2), read_dataset(path).positions],
        "compressed": lambda path: [read_compressed(path).coefficients],
        "result": lambda path: [read_reconstruction(path).phase.array],
    }
    for path in files:
        read, content = readers[path.stem], path.read_bytes()
        right, refused = read(path), 0
        for at in np.random.default_rng(5).choice(len(content), 60, replace=False):
            path.write_bytes(content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :])
            try:
                for one, other in zip(read(path), right, strict=True):
                    np.testing.assert_array_equal(one, other)
            except StudyError:
                refused += 1
        assert refused > 5
