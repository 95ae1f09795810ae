"""The data set: a scan of diffraction patterns with its calibration, read in blocks.

The format is described in ``docs/dataset.md``.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.errors import StudyError
from ptychobasis.core.optics import Optics
from ptychobasis.core.volume import Volume
from ptychobasis.data.blocks import Cut, ahead, create_scan, scan_cuts
from ptychobasis.data.calibration import read_optics, read_positions, write_calibration
from ptychobasis.data.flaws import Flaws
from ptychobasis.data.hdf5 import (
    LOSSLESS,
    SMALLEST,
    create_hdf5,
    find_array,
    open_hdf5,
    read_array,
    read_number,
    read_numbers,
)

FORMAT = "ptychobasis-dataset"
BLOCK_BYTES = 2**23  # stays in the processor's cache, where what follows finds it


@dataclass(frozen=True, eq=False)
class Truth:
    """The potential that a simulated data set was made from.

    Attributes:
        potential: Projected potential of each layer, ``(layers, y, x)`` [V Å].
        slice_thickness: of a layer [Å].
    """

    potential: Volume
    slice_thickness: float


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set on disk, of which only the calibration is held in memory.

    Attributes:
        path: of the file.
        optics: probe and detector.
        positions: ``(scan_y, scan_x, 2)``, scan positions as (y, x) [Å].
        incident_electrons: what the stored patterns are divided by when they are read.
        marked_pixels: ``(ky, kx)``, pixels that are left out; None: none.
        marked_frames: ``(scan_y, scan_x)``, patterns that are left out; None: none.
        scale: ``(scan_y, scan_x)``, what each pattern is divided by beside that; None: 1.
    """

    path: Path
    optics: Optics
    positions: NDArray[np.float64]
    incident_electrons: float = 1.0
    marked_pixels: NDArray[np.bool_] | None = None
    marked_frames: NDArray[np.bool_] | None = None
    scale: NDArray[np.float32] | None = None

    @property
    def electrons_per_pattern(self) -> float | None:
        """Incident electrons of a pattern, on average; None where the patterns are no counts."""
        if self.incident_electrons == 1:
            return None
        # n counts are read as n / (incident electrons * scale)
        return self.incident_electrons * (1 if self.scale is None else float(self.scale.mean()))

    @property
    def bad_pixels(self) -> NDArray[np.bool_]:
        """Pixels ``(ky, kx)`` that are left out; they are read as zero."""
        if self.marked_pixels is None:
            return np.zeros(self.optics.detector.shape, bool)
        return self.marked_pixels

    @property
    def bad_frames(self) -> NDArray[np.bool_]:
        """Patterns ``(scan_y, scan_x)`` that are left out; they are read as zero."""
        if self.marked_frames is None:
            return np.zeros(self.scan_shape, bool)
        return self.marked_frames

    def without(self, flaws: Flaws) -> "Dataset":
        """The data set with more frames and pixels left out."""
        pixels, frames = self.bad_pixels.copy(), self.bad_frames.copy()
        for marks, places in ((pixels, flaws.pixels), (frames, flaws.frames)):
            for place in places:
                marks[place] = True
        return replace(self, marked_pixels=pixels, marked_frames=frames)

    def scaled(self, factors: float | NDArray[np.floating]) -> "Dataset":
        """The data set with all patterns divided by a number, or each by its own ``(n,)``."""
        whole = np.broadcast_to(np.asarray(factors, np.float32).reshape(-1), (self.size,))
        scale = whole.reshape(self.scan_shape) * (1 if self.scale is None else self.scale)
        return replace(self, scale=None if (scale == 1).all() else scale)

    def largest_number(self) -> float | None:
        """The largest number that the type of the patterns holds, for integers [fraction]."""
        with open_hdf5(self.path, FORMAT) as file:
            kind = file["patterns"].dtype
        return np.iinfo(kind).max / self.incident_electrons if kind.kind in "iu" else None

    @property
    def scan_shape(self) -> tuple[int, int]:
        """Scan points along (y, x)."""
        return self.positions.shape[0], self.positions.shape[1]

    @property
    def size(self) -> int:
        """Number of patterns."""
        return math.prod(self.scan_shape)

    @cached_property
    def truth(self) -> Truth | None:
        """The potential that the patterns were simulated from, if the file holds it."""
        with open_hdf5(self.path, FORMAT) as file:
            return _read_truth(file) if "truth" in file else None

    def blocks(
        self, block_bytes: int = BLOCK_BYTES, rows: slice = slice(None)
    ) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Read all patterns in the order of the scan, as fractions of the incident electrons.

        The next block is read in a thread while the last one is used.

        Args:
            block_bytes: the most that a block may take, unless one pattern takes more.
            rows: of the detector; from a file without compression no others are read.

        Yields:
            Which scan points (a slice of the flat index), and ``(n, rows, kx)``.
        """
        return ahead(self.read(self.cuts(block_bytes, rows), rows))

    def cuts(self, block_bytes: int = BLOCK_BYTES, rows: slice = slice(None)) -> list[Cut]:
        """Where `blocks` cuts the scan; see there."""
        height, width = self.optics.detector.shape
        most = max(1, block_bytes // (4 * len(range(height)[rows]) * width))
        with open_hdf5(self.path, FORMAT) as file:
            chunk = (file["patterns"].chunks or (1, 1))[1]
        return list(scan_cuts(self.scan_shape, most, chunk))

    def read(
        self, cuts: Iterable[Cut], rows: slice = slice(None)
    ) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Read the blocks at some of `cuts`, as `blocks` yields them."""
        with open_hdf5(self.path, FORMAT) as file:
            stored = file["patterns"]  # once: HDF5 makes a cache for each time
            for start, *scan in cuts:
                values = self._normalised(stored[*scan, rows])
                values = self._corrected(values, tuple(scan), rows)
                values = values.reshape(-1, *values.shape[2:])
                yield slice(start, start + len(values)), values

    def pattern(self, i: int, j: int) -> NDArray[np.float32]:
        """The pattern ``(ky, kx)`` of row `i` and column `j` of the scan."""
        with open_hdf5(self.path, FORMAT) as file:
            values = self._normalised(file["patterns"][i, j])
        return self._corrected(values, (i, j))

    def _normalised(self, values: NDArray[Any]) -> NDArray[np.float32]:
        # converted here: HDF5 takes a hundred times as long for some types, like >u2
        with np.errstate(over="ignore"):  # becomes infinite, which is refused
            fractions = values.astype(np.float32, copy=False)
        if self.incident_electrons != 1:
            fractions /= self.incident_electrons
        return fractions

    def _corrected(
        self, values: NDArray[np.float32], scan: Any, rows: slice = slice(None)
    ) -> NDArray[np.float32]:
        if self.marked_pixels is not None:
            values[..., self.marked_pixels[rows]] = 0
        if self.marked_frames is not None:
            values[self.marked_frames[scan]] = 0
        if self.scale is not None:
            values /= self.scale[scan][..., None, None]
        return values


