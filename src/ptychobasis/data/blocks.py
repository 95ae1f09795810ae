"""How a scan that does not fit into memory is gone through: in blocks, one read ahead."""

import math
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import DTypeLike, NDArray

from ptychobasis.core.errors import StudyError
from ptychobasis.data.hdf5 import _CHUNK_BYTES, LOSSLESS


def create_scan(
    file: Any,
    key: str,
    shape: tuple[int, ...],
    blocks: Iterable[NDArray[Any]],
    dtype: DTypeLike = np.float32,
    filters: Mapping[str, Any] = LOSSLESS,
) -> Any:
    """Write blocks of consecutive scan points to one data set, losslessly compressed.

    Args:
        file: HDF5 file open for writing.
        key: of the data set.
        shape: ``(scan_y, scan_x, ...)``.
        blocks: arrays ``(any number of scan points, ...)`` in the order of the scan.
        dtype: of the data set.
        filters: of HDF5, which compress it.

    Returns:
        The data set.

    Raises:
        ValueError: the blocks do not fill the data set exactly.
        StudyError: a block holds counts that the type cannot hold.
    """
    rows, columns, *rest = shape
    data = file.create_dataset(key, shape, dtype, chunks=_chunks(shape), **filters)
    done = 0
    for block in blocks:
        values = _as_type(np.asarray(block), np.dtype(dtype))
        if values.shape[1:] != tuple(rest) or done + len(values) > rows * columns:
            raise ValueError(f"a block {values.shape} does not fit {key} {shape} after {done}")
        while len(values):
            row, column = divmod(done, columns)
            whole = 0 if column else len(values) // columns
            count = whole * columns or min(columns - column, len(values))
            if whole:  # rows at once: calls of HDF5 would cost more than what they write
                data[row : row + whole] = values[:count].reshape(whole, *shape[1:])
            else:
                data[row, column : column + count] = values[:count]
            values, done = values[count:], done + count
    if done != rows * columns:
        raise ValueError(f"{done} instead of {rows * columns} scan points for {key}")
    return data


def _as_type(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The same numbers in another type; counts are never wrapped or cut."""
    if dtype.kind not in "iu" or values.dtype == dtype:
        return values.astype(dtype, copy=False)
    most = np.iinfo(dtype).max
    with np.errstate(invalid="ignore"):
        kept = values.astype(dtype)
    wrong = values[kept != values]
    if len(wrong):
        raise StudyError(
            f"the patterns hold {wrong[0]:g}; allowed: whole numbers from 0 to {most}, which "
            f"{dtype} holds (another unsigned type for more)"
        )
    return kept


def stored_bytes(path: str | Path, key: str) -> int:
    """Bytes that the data set `key` takes on disk, after lossless compression."""
    with h5py.File(path, "r") as file:
        return int(file[key].id.get_storage_size())


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Whole scan rows, or pieces of one, of about a mebibyte; patterns are never cut."""
    rows, columns, *rest = shape
    points = max(1, _CHUNK_BYTES // (4 * math.prod(rest)))
    return (min(rows, max(1, points // columns)), min(columns, points), *rest)


Item = TypeVar("Item")
Cut = tuple[int, slice, slice]  # first point, rows and columns of the scan


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Fetch the next item in a thread while the last one is used; None ends the items."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, items, None)
        while (item := following.result()) is not None:
            following = pool.submit(next, items, None)
            yield item


def scan_cuts(scan_shape: tuple[int, int], most: int, chunk: int) -> Iterator[Cut]:
    """Cut a scan into runs of at most `most` points.

    Whole rows if they fit, otherwise pieces of a row that end where chunks end.
    """
    rows, columns = scan_shape
    step = max(1, most // columns)
    width = columns if most >= columns else most // chunk * chunk or most
    for i in range(0, rows, step):
        for j in range(0, columns, width):
            yield i * columns + j, slice(i, i + step), slice(j, j + width)
