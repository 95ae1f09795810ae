"""Bases that come from somewhere else: the patterns themselves, or a file."""

from pathlib import Path

import h5py
import numpy as np

from ptychobasis.bases.basis import Basis, Float, Request
from ptychobasis.core.errors import StudyError


def svd(request: Request) -> Basis:
    """The leading right singular vectors of the bright-field patterns of the data set."""
    if request.leading_vectors is None:
        raise StudyError("basis 'svd' needs the patterns of a data set; allowed without: zernike")
    support = request.optics.bright_field()
    vectors = request.leading_vectors(support, request.size)
    return Basis("svd", support, np.asarray(vectors, np.float32))


def from_file(request: Request) -> Basis:
    """Anyone's masks: ``(masks, y, x)`` in a .npy file or in /masks of an HDF5 file."""
    path, shape = request.masks_file, request.optics.detector.shape
    if path is None:
        raise StudyError("basis 'file' needs the key 'masks_file'; allowed: a .npy or .h5 file")
    masks = _read_masks(path)
    if masks.ndim != 3 or masks.shape[1:] != shape:
        raise StudyError(
            f"{path}: the masks have the shape {masks.shape}; allowed is (masks, {shape[0]}, "
            f"{shape[1]}), the detector's pixels"
        )
    if not np.isfinite(masks).all():
        raise StudyError(f"{path}: the masks hold NaN or infinite values; allowed: finite numbers")
    support = np.asarray(masks.any(axis=0))
    matrix = masks[:, support].astype(np.float32)
    rank = np.linalg.matrix_rank(matrix.astype(np.float64)) if matrix.size else 0
    if rank < len(masks):
        raise StudyError(
            f"{path}: only {rank} of {len(masks)} masks are linearly independent; allowed are "
            "masks of which none follows from the others"
        )
    return Basis(path.stem, support, matrix)


def _read_masks(path: Path) -> Float:
    try:
        if path.suffix == ".npy":
            return np.asarray(np.load(path), np.float64)
        with h5py.File(path) as file:
            return np.asarray(file["masks"], np.float64)
    except (OSError, KeyError, ValueError) as error:
        raise StudyError(
            f"{path}: no masks can be read ({error}); allowed: a .npy array or an HDF5 file "
            "with the data set 'masks'"
        ) from error