def read_dataset(path: str | Path) -> Dataset:
    """Open a data set and check all but the intensities, see `check_patterns`.

    Raises:
        StudyError: the file, or what is wrong in it.
    """
    with open_hdf5(path, FORMAT) as file:
        patterns = find_array(file, "patterns", ("scan_y", "scan_x", "ky", "kx"))
        sy, sx, ky, kx = patterns.shape
        electrons = _read_incident_electrons(patterns)
        _check_complete(patterns)
        optics = read_optics(file, (ky, kx))
        positions = read_positions(file, (sy, sx))
        pixels = _read_marks(file, "bad_pixels", (ky, kx))
        frames = _read_marks(file, "bad_frames", (sy, sx))
        if "truth" in file:
            _find_truth(file)
    return Dataset(Path(path), optics, positions, electrons, pixels, frames)


def write_dataset(
    path: str | Path,
    optics: Optics,
    positions: NDArray[np.floating],
    patterns: Iterable[NDArray[Any]],
    truth: Truth | None = None,
    about: Mapping[str, Any] | None = None,
    electrons: float | None = None,
) -> None:
    """Write a data set, block by block.

    Args:
        path: of the file.
        optics: probe and detector.
        positions: ``(scan_y, scan_x, 2)``, scan positions as (y, x) [Å].
        patterns: blocks ``(n, ky, kx)`` of any n in the order of the scan, as fractions of
            the incident electrons; an array ``(scan_y, scan_x, ky, kx)`` is such a sequence.
        truth: the potential, if it is known.
        about: what to keep in the attribute ``provenance`` beside the versions.
        electrons: incident per pattern; if given, `patterns` are counts, which are stored in the
            unsigned type of the first block, or with 16 bits.

    Raises:
        StudyError: Counts do not fit their type, or patterns and positions are of other scans.
    """
    sy, sx, _ = positions.shape
    scan = np.shape(patterns)[:2] if isinstance(patterns, np.ndarray) and patterns.ndim == 4 else ()
    if scan and scan != (sy, sx):
        raise StudyError(
            f"the patterns are of {scan[0]} x {scan[1]} scan points and the positions of {sy} x "
            f"{sx}; allowed: the same (scan_y, scan_x)"
        )
    with create_hdf5(path, FORMAT, about) as file:
        write_calibration(file, optics, positions)
        shape = (sy, sx, *optics.detector.shape)
        if electrons is None:
            data = create_scan(file, "patterns", shape, patterns)
            data.attrs["units"] = "fraction of the incident electrons per pixel"
        else:
            blocks = iter(patterns)
            first = np.asarray(next(blocks))
            kind = first.dtype if first.dtype.kind == "u" else np.dtype(np.uint16)
            data = create_scan(file, "patterns", shape, chain([first], blocks), kind, SMALLEST)
            data.attrs["units"] = "electrons per pixel"
            data.attrs["incident_electrons"] = electrons
        _label_axes(file, optics, positions)
        if truth is not None:
            item = file.create_dataset("truth/potential", data=truth.potential.array, **LOSSLESS)
            item.attrs["units"] = "V angstrom"
            item.attrs["sampling_angstrom"] = truth.potential.sampling
            item.attrs["origin_angstrom"] = truth.potential.origin
            item.attrs["slice_thickness_angstrom"] = truth.slice_thickness
            for axis, label in enumerate(("layer", "y", "x")):
                item.dims[axis].label = label


