"""Coefficients in fewer bytes, and counts of electrons: what is read is what was stored."""

from pathlib import Path
from typing import get_args

import h5py
import numpy as np
import pytest
import shared
from numpy.typing import NDArray

from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.compress import PatternReader, compress, leading_vectors
from ptychobasis.bases.compressed_file import bytes_of_coefficients, read_compressed
from ptychobasis.bases.quantise import Store, decode, encode
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.errors import StudyError
from ptychobasis.data.blocks import stored_bytes
from ptychobasis.data.dataset import Dataset, read_dataset
from ptychobasis.simulation.noise import bytes_of_counts, count_electrons

OPTICS = shared.optics()
TINY = PatternReader(3 * 30 * 26 * 4)  # three patterns each


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return shared.random_dataset(tmp_path / "dataset.h5", OPTICS, (5, 6))


def basis(name: str, size: int = 0, dataset: Dataset | None = None) -> Basis:
    vectors = None if dataset is None else lambda *asked: leading_vectors(dataset, *asked)
    return build_basis(name, Request(OPTICS, size, vectors))


def coefficients(masks: int = 5) -> NDArray[np.float32]:
    """Of masks whose magnitudes differ by orders, as those of pixels and polynomials do."""
    values = np.random.default_rng(1).normal(size=(40, masks)) * np.logspace(0, -7, masks)
    return values.astype(np.float32)


def stored_and_read(values: NDArray[np.float32], store: Store) -> NDArray[np.float32]:
    blocks, dtype, scale = encode(lambda: (values[i : i + 7] for i in range(0, 40, 7)), store)
    stored = np.concatenate(list(blocks))
    assert stored.dtype == dtype == store
    return decode(stored, scale)


def test_float32_is_stored_as_it_is() -> None:
    np.testing.assert_array_equal(stored_and_read(coefficients(), "float32"), coefficients())


def test_int8_is_off_by_half_a_step_of_each_mask() -> None:
    values, read = coefficients(), stored_and_read(coefficients(), "int8")
    step = np.abs(values).max(axis=0) / 127
    off = np.abs(read - values) / step
    assert (off.max(axis=0) <= 0.5 + 1e-4).all()
    assert (off.max(axis=0) > 0.4).all()  # nothing finer is stored than is said
    np.testing.assert_allclose(np.abs(read).max(axis=0), np.abs(values).max(axis=0), rtol=1e-6)


def test_float16_keeps_eleven_bits_of_masks_of_any_magnitude() -> None:
    values, read = coefficients(), stored_and_read(coefficients(), "float16")
    ordinary = np.abs(values) > 1e-4 * np.abs(values).max(axis=0)  # above its subnormal numbers
    assert ordinary.mean() > 0.99
    error = np.abs(read / values - 1)[ordinary]
    assert 2.0**-13 < error.max() < 2.0**-11 * 1.001


@pytest.mark.parametrize("store", ["float16", "int8"])
def test_nothing_stays_nothing_and_signs_stay(store: Store) -> None:
    values = np.array([[0, -2, 0], [0, 2, 5]], np.float32)
    blocks, _, scale = encode(lambda: [values], store)
    (stored,) = blocks
    np.testing.assert_allclose(decode(stored, scale), values, rtol=1e-6)


@pytest.mark.parametrize("name", ["zernike", "pixels"])
@pytest.mark.parametrize(("store", "close"), [("float16", 2.0**-11), ("int8", 0.5 / 127)])
def test_a_reconstruction_sees_what_was_stored(
    dataset: Dataset, tmp_path: Path, name: str, store: Store, close: float
) -> None:
    chosen = basis(name, 10)
    compress(dataset, chosen, tmp_path / "exact.h5")
    compress(dataset, chosen, tmp_path / "c.h5", store=store, reader=TINY)
    exact, read = (read_compressed(tmp_path / f"{n}.h5").coefficients for n in ("exact", "c"))
    assert read.dtype == np.float32
    limit = np.abs(exact).max(axis=0) * close * 1.01
    assert (np.abs(read - exact) <= limit).all()
    with h5py.File(tmp_path / "c.h5") as file:
        assert file["coefficients"].dtype == store
        np.testing.assert_array_equal(
            read, (file["coefficients"][()] * file["scale"][()]).reshape(read.shape)
        )


