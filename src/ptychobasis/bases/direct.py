"""Bases and compression for Python programs: one call each, with the defaults of a study."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.compress import compress, leading_vectors
from ptychobasis.bases.compressed_file import Compressed, read_compressed
from ptychobasis.bases.orthonormal import orthonormal
from ptychobasis.bases.quantise import Store
from ptychobasis.bases.registry import build_basis
from ptychobasis.data.dataset import Dataset
from ptychobasis.data.preparation import prepare_dataset


def make_basis(
    dataset: Dataset, name: str, size: int = 0, masks_file: str | Path | None = None
) -> Basis:
    """Make a registered basis for the detector of a data set.

    Args:
        dataset: Data set, of whose patterns the basis ``svd`` takes the singular vectors.
        name: Name in the registry, such as ``zernike``.
        size: Number that a sweep would ask for: of masks, or the edge of a bin in pixels.
        masks_file: File of the masks, for the basis ``file``.

    Raises:
        StudyError: The basis does not exist, or not with this size.
    """
    vectors = partial(leading_vectors, dataset)
    file = None if masks_file is None else Path(masks_file)
    return build_basis(name, Request(dataset.optics, size, vectors, file))


def compress_dataset(
    dataset: Dataset, basis: Basis, path: str | Path | None = None, store: Store = "float32"
) -> Compressed:
    """Check the patterns of a data set, and compress them to their coefficients in a basis.

    Args:
        dataset: Patterns; they are read block by block. Bad ones have to be left out before,
            by `ptychobasis.data.preparation.prepare_dataset`.
        basis: Masks on the detector of the data set; they are made orthonormal.
        path: Path of the compressed file to keep; None keeps only what is returned.
        store: Type of the stored numbers.

    Returns:
        Numbers that a reconstruction starts from; a study reads the same from its file.

    Raises:
        StudyError: The patterns cannot be reconstructed, some are bad, or no mask fits them.
    """
    ready = prepare_dataset(dataset)
    basis = orthonormal(basis, f"basis '{basis.name}'")
    seen = basis.without(ready.dataset.bad_pixels)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "compressed.h5" if path is None else path
        compress(ready.dataset, seen, file, scattering=ready.scattering, store=store)
        return read_compressed(file)