def _label_axes(file: Any, optics: Optics, positions: NDArray[np.floating]) -> None:
    """Name the axes of the patterns and attach scales: nominal positions, frequencies."""
    ky, kx = optics.detector.frequencies()
    scales = {
        "scan_y": (positions[:, :, 0].mean(axis=1), "angstrom"),
        "scan_x": (positions[:, :, 1].mean(axis=0), "angstrom"),
        "ky": (ky.ravel(), "1/angstrom"),
        "kx": (kx.ravel(), "1/angstrom"),
    }
    for axis, (name, (values, units)) in enumerate(scales.items()):
        file[name] = values
        file[name].attrs["units"] = units
        file[name].make_scale(name)
        file["patterns"].dims[axis].label = name
        file["patterns"].dims[axis].attach_scale(file[name])


def _read_marks(file: Any, key: str, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    """Marks of bad pixels or frames in the file, if there are any."""
    if key not in file:
        return None
    marks = read_array(file, key, shape, "bu").astype(bool)
    if marks.all():
        raise StudyError(f"{file.filename}: '{key}' marks all; allowed: some that are good")
    return marks if marks.any() else None


def _read_incident_electrons(patterns: Any) -> float:
    key = "incident_electrons"
    if key in patterns.attrs or patterns.dtype.kind != "f":
        return read_number(patterns, key, 1e-3, 1e15)
    return 1.0


def _check_complete(patterns: Any) -> None:
    """Refuse patterns of which a part was never written."""
    if patterns.is_virtual:
        _check_sources(patterns)
        return
    if patterns.chunks is None:
        if patterns.external is None and patterns.id.get_storage_size() < patterns.nbytes:
            raise StudyError(
                f"{patterns.file.filename}: 'patterns' was never written; allowed: a complete data "
                "set"
            )
        return
    pairs = zip(patterns.shape, patterns.chunks, strict=True)
    expected = math.prod(-(-length // chunk) for length, chunk in pairs)
    found = patterns.id.get_num_chunks()
    if found < expected:
        raise StudyError(
            f"{patterns.file.filename}: 'patterns' was not written to its end, {found} of "
            f"{expected} chunks are there; allowed: a complete data set"
        )


def _check_sources(patterns: Any) -> None:
    """Refuse a virtual data set whose sources are not all there: HDF5 would read zeros."""
    here = Path(patterns.file.filename)
    for source in patterns.virtual_sources():
        path = here if source.file_name == "." else here.parent / source.file_name
        if not path.is_file():
            raise StudyError(
                f"{here}: 'patterns' takes a part from '{source.file_name}', which is not there; "
                "allowed: all files of a virtual data set beside it"
            )


def _find_truth(file: Any) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Check the potential without reading it; sampling, origin and slice thickness [Å]."""
    item = find_array(file, "truth/potential", ("layers", "y", "x"))
    dy, dx = read_numbers(item, "sampling_angstrom", 2, 1e-3, 10)
    y, x = read_numbers(item, "origin_angstrom", 2)
    return (dy, dx), (y, x), read_number(item, "slice_thickness_angstrom", 1e-3, 1e4)


def _read_truth(file: Any) -> Truth:
    sampling, origin, thickness = _find_truth(file)
    potential = read_array(file, "truth/potential", ("layers", "y", "x")).astype(np.float32)
    return Truth(Volume(potential, sampling, origin), thickness)