def test_fewer_bits_take_fewer_bytes_and_the_scale_counts(dataset: Dataset, tmp_path: Path) -> None:
    taken = {}
    for store in get_args(Store):
        path = tmp_path / f"{store}.h5"
        compress(dataset, basis("pixels"), path, store=store)
        taken[store] = bytes_of_coefficients(path)
        scale = 0 if store == "float32" else stored_bytes(path, "scale")
        assert taken[store] == stored_bytes(path, "coefficients") + scale
        assert store == "float32" or scale > 0
    assert taken["int8"] < 0.7 * taken["float16"] < 0.5 * taken["float32"]


def test_a_damaged_scale_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    compress(dataset, basis("zernike", 10), tmp_path / "c.h5", store="int8")
    with h5py.File(tmp_path / "c.h5", "r+") as file:
        del file["scale"]
        file["scale"] = np.ones(9)
    with pytest.raises(StudyError, match=r"'scale' has the shape \(9,\); allowed: \(10\)"):
        read_compressed(tmp_path / "c.h5")


# counts


def patterns(source: Dataset) -> NDArray[np.float64]:
    return np.concatenate([block for _, block in source.blocks()]).astype(float)


@pytest.fixture
def counted(dataset: Dataset, tmp_path: Path) -> Dataset:
    count_electrons(dataset, tmp_path / "counts.h5", 2000.0, seed=3)
    return read_dataset(tmp_path / "counts.h5")


def test_counts_are_poisson_of_the_patterns(dataset: Dataset, counted: Dataset) -> None:
    counts, expected = patterns(counted) * 2000, patterns(dataset) * 2000
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-3)
    seen = expected > 0.05
    score = ((counts - expected) / np.sqrt(expected))[seen]
    assert abs(score.mean()) < 4 / np.sqrt(score.size)
    kurtosis = 2 + (1 / expected[seen]).mean()  # of Poisson: variance of the squared score
    assert abs(score.var() - 1) < 4 * np.sqrt(kurtosis / score.size)
    with h5py.File(counted.path) as file:
        assert file["patterns"].dtype == np.uint16
        assert file["patterns"].attrs["incident_electrons"] == 2000


def test_counts_follow_the_seed(dataset: Dataset, counted: Dataset, tmp_path: Path) -> None:
    for name, seed in (("same", 3), ("other", 4)):
        count_electrons(dataset, tmp_path / f"{name}.h5", 2000.0, seed)
    same, other = (patterns(read_dataset(tmp_path / f"{n}.h5")) for n in ("same", "other"))
    np.testing.assert_array_equal(same, patterns(counted))
    assert (other != same).mean() > 0.2


def test_all_bases_see_the_same_noise(counted: Dataset, tmp_path: Path) -> None:
    """Whatever rows of the detector they look at: coefficients are those of the noisy pixels."""
    compress(counted, basis("pixels"), tmp_path / "pixels.h5")
    seen = read_compressed(tmp_path / "pixels.h5")
    for name, size in (("zernike", 10), ("binning", 3), ("bright-field", 0), ("svd", 4)):
        chosen = basis(name, size, counted)
        compress(counted, chosen, tmp_path / "c.h5", reader=TINY)
        found = read_compressed(tmp_path / "c.h5").coefficients
        noisy = seen.basis.adjoint(seen.coefficients)
        np.testing.assert_allclose(found, chosen.forward(noisy), rtol=1e-4, atol=1e-7)


def test_bytes_of_counts_are_those_of_the_file(counted: Dataset) -> None:
    taken = bytes_of_counts(counted.path)
    assert taken.raw == 2 * 30 * 26
    assert taken.lossless == stored_bytes(counted.path, "patterns") / 30
    assert taken.lossless < taken.raw / 2


def test_more_counts_than_16_bits_hold_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"5e\+07 electrons per pattern.*no more than 65535"):
        count_electrons(dataset, tmp_path / "counts.h5", 5e7, seed=1)
    assert not (tmp_path / "counts.h5").exists()
