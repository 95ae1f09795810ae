"""HDF5 files: written whole or not at all, and read with errors that name what is wrong."""

import errno
import json
import math
import os
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.errors import StudyError, nearest
from ptychobasis.data.atomic import atomic
from ptychobasis.data.provenance import provenance

VERSION = 1


# read about twice and written several times as fast as zstd with bit shuffle in Blosc2, which
# makes patterns without noise 3 to 4 % smaller and counts a half to a third of their size
LOSSLESS = {
    **hdf5plugin.Blosc(cname="lz4", clevel=5, shuffle=hdf5plugin.Blosc.SHUFFLE),
    "fletcher32": True,  # most flipped bits would pass Blosc unseen
}
# for what is compared by its bytes: of six filters it made counts of any dose smallest, and
# coefficients of any type within 6 % of the smallest
SMALLEST = {
    **hdf5plugin.Blosc(cname="zstd", clevel=5, shuffle=hdf5plugin.Blosc.BITSHUFFLE),
    "fletcher32": True,
}
# of an HDF5 file that cannot be read, by what HDF5 says
_REASONS = {
    "unable to lock": "is locked by a program that writes to it; allowed: a file that is closed",
    "can't open directory": "is compressed by a filter that is not installed; allowed: filters of "
    "h5py and hdf5plugin",
    "required filter": "is compressed by a filter that is not installed; allowed: filters of h5py "
    "and hdf5plugin",
    "ermission denied": "may not be read; allowed: a file that this user may read",
    "external": "refers to another file that is not there; allowed: a complete file",
    "soft links": "holds a link that leads back to itself; allowed: a complete file",
    "Unable to allocate": "holds more numbers than memory does; allowed: fewer, or more memory",
    "No space left": "does not fit the disk; allowed: more space",
}
# of HDF5: has checksums of all that is not data; without them, a damaged file may let HDF5 search
# without end
_FORMAT = ("v110", "v110")
_CHUNK_BYTES = 2**20
_CACHE_BYTES = 2**26
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}  # no quotas on Windows
_KINDS = {"fiu": "real numbers", "b": "booleans", "bu": "booleans", "c": "complex numbers"}
_MOST_BYTES = 2**36  # of a data set that is read whole


@contextmanager
def create_hdf5(
    path: str | Path, kind: str, about: Mapping[str, Any] | None = None
) -> Iterator[h5py.File]:
    """Open a new file that appears as `path` once it is complete.

    Args:
        path: of the file.
        kind: the attribute ``format``.
        about: what to keep beside the versions in the attribute ``provenance``, for
            instance the configuration; anything that JSON can hold.

    Raises:
        StudyError: the disk is full.
    """
    with atomic(path) as temporary:
        file = h5py.File(temporary, "w", libver=_FORMAT, rdcc_nbytes=_CACHE_BYTES)
        try:
            file.attrs["format"] = fixed(kind)
            file.attrs["version"] = VERSION
            file.attrs["provenance"] = json.dumps({**provenance(), **(about or {})}, sort_keys=True)
            yield file
            file.flush()
        except BaseException as error:
            _abandon(file)
            number = re.search(r"errno(?: =)? (\d+)", str(error), re.IGNORECASE)
            if number is not None and int(number[1]) in _FULL:
                reason = os.strerror(int(number[1]))
                raise StudyError(
                    f"{path} cannot be written: {reason}; allowed: a disk with enough free space"
                ) from error
            raise
        file.close()


def fixed(text: str) -> np.bytes_:
    """Text of a fixed length for an attribute that is read again.

    HDF5 keeps it under a checksum. Text of any length lies in a heap without one, in which it
    searches without end once a size in it is damaged.
    """
    return np.bytes_(text.encode())


def _abandon(file: h5py.File) -> None:
    """Close a file that will be removed, although its disk may be full.

    HDF5 writes what it still holds when it closes a file. Where that fails, the process ends with
    a segmentation fault. So the rest is written to nowhere.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, file.id.get_vfd_handle())
    os.close(nowhere)
    with suppress(OSError, RuntimeError):
        file.close()


@contextmanager
def open_hdf5(path: str | Path, kind: str) -> Iterator[h5py.File]:
    """Open a file of the format `kind` for reading.

    Raises:
        StudyError: the file is missing, damaged, or not of this format and version.
    """
    if not Path(path).is_file():
        raise StudyError(f"{path}: there is no such file; allowed: a file of the format '{kind}'")
    if not h5py.is_hdf5(path):
        raise StudyError(f"{path} is not an HDF5 file; allowed: HDF5 of the format '{kind}'")
    try:
        with h5py.File(path, "r", rdcc_nbytes=_CACHE_BYTES) as file:
            _check_format(file, kind)
            yield file
    except StudyError:
        raise
    except Exception as error:
        if isinstance(error, OSError) or _raised_by_h5py(error):
            raise StudyError(f"{path} {_reason(error)}") from error
        raise


def _raised_by_h5py(error: Exception) -> bool:
    """Whether h5py could not do what it was asked for; it raises errors of many types."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return "h5py" in Path(last.filename).parts


