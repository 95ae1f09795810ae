"""The small file that figures are drawn from: of the data set one pattern and the truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychobasis.bases.basis import Basis
from ptychobasis.bases.compressed_file import read_basis, read_compressed, write_basis
from ptychobasis.core.optics import Optics
from ptychobasis.core.variant import Variant
from ptychobasis.core.volume import Volume
from ptychobasis.data.calibration import read_optics, read_positions, write_calibration
from ptychobasis.data.dataset import read_dataset
from ptychobasis.data.hdf5 import (
    LOSSLESS,
    create_hdf5,
    fixed,
    open_hdf5,
    read_array,
    read_numbers,
    read_text,
)
from ptychobasis.evaluation.field import true_phase
from ptychobasis.reconstruction.result_file import read_reconstruction

FORMAT = "ptychobasis-figures"


@dataclass(frozen=True, eq=False)
class FigureData:
    """Data that figures need beside tables and reconstructions.

    Attributes:
        optics: probe and detector.
        positions: ``(scan_y, scan_x, 2)``, scan positions as (y, x) [Å].
        pattern: ``(ky, kx)`` of the middle of the scan, as fractions of the incident electrons.
        bases: the bases to show.
        truth: the true phase [rad] on the scanned area, if it is known.
    """

    optics: Optics
    positions: NDArray[np.float64]
    pattern: NDArray[np.float32]
    bases: Mapping[Variant, Basis]
    truth: Volume | None


def collect(dataset: Path, compressed: Mapping[Variant, Path], reconstruction: Path) -> FigureData:
    """Take from large files the little that is drawn.

    Args:
        dataset: the data set.
        compressed: files of the bases to show.
        reconstruction: whose pixels the truth is drawn on.
    """
    scan, like = read_dataset(dataset), read_reconstruction(reconstruction)
    truth = None
    if scan.truth is not None:
        area = like.phase.cropped(scan.positions)
        truth = true_phase(scan.truth, like.energy, like.slice_depths, area.grid, area.origin)
    return FigureData(
        optics=scan.optics,
        positions=scan.positions,
        pattern=scan.pattern(*(n // 2 for n in scan.scan_shape)),
        bases={each: read_compressed(path).basis for each, path in compressed.items()},
        truth=truth,
    )


def write_figure_data(path: str | Path, data: FigureData) -> None:
    """Write what figures are drawn from."""
    with create_hdf5(path, FORMAT) as file:
        write_calibration(file, data.optics, data.positions)
        file.create_dataset("pattern", data=data.pattern, **LOSSLESS)
        for index, (variant, basis) in enumerate(data.bases.items()):
            write_basis(file, f"bases/{index}", basis)
            file[f"bases/{index}"].attrs["variant"] = fixed(str(variant))
        if data.truth is not None:
            item = file.create_dataset("truth", data=data.truth.array, **LOSSLESS)
            item.attrs["units"] = "rad"
            item.attrs["sampling_angstrom"] = data.truth.sampling
            item.attrs["origin_angstrom"] = data.truth.origin


def read_figure_data(path: str | Path) -> FigureData:
    """Read what figures are drawn from.

    Raises:
        StudyError: the file, or what is wrong in it.
    """
    with open_hdf5(path, FORMAT) as file:
        pattern = read_array(file, "pattern", ("ky", "kx"))
        sy, sx, _ = read_array(file, "positions", ("scan_y", "scan_x", 2)).shape
        keys = [f"bases/{index}" for index in range(len(file.get("bases", ())))]
        return FigureData(
            optics=read_optics(file, (pattern.shape[0], pattern.shape[1])),
            positions=read_positions(file, (sy, sx)),
            pattern=pattern,
            bases={
                Variant.parse(read_text(file[key], "variant")): read_basis(file, key)
                for key in keys
            },
            truth=_read_truth(file) if "truth" in file else None,
        )


def _read_truth(file: Any) -> Volume:
    phase = read_array(file, "truth", ("slices", "y", "x"))
    dy, dx = read_numbers(file["truth"], "sampling_angstrom", 2, 1e-3, 10)
    y, x = read_numbers(file["truth"], "origin_angstrom", 2)
    return Volume(phase, (dy, dx), (y, x))
