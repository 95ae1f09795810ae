import tracemalloc
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import shared

from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.compress import PatternReader, compress, leading_vectors, reduction
from ptychobasis.bases.compressed_file import read_compressed
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.errors import StudyError
from ptychobasis.data.blocks import stored_bytes
from ptychobasis.data.dataset import Dataset, read_dataset, write_dataset

OPTICS = shared.optics(defocus=8.0)
TINY = PatternReader(3 * 30 * 26 * 4)  # three patterns each


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return shared.random_dataset(tmp_path / "dataset.h5", OPTICS, (5, 6))


def patterns(dataset: Dataset) -> np.ndarray:
    return np.concatenate([block for _, block in dataset.blocks()])


def basis_of(name: str, dataset: Dataset | None = None) -> Basis:
    size = {"binning": 3, "zernike": 10, "svd": 5}.get(name, 0)
    vectors = None if dataset is None else lambda *asked: leading_vectors(dataset, *asked)
    return build_basis(name, Request(OPTICS, size, vectors))


@pytest.mark.parametrize("name", ["pixels", "bright-field", "binning", "zernike", "svd"])
def test_coefficients_are_inner_products_with_the_masks(
    dataset: Dataset, tmp_path: Path, name: str
) -> None:
    basis = basis_of(name, dataset)
    compress(dataset, basis, tmp_path / "c.h5")
    read = read_compressed(tmp_path / "c.h5")
    expected = np.einsum("nyx,myx->nm", patterns(dataset).astype(float), basis.masks())
    np.testing.assert_allclose(read.coefficients, expected, rtol=1e-4, atol=1e-7)
    assert read.coefficients.dtype == np.float32
    assert (read.basis.name, read.basis.size) == (name, basis.size)
    np.testing.assert_array_equal(read.basis.support, basis.support)
    if name in ("pixels", "bright-field"):
        assert read.basis.matrix is None
    else:
        np.testing.assert_array_equal(read.basis.matrix, basis.matrix)


def test_the_compressed_file_stands_alone(dataset: Dataset, tmp_path: Path) -> None:
    compress(dataset, basis_of("zernike"), tmp_path / "c.h5", {"config": {"size": 10}})
    read = read_compressed(tmp_path / "c.h5")
    np.testing.assert_array_equal(read.positions, dataset.positions.reshape(30, 2))
    assert read.optics.detector.sampling == pytest.approx((0.3, 0.35), rel=1e-15)
    assert (read.optics.energy, read.optics.semi_angle, read.optics.defocus) == (60e3, 0.03, 8.0)
    assert read.detector_pixels == 780
    with h5py.File(tmp_path / "c.h5") as file:
        assert [dim.label for dim in file["coefficients"].dims] == ["scan_y", "scan_x", "mask"]
        assert '"size": 10' in file.attrs["provenance"]


def test_streaming_changes_nothing_but_the_rounding(dataset: Dataset, tmp_path: Path) -> None:
    basis = basis_of("zernike")
    compress(dataset, basis, tmp_path / "whole.h5")
    compress(dataset, basis, tmp_path / "tiny.h5", reader=TINY)
    whole, tiny = (read_compressed(tmp_path / f"{n}.h5").coefficients for n in ("whole", "tiny"))
    np.testing.assert_allclose(tiny, whole, rtol=1e-5, atol=1e-8)
    support = OPTICS.bright_field()
    np.testing.assert_allclose(
        leading_vectors(dataset, support, 4, TINY), leading_vectors(dataset, support, 4), atol=1e-5
    )


def test_the_data_set_of_pixels_loses_nothing(dataset: Dataset, tmp_path: Path) -> None:
    compress(dataset, basis_of("pixels"), tmp_path / "c.h5", reader=TINY)
    read = read_compressed(tmp_path / "c.h5")
    np.testing.assert_array_equal(read.basis.adjoint(read.coefficients), patterns(dataset))


def test_leading_vectors_are_singular_vectors(dataset: Dataset) -> None:
    support = OPTICS.bright_field()
    vectors = leading_vectors(dataset, support, 6)
    seen = patterns(dataset)[:, support].astype(float)
    _, values, expected = np.linalg.svd(seen, full_matrices=False)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(np.abs(np.sum(vectors * expected[:6], axis=1)), 1, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(seen @ vectors.T, axis=0), values[:6], rtol=1e-9)
    assert (vectors.max(axis=1) == np.abs(vectors).max(axis=1)).all()


