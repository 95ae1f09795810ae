"""The compressed file: coefficients, masks and calibration, enough to reconstruct from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychobasis.bases.basis import Basis
from ptychobasis.bases.quantise import Coefficients, decode
from ptychobasis.core.grid import centred_slices
from ptychobasis.core.optics import Optics
from ptychobasis.data.blocks import create_scan, stored_bytes
from ptychobasis.data.calibration import read_optics, read_positions, write_calibration
from ptychobasis.data.hdf5 import (
    LOSSLESS,
    SMALLEST,
    create_hdf5,
    fixed,
    open_hdf5,
    read_array,
    read_number,
    read_text,
)

FORMAT = "ptychobasis-compressed"

Marks = NDArray[np.bool_] | None


class Found(NamedTuple):
    """Results of the checks of a data set.

    Attributes:
        scattering: ``(2, n)``, see `Compressed`.
        bad_pixels: ``(ky, kx)``, pixels that are left out.
        bad_frames: ``(scan_y, scan_x)``, patterns that are left out when the file is read.
        electrons: incident electrons per pattern; None where that is not known.
    """

    scattering: NDArray[np.floating] | None = None
    bad_pixels: Marks = None
    bad_frames: Marks = None
    electrons: float | None = None


@dataclass(frozen=True, eq=False)
class Compressed:
    """A data set after compression.

    Attributes:
        coefficients: ``(n, masks)``, inner products of the patterns with the masks, in units
            of the incident electrons per pattern.
        positions: ``(n, 2)``, scan positions as (y, x) [Å].
        basis: the masks.
        optics: probe and detector.
        scattering: ``(2, n)``, frequencies [1/Å] and the fraction of the incident electrons
            that the mean pattern holds within each; None where it is not known.
        bad_pixels: ``(ky, kx)``, pixels that no mask sees because they are bad; None: none.
        electrons: incident electrons per pattern; None where that is not known.
    """

    coefficients: NDArray[np.float32]
    positions: NDArray[np.float64]
    basis: Basis
    optics: Optics
    scattering: NDArray[np.float64] | None = None
    bad_pixels: NDArray[np.bool_] | None = None
    electrons: float | None = None

    def bright_or_bad(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Pixels that belong to no dark field: those that masks see, and bad ones.

        Args:
            shape: Pixels (y, x) of the pattern, centred like the detector's.
        """
        seen = self.basis.on_shape(shape).support
        if self.bad_pixels is None:
            return seen
        old = self.bad_pixels.shape
        inner = (min(old[0], shape[0]), min(old[1], shape[1]))
        marked = np.zeros(shape, bool)
        marked[centred_slices(shape, inner)] = self.bad_pixels[centred_slices(old, inner)]
        return seen | marked

    @property
    def detector_pixels(self) -> int:
        """Numbers per pattern before compression."""
        return math.prod(self.optics.detector.shape)


def write_compressed(
    path: str | Path,
    optics: Optics,
    positions: NDArray[np.floating],
    basis: Basis,
    coefficients: Coefficients,
    about: Mapping[str, Any] | None = None,
    found: Found | None = None,
) -> None:
    """Write a compressed file, block by block.

    Args:
        path: of the file.
        optics: probe and detector.
        positions: ``(scan_y, scan_x, 2)``, scan positions as (y, x) [Å].
        basis: the masks.
        coefficients: what to store of the patterns, see `ptychobasis.bases.quantise.encode`.
        about: what to keep in the attribute ``provenance`` beside the versions.
        found: What the checks of the data set found.
    """
    sy, sx, _ = positions.shape
    with create_hdf5(path, FORMAT, about) as file:
        write_calibration(file, optics, positions)
        blocks, dtype, scale = coefficients
        shape = (sy, sx, basis.size)
        data = create_scan(file, "coefficients", shape, blocks, dtype, SMALLEST)
        for axis, label in enumerate(("scan_y", "scan_x", "mask")):
            data.dims[axis].label = label
        if scale is not None:
            file.create_dataset("scale", data=scale, **SMALLEST)
        found = found or Found()
        if found.electrons is not None:
            file.attrs["electrons_per_pattern"] = found.electrons
        if found.scattering is not None:
            reached = np.asarray(found.scattering, np.float64)
            file.create_dataset("scattering", data=reached, **LOSSLESS)
        for key in ("bad_pixels", "bad_frames"):
            marked = getattr(found, key)
            if marked is not None and marked.any():
                file.create_dataset(key, data=marked, **LOSSLESS)
        write_basis(file, "basis", basis)


def read_compressed(path: str | Path) -> Compressed:
    """Read a compressed file; the coefficients are what the stored numbers stand for.

    Raises:
        StudyError: the file, or what is wrong in it.
    """
    with open_hdf5(path, FORMAT) as file:
        basis = read_basis(file, "basis")
        stored = read_array(file, "coefficients", ("scan_y", "scan_x", basis.size))
        sy, sx, _ = stored.shape
        scale = read_array(file, "scale", (basis.size,)) if "scale" in file else None
        positions = read_positions(file, (sy, sx))
        optics = read_optics(file, (basis.support.shape[0], basis.support.shape[1]))
        scattering = None
        if "scattering" in file:
            scattering = read_array(file, "scattering", (2, "frequencies")).astype(np.float64)
        pixels = _read_marks(file, "bad_pixels", optics.detector.shape)
        frames = _read_marks(file, "bad_frames", (sy, sx))
        counted = "electrons_per_pattern" in file.attrs
        electrons = read_number(file, "electrons_per_pattern", 1e-3, 1e15) if counted else None
    coefficients, points = (
        decode(stored, scale).reshape(sy * sx, basis.size),
        positions.reshape(-1, 2),
    )
    if frames is not None:
        coefficients, points = coefficients[~frames.ravel()], points[~frames.ravel()]
    return Compressed(coefficients, points, basis, optics, scattering, pixels, electrons)


def _read_marks(file: Any, key: str, shape: tuple[int, int]) -> Marks:
    return read_array(file, key, shape, "b") if key in file else None


def bytes_of_coefficients(path: str | Path) -> int:
    """Bytes that coefficients and their scale take on disk, after lossless compression."""
    with open_hdf5(path, FORMAT) as file:
        keys = [key for key in ("coefficients", "scale") if key in file]
    return sum(stored_bytes(path, key) for key in keys)


def write_basis(file: Any, key: str, basis: Basis) -> None:
    """Write the masks of a basis as the group `key`, and how to come back to those given."""
    group = file.create_group(key)
    group.attrs["name"] = fixed(basis.name)
    group.create_dataset("support", data=basis.support, **LOSSLESS)
    if basis.matrix is not None:
        group.create_dataset("matrix", data=basis.matrix, **LOSSLESS)
    if basis.mixing is not None:
        item = group.create_dataset("mixing", data=basis.mixing, **LOSSLESS)
        item.attrs["description"] = (
            "The masks in 'matrix' are those that were given, made orthonormal in their order. "
            "Those that were given are mixing @ matrix, their coefficients mixing @ coefficients."
        )


def read_basis(file: Any, key: str) -> Basis:
    """Read what `write_basis` wrote."""
    support = read_array(file, f"{key}/support", ("ky", "kx"), "b")
    matrix = None
    if f"{key}/matrix" in file:
        shape = ("masks", int(support.sum()))
        matrix = read_array(file, f"{key}/matrix", shape).astype(np.float32)
    mixing = None
    if matrix is not None and f"{key}/mixing" in file:
        mixing = read_array(file, f"{key}/mixing", (len(matrix), len(matrix))).astype(np.float64)
    return Basis(read_text(file[key], "name"), support, matrix, mixing)
