"""Bases that come from somewhere else: the patterns themselves, or a file."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ptychobasis.bases.basis import Basis, Float, Request
from ptychobasis.core.errors import StudyError, nearest
from ptychobasis.core.optics import Optics

_ALLOWED = "a .npy array of real numbers (masks, y, x), or an HDF5 file with it as 'masks'"
_LARGEST = 1e30  # of a value, so that no square leaves the range of the numbers
_AROUND = 1.3  # radii of the disc, which bins at its rim reach
_CLEARLY = 10  # times as much in a pixel of one region as in one of the others


def svd(request: Request) -> Basis:
    """The leading right singular vectors of the bright-field patterns of the data set."""
    if request.leading_vectors is None:
        raise StudyError("basis 'svd' needs the patterns of a data set; allowed without: zernike")
    support = request.optics.bright_field()
    vectors = request.leading_vectors(support, request.size)
    return Basis("svd", support, np.asarray(vectors, np.float32))


def from_file(request: Request) -> Basis:
    """Anyone's masks: ``(masks, y, x)`` in a .npy file or in /masks of an HDF5 file.

    They may be any real linear functionals of the pattern. The zero frequency is at pixel
    ``(y // 2, x // 2)``, as in the data set.

    Raises:
        StudyError: The file, and what is wrong in it.
    """
    path = _masks_file(request)
    with _opened(path) as stored:
        _check_array(path, stored, request.optics.detector.shape)
        masks = np.asarray(stored[()])
    masks = _real(path, masks)
    _check_values(path, masks)
    _check_centre(path, masks, request.optics)
    support = np.asarray(masks.any(axis=0))
    return Basis(path.stem, support, masks[:, support])


def count_masks(request: Request) -> float:
    """Masks in anyone's own file; 0 where it cannot be read, which building the basis will tell."""
    try:
        with _opened(_masks_file(request)) as masks:
            return len(masks)
    except StudyError:
        return 0


def _masks_file(request: Request) -> Path:
    if request.masks_file is None:
        raise StudyError(f"basis 'file' needs the key 'masks_file'; allowed: {_ALLOWED}")
    return request.masks_file


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The masks of a file, which are read when they are indexed; errors of reading are told."""
    try:
        with path.open("rb") as file:
            start = file.read(6)
        if start == b"\x93NUMPY":
            yield np.load(path, mmap_mode="r")
        elif start.startswith(b"PK"):
            raise StudyError(
                f"{path} is an archive of arrays (.npz); allowed: {_ALLOWED}, here by "
                "np.save('masks.npy', archive['masks'])"
            )
        elif h5py.is_hdf5(path):
            with h5py.File(path) as file:
                if not isinstance(file.get("masks"), h5py.Dataset):
                    raise StudyError(
                        f"{path} holds no data set 'masks'; allowed: {_ALLOWED}"
                        f"{nearest('masks', file)}"
                    )
                yield file["masks"]
        else:
            raise StudyError(f"{path} is neither a .npy array nor HDF5; allowed: {_ALLOWED}")
    except StudyError:
        raise
    except Exception as error:  # readers of NumPy and HDF5 raise whatever befalls them
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        kind = type(error).__name__
        raise StudyError(
            f"{path}: no masks can be read ({reason or kind}); allowed: {_ALLOWED}"
        ) from error


def _check_array(path: Path, stored: Any, shape: tuple[int, int]) -> None:
    """Shape and type tell what is wrong before anything large is read."""
    if stored.ndim != 3 or stored.shape[1:] != shape:
        raise StudyError(
            f"{path}: the masks have the shape {stored.shape}; allowed is (masks, {shape[0]}, "
            f"{shape[1]}), the detector's pixels"
        )
    if not len(stored):
        raise StudyError(
            f"{path}: there is no mask, the shape is {stored.shape}; allowed: one or more"
        )
    if len(stored) > math.prod(shape):
        raise StudyError(
            f"{path}: {len(stored)} masks cannot be independent on {math.prod(shape)} pixels; "
            "allowed: not more masks than pixels"
        )
    if stored.dtype.kind not in "fiubc":
        raise StudyError(f"{path}: the masks have the type {stored.dtype}; allowed: {_ALLOWED}")


def _real(path: Path, masks: Any) -> Float:
    """The masks in double precision, if nothing is lost by that."""
    if np.iscomplexobj(masks):
        if np.asarray(masks.imag).any():
            raise StudyError(
                f"{path}: the masks are complex, and a pattern then has complex numbers; allowed: "
                "real masks, of which one complex mask makes two: np.concatenate([m.real, m.imag])"
            )
        masks = masks.real
    return np.asarray(masks, np.float64)


def _check_values(path: Path, masks: Float) -> None:
    if not np.isfinite(masks).all():
        raise StudyError(f"{path}: the masks hold NaN or infinite values; allowed: finite numbers")
    largest = np.abs(masks).max(axis=(1, 2))
    for index in np.flatnonzero(largest == 0):
        raise StudyError(
            f"{path}: masks[{index}] is 0 everywhere; allowed: masks that see at least one pixel"
        )
    for index in np.flatnonzero((largest > _LARGEST) | (largest < 1 / _LARGEST)):
        raise StudyError(
            f"{path}: the largest magnitude in masks[{index}] is {largest[index]:g}; allowed: "
            f"{1 / _LARGEST:g} to {_LARGEST:g} (only directions count, not lengths)"
        )


def _check_centre(path: Path, masks: Float, optics: Optics) -> None:
    """Masks whose zero frequency is in the corner look where the bright field is not.

    They weigh pixels around the corners, as far as the disc would reach there, and hardly any
    others. Masks of the dark field weigh all pixels outside of the disc.
    """
    scaled = masks / np.linalg.norm(masks, axis=(1, 2), keepdims=True)
    weight, radius = np.square(scaled).sum(axis=0), optics.polar_frequencies()[0]
    disc = radius < _AROUND
    corner = np.fft.ifftshift(disc)
    there, *elsewhere = (
        float(weight[part].mean()) if part.any() else 0.0
        for part in (corner & ~disc, disc & ~corner, ~disc & ~corner)
    )
    if there > _CLEARLY * max(elsewhere):
        inside = weight[radius <= 1].sum() / len(masks)
        raise StudyError(
            f"{path}: the masks weigh the corners of the detector and not the bright-field disc "
            f"({100 * inside:.2g} % of them), as with the zero frequency in the corner; allowed: "
            "the zero frequency at pixel (y // 2, x // 2), by np.fft.fftshift(masks, axes=(1, 2))"
        )