@pytest.mark.parametrize("contrast", [1.0, 1e-2, 1e-4])
def test_vectors_of_patterns_that_are_much_alike(tmp_path: Path, contrast: float) -> None:
    """As those of a thin sample are; singular values fall by another factor of 30."""
    generator = np.random.default_rng(4)
    disc, count = OPTICS.bright_field(), 12
    directions = np.linalg.qr(generator.normal(size=(disc.sum(), count)))[0].T
    weights = np.linalg.qr(generator.normal(size=(900, count)))[0] * np.geomspace(1, 1 / 30, count)
    seen = 1 + generator.random(disc.sum()) + contrast * 400 * weights @ directions
    patterns = np.zeros((30, 30, *disc.shape), np.float32)
    patterns[:, :, disc] = seen.reshape(30, 30, -1)
    write_dataset(tmp_path / "dataset.h5", OPTICS, shared.positions((30, 30)), patterns)
    found = leading_vectors(read_dataset(tmp_path / "dataset.h5"), disc, count, TINY)
    exact = patterns[:, :, disc].reshape(900, -1).astype(np.float64)
    _, values, expected = np.linalg.svd(exact, full_matrices=False)
    assert values[0] > 10 / contrast * values[count - 1]
    cosines = np.linalg.svd(found @ expected[:count].T)[1]
    assert cosines.min() > 1 - 1e-9


def test_no_basis_of_that_size_captures_more(dataset: Dataset) -> None:
    flat = patterns(dataset).reshape(30, -1).astype(float)
    energy = {
        name: np.sum((flat @ basis_of(name, dataset).masks()[:5].reshape(5, -1).T) ** 2)
        for name in ("svd", "zernike")
    }
    assert energy["svd"] > energy["zernike"]


def test_memory_does_not_grow_with_the_scan(tmp_path: Path) -> None:
    optics = shared.optics((64, 64), (0.14, 0.14))
    one = 64 * 64 * 4
    basis = build_basis("zernike", Request(optics, 10))
    rows = (np.full((16, 64, 64), 1 / 4096, np.float32) for _ in range(16))
    write_dataset(tmp_path / "dataset.h5", optics, shared.positions((16, 16)), rows)
    dataset = read_dataset(tmp_path / "dataset.h5")
    tracemalloc.start()
    compress(dataset, basis, tmp_path / "c.h5", reader=PatternReader(4 * one))
    leading_vectors(dataset, optics.bright_field(), 2, reader=PatternReader(4 * one))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 256 * one / 4


@pytest.mark.parametrize("count", [0, 31])
def test_vectors_that_do_not_exist_are_refused(dataset: Dataset, count: int) -> None:
    with pytest.raises(
        StudyError, match=rf"dataset\.h5: {count} singular vectors.*allowed: 1 to 30"
    ):
        leading_vectors(dataset, OPTICS.bright_field(), count)


def test_masks_of_another_detector_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    basis = Basis("mine", np.ones((26, 30), bool))
    with pytest.raises(StudyError, match=r"\(26, 30\) pixels do not fit.*allowed: \(30, 26\)"):
        compress(dataset, basis, tmp_path / "c.h5")
    assert not (tmp_path / "c.h5").exists()


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("coefficients", np.ones((5, 6, 9)), r"'coefficients' has the shape \(5, 6, 9\).*10\)"),
        ("coefficients", np.full((5, 6, 10), np.nan), "'coefficients' holds NaN"),
        ("basis/matrix", np.ones((10, 3)), r"'basis/matrix' has the shape \(10, 3\)"),
        ("basis/support", np.ones((30, 26)), "'basis/support' has the type float64.*booleans"),
        ("positions", np.ones((30, 2)), r"'positions' has the shape \(30, 2\)"),
    ],
)
def test_a_damaged_compressed_file_is_refused(
    dataset: Dataset, tmp_path: Path, key: str, values: Any, message: str
) -> None:
    compress(dataset, basis_of("zernike"), tmp_path / "c.h5")
    with h5py.File(tmp_path / "c.h5", "r+") as file:
        del file[key]
        file[key] = values
    with pytest.raises(StudyError, match=rf"c\.h5: .*{message}"):
        read_compressed(tmp_path / "c.h5")


def test_reductions_of_the_paper() -> None:
    assert reduction(36, 250_000) == pytest.approx(99.9856, abs=1e-9)
    assert reduction(45, 250_000) == pytest.approx(99.982, abs=1e-9)
    assert reduction(7, 7) == 0


def test_fewer_numbers_take_less_disk(dataset: Dataset, tmp_path: Path) -> None:
    compress(dataset, basis_of("zernike"), tmp_path / "c.h5")
    ratio = stored_bytes(tmp_path / "c.h5", "coefficients") / stored_bytes(dataset.path, "patterns")
    assert ratio < 0.1