def _reason(error: Exception) -> str:
    """Why a file cannot be read, and what is allowed."""
    text = str(error)
    for sign, what in _REASONS.items():
        if sign in text:
            return f"{what} ({text})"
    return f"is truncated or damaged ({text}); allowed: a complete file"


def read_numbers(
    item: Any, key: str, count: int, low: float = -math.inf, high: float = math.inf
) -> tuple[float, ...]:
    """Read the attribute `key` of a file or data set: `count` finite numbers in [low, high]."""
    where = f"{item.file.filename}: the attribute '{key}' of {item.name}"
    allowed = f"{count} finite number{'s' if count > 1 else ''}"
    if low > -math.inf or high < math.inf:
        allowed += f" from {low:g} to {high:g}"
    if key not in item.attrs:
        raise StudyError(f"{where} is missing; allowed: {allowed}{nearest(key, item.attrs)}")
    values = np.asarray(item.attrs[key]).ravel()
    if values.dtype.kind not in "fiu" or len(values) != count:
        raise StudyError(f"{where} is {_plain(item.attrs[key])!r}; allowed: {allowed}")
    if not all(math.isfinite(value) and low <= value <= high for value in values):
        raise StudyError(f"{where} is {' '.join(f'{v:g}' for v in values)}; allowed: {allowed}")
    return tuple(float(value) for value in values)


def read_number(item: Any, key: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Read the attribute `key` of a file or data set: one finite number in [low, high]."""
    return read_numbers(item, key, 1, low, high)[0]


def read_text(item: Any, key: str) -> str:
    """Read the attribute `key` of a file or data set: a text."""
    where = f"{item.file.filename}: the attribute '{key}' of {item.name}"
    if key not in item.attrs:
        raise StudyError(f"{where} is missing; allowed: a text{nearest(key, item.attrs)}")
    value = item.attrs[key]
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if not isinstance(value, str):
        raise StudyError(f"{where} is {_plain(value)!r}; allowed: a text")
    return value


def find_array(file: Any, key: str, shape: Sequence[int | str], kinds: str = "fiu") -> Any:
    """Find the data set `key` without reading its values.

    Args:
        file: open HDF5 file.
        key: path of the data set.
        shape: lengths; a name in place of a length allows any but zero.
        kinds: numpy's letters of the types allowed: ``fiu`` real, ``b`` boolean, ``c`` complex.
    """
    where = f"{file.filename}: the data set '{key}'"
    allowed = f"({', '.join(map(str, shape))}) of {_KINDS[kinds]}"
    try:
        item = file.get(key)
    except RuntimeError as error:  # of links that lead back to themselves
        raise StudyError(f"{where} {_reason(error)}") from error
    if not isinstance(item, h5py.Dataset):
        if item is not None or file.get(key, getlink=True) is not None:
            what = "is a group" if item is not None else "is a link that leads nowhere"
            raise StudyError(f"{where} {what}; allowed: {allowed}")
        raise StudyError(f"{where} is missing; allowed: {allowed}{nearest(key, file)}")
    fits = len(item.shape or ()) == len(shape) and all(
        have > 0 if isinstance(want, str) else have == want
        for have, want in zip(item.shape, shape, strict=True)
    )
    if not fits:
        raise StudyError(f"{where} has the shape {item.shape}; allowed: {allowed}")
    if item.dtype.kind not in kinds:
        raise StudyError(f"{where} has the type {item.dtype}; allowed: {allowed}")
    return item


def read_array(file: Any, key: str, shape: Sequence[int | str], kinds: str = "fiu") -> NDArray[Any]:
    """Read a data set of finite values; see `find_array`."""
    item = find_array(file, key, shape, kinds)
    if item.size * item.dtype.itemsize > _MOST_BYTES:
        raise StudyError(
            f"{file.filename}: the data set '{key}' claims the shape {item.shape}, "
            f"{item.size * item.dtype.itemsize / 2**30:.0f} GiB; allowed: up to "
            f"{_MOST_BYTES / 2**30:.0f} GiB"
        )
    values = np.asarray(item[()])
    if not np.isfinite(values).all():
        raise StudyError(
            f"{file.filename}: the data set '{key}' holds NaN or infinite values; allowed: "
            f"finite {_KINDS[kinds]}"
        )
    return values


def _check_format(file: Any, kind: str) -> None:
    found = file.attrs.get("format")
    found = found.decode(errors="replace") if isinstance(found, bytes) else found
    if not isinstance(found, str) or found != kind:  # anybody's file may hold an array
        raise StudyError(f"{file.filename}: the attribute 'format' is {found!r}; allowed: '{kind}'")
    number = read_number(file, "version")
    if number != round(number) or number < 1:
        raise StudyError(
            f"{file.filename}: the attribute 'version' is {number:g}; allowed: 1 to {VERSION}"
        )
    if number > VERSION:
        raise StudyError(
            f"{file.filename}: version {number:g} of '{kind}' is newer than this program; allowed: "
            f"up to {VERSION}, or a newer ptychobasis"
        )


def _plain(value: Any) -> Any:
    """An attribute's value without numpy's types, to be shown."""
    return np.asarray(value).tolist()
