"""Bad pixels and frames count nowhere, whatever the basis."""

from pathlib import Path

import numpy as np
import pytest
import shared

from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.compress import compress, leading_vectors
from ptychobasis.bases.compressed_file import Compressed, read_compressed
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.errors import StudyError
from ptychobasis.data.dataset import Dataset, read_dataset, write_dataset
from ptychobasis.data.flaws import Flaws

OPTICS = shared.optics((24, 20), (0.35, 0.35))
FLAWS = Flaws({(1, 2): "empty"}, {(12, 11): "hot", (2, 3): "dead"})


def stored(path: Path, spoilt: bool) -> Dataset:
    values = np.random.default_rng(0).random((3, 4, 24, 20)).astype(np.float32)
    if spoilt:
        values[..., 12, 11] = 50
        values[..., 2, 3] = 0
        values[1, 2] = 7
    write_dataset(path, OPTICS, shared.positions((3, 4)), values)
    return read_dataset(path).without(FLAWS)


def compressed(path: Path, name: str, size: int, spoilt: bool) -> Compressed:
    data = stored(path.with_suffix(".data.h5"), spoilt)
    request = Request(OPTICS, size, leading_vectors=lambda *asked: leading_vectors(data, *asked))
    basis = build_basis(name, request).without(data.bad_pixels)
    compress(data, basis, path)
    return read_compressed(path)


@pytest.mark.parametrize(
    ("name", "size"),
    [("zernike", 6), ("binning", 3), ("svd", 4), ("pixels", 0), ("bright-field", 0)],
)
def test_bad_pixels_and_frames_change_nothing(tmp_path: Path, name: str, size: int) -> None:
    good, spoilt = (compressed(tmp_path / f"{each}.h5", name, size, each) for each in (False, True))
    np.testing.assert_array_equal(spoilt.coefficients, good.coefficients)
    assert len(spoilt.coefficients) == len(spoilt.positions) == 11
    assert [1.0, 2.0] not in spoilt.positions.tolist()
    assert not spoilt.basis.support[12, 11]
    assert spoilt.basis.masks()[:, 12, 11].max() == 0
    assert spoilt.basis.size == good.basis.size


def test_a_bad_pixel_of_the_disc_is_no_dark_field(tmp_path: Path) -> None:
    data = compressed(tmp_path / "a.h5", "zernike", 6, True)
    for shape in ((24, 20), (20, 16), (28, 24)):
        bright = data.bright_or_bad(shape)
        centre = (shape[0] // 2, shape[1] // 2)
        assert bright[centre[0], centre[1] + 1]
        assert not data.basis.on_shape(shape).support[centre[0], centre[1] + 1]


def test_a_mask_of_bad_pixels_alone_is_refused() -> None:
    support = np.zeros((24, 20), bool)
    support[3:5, 3] = True
    bad = np.zeros((24, 20), bool)
    bad[3, 3] = True
    basis = Basis("two", support, np.eye(2, dtype=np.float32))
    with pytest.raises(StudyError, match="mask 0 of 'two' sees none but bad pixels"):
        basis.without(bad)
    assert Basis("two", support, np.ones((1, 2), np.float32)).without(bad).matrix == [[1]]
