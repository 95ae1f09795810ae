"""Optics and scan positions in a file."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.data.hdf5 import LOSSLESS, read_array, read_number

_LONGEST = 1e5  # [Å], of a scan or a window: ten micrometres
SIGN_CONVENTION = (
    "axes (y, x); psi(k) = sum psi(r) exp(-2 pi i k.r); transmission exp(+i sigma V); aperture "
    "phase exp(+i pi lambda k^2 defocus), defocus > 0 focuses below the entrance surface"
)


def write_calibration(file: Any, optics: Optics, positions: NDArray[np.floating]) -> None:
    """Write optics and scan positions ``(scan_y, scan_x, 2)`` as (y, x) [Å]."""
    file.attrs["energy_ev"] = optics.energy
    file.attrs["semi_angle_rad"] = optics.semi_angle
    file.attrs["defocus_angstrom"] = optics.defocus
    file.attrs["sign_convention"] = SIGN_CONVENTION
    window = np.array(optics.detector.extent)
    file.create_dataset("detector/window_angstrom", data=window, **LOSSLESS)
    file.create_dataset("positions", data=np.asarray(positions, np.float64), **LOSSLESS)
    file["positions"].attrs["units"] = "angstrom"
    for axis, label in enumerate(("scan_y", "scan_x", "y, x")):
        file["positions"].dims[axis].label = label


def read_optics(file: Any, shape: tuple[int, int]) -> Optics:
    """Read the optics of patterns of `shape` and check that the detector sees the disc."""
    energy = read_number(file, "energy_ev", 1e3, 1e7)
    semi_angle = read_number(file, "semi_angle_rad", 1e-5, 0.5)
    defocus = read_number(file, "defocus_angstrom", -1e5, 1e5)
    window = read_array(file, "detector/window_angstrom", (2,)).astype(float)
    if window.min() <= 0 or window.max() > _LONGEST:
        raise StudyError(
            f"{file.filename}: 'detector/window_angstrom' is {window.tolist()}; allowed: two "
            f"lengths up to {_LONGEST:g} Å"
        )
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
    if spread > _LONGEST:
        raise StudyError(
            f"{file.filename}: the 'positions' lie up to {spread:.3g} Å apart; allowed: up to "
            f"{_LONGEST:g} Å, as (y, x) in Å and not in another unit"
        )
    return positions
