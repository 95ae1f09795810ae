"""HDF5 files: written whole or not at all, and read with errors that name what is wrong."""

import json
import math
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from uuid import uuid4

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import DTypeLike, NDArray

from ptychobasis import __version__
from ptychobasis.errors import StudyError, nearest
from ptychobasis.grid import Grid
from ptychobasis.optics import Optics

VERSION = 1
SIGN_CONVENTION = (
    "axes (y, x); psi(k) = sum psi(r) exp(-2 pi i k.r); transmission exp(+i sigma V); aperture "
    "phase exp(+i pi lambda k^2 defocus), defocus > 0 focuses below the entrance surface"
)
# read about twice and written several times as fast as zstd with bit shuffle in Blosc2, which
# makes patterns without noise 3 to 4 % smaller and counts a half to a third of their size
LOSSLESS = hdf5plugin.Blosc(cname="lz4", clevel=5, shuffle=hdf5plugin.Blosc.SHUFFLE)
# for what is compared by its bytes: of six filters it made counts of any dose smallest, and
# coefficients of any type within 6 % of the smallest
SMALLEST = hdf5plugin.Blosc(cname="zstd", clevel=5, shuffle=hdf5plugin.Blosc.BITSHUFFLE)
_CHUNK_BYTES = 2**20
_CACHE_BYTES = 2**26
_KINDS = {"fiu": "real numbers", "b": "booleans", "c": "complex numbers"}


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` on success and is removed on failure.

    The temporary file lies in the same folder and keeps the suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def provenance() -> dict[str, str]:
    """Versions of all that a result depends on; the same on every run of one installation."""
    packages = {name: _version(name) for name in ("numpy", "scipy", "h5py", "torch", "abtem")}
    python = platform.python_version()
    return {"ptychobasis": __version__, "commit": _commit(), "python": python, **packages}


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
    """
    with atomic(path) as temporary, h5py.File(temporary, "w", rdcc_nbytes=_CACHE_BYTES) as file:
        file.attrs["format"] = kind
        file.attrs["version"] = VERSION
        file.attrs["provenance"] = json.dumps({**provenance(), **(about or {})}, sort_keys=True)
        yield file


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
    except OSError as error:
        raise StudyError(
            f"{path} is truncated or damaged ({error}); allowed: a complete file of the format "
            f"'{kind}'"
        ) from error


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
    item = file.get(key)
    if not isinstance(item, h5py.Dataset):
        raise StudyError(f"{where} is missing; allowed: {allowed}{nearest(key, file)}")
    fits = len(item.shape) == len(shape) and all(
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
    values = np.asarray(find_array(file, key, shape, kinds)[()])
    if not np.isfinite(values).all():
        raise StudyError(
            f"{file.filename}: the data set '{key}' holds NaN or infinite values; allowed: "
            f"finite {_KINDS[kinds]}"
        )
    return values


def write_calibration(file: Any, optics: Optics, positions: NDArray[np.floating]) -> None:
    """Write optics and scan positions ``(scan_y, scan_x, 2)`` as (y, x) [Å]."""
    file.attrs["energy_ev"] = optics.energy
    file.attrs["semi_angle_rad"] = optics.semi_angle
    file.attrs["defocus_angstrom"] = optics.defocus
    file.attrs["sign_convention"] = SIGN_CONVENTION
    file["detector/window_angstrom"] = np.array(optics.detector.extent)
    file["positions"] = np.asarray(positions, np.float64)
    file["positions"].attrs["units"] = "angstrom"
    for axis, label in enumerate(("scan_y", "scan_x", "y, x")):
        file["positions"].dims[axis].label = label


def read_optics(file: Any, shape: tuple[int, int]) -> Optics:
    """Read the optics of patterns of `shape` and check that the detector sees the disc."""
    energy = read_number(file, "energy_ev", 1e3, 1e7)
    semi_angle = read_number(file, "semi_angle_rad", 1e-5, 0.5)
    defocus = read_number(file, "defocus_angstrom")
    window = read_array(file, "detector/window_angstrom", (2,)).astype(float)
    if window.min() <= 0:
        raise StudyError(f"{file.filename}: 'detector/window_angstrom' must be positive lengths")
    sampling = float(window[0] / shape[0]), float(window[1] / shape[1])
    optics = Optics(energy, semi_angle, defocus, Grid(shape, sampling))
    low = max(optics.detector.reciprocal_sampling)
    high = min((n - 1) // 2 / length for n, length in zip(shape, window, strict=True))
    if not low <= optics.aperture <= high:
        raise StudyError(
            f"{file.filename}: 'semi_angle_rad' = {semi_angle:g} makes a bright-field disc of the "
            f"radius {optics.aperture:.4g} 1/Å; allowed by 'detector/window_angstrom' and the "
            f"number of pixels: {low:.4g} (one pixel) to {high:.4g} 1/Å (the detector's edge)"
        )
    return optics


def read_positions(file: Any, scan_shape: tuple[int, int]) -> NDArray[np.float64]:
    """Read scan positions ``(scan_y, scan_x, 2)`` as (y, x) [Å]."""
    positions = read_array(file, "positions", (*scan_shape, 2)).astype(np.float64)
    spread = np.ptp(positions.reshape(-1, 2), axis=0).max()
    if len(positions.reshape(-1, 2)) > 1 and spread < 1e-3:
        raise StudyError(
            f"{file.filename}: all 'positions' lie within {spread:.3g} Å; allowed: the positions "
            "of a scan as (y, x) in Å"
        )
    return positions


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
    """
    rows, columns, *rest = shape
    data = file.create_dataset(key, shape, dtype, chunks=_chunks(shape), **filters)
    done = 0
    for block in blocks:
        values = np.asarray(block, dtype)
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


def stored_bytes(path: str | Path, key: str) -> int:
    """Bytes that the data set `key` takes on disk, after lossless compression."""
    with h5py.File(path, "r") as file:
        return int(file[key].id.get_storage_size())


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Whole scan rows, or pieces of one, of about a mebibyte; patterns are never cut."""
    rows, columns, *rest = shape
    points = max(1, _CHUNK_BYTES // (4 * math.prod(rest)))
    return (min(rows, max(1, points // columns)), min(columns, points), *rest)


def _check_format(file: Any, kind: str) -> None:
    found = file.attrs.get("format")
    found = found.decode(errors="replace") if isinstance(found, bytes) else found
    if found != kind:
        raise StudyError(f"{file.filename}: the attribute 'format' is {found!r}; allowed: '{kind}'")
    number = read_number(file, "version")
    if number > VERSION:
        raise StudyError(
            f"{file.filename}: version {number:g} of '{kind}' is newer than this program; allowed: "
            f"up to {VERSION}, or a newer ptychobasis"
        )


def _plain(value: Any) -> Any:
    """An attribute's value without numpy's types, to be shown."""
    return np.asarray(value).tolist()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


@cache
def _commit() -> str:
    """The commit of the checkout that this module lies in, with '-dirty' if it was changed."""
    root = Path(__file__).parents[2]
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    if not (root / ".git").exists():
        return "unknown"
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        answer = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()
