"""Bases: the masks whose inner products with a pattern are all that is stored.

To add a basis, write one function that takes a `Request` and returns a `Basis`, and
register it in `BASES` (and in `SIZELESS` if it has but one size). Then
``python -m ptychobasis.config`` tells the schema of the configuration.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import eval_jacobi

from ptychobasis.errors import StudyError, nearest
from ptychobasis.grid import centred_slices
from ptychobasis.optics import Optics

Bool = NDArray[np.bool_]
Float = NDArray[np.floating]


@dataclass(frozen=True)
class Basis:
    """A linear map from a pattern to a few numbers, and its adjoint.

    Attributes:
        name: what the basis is called in figures.
        support: ``(y, x)``, detector pixels that any mask sees.
        matrix: ``(masks, pixels of the support)``, sparse for the thousands of bins of a dark
            field; None stands for the identity, which stores each pixel as it is.
    """

    name: str
    support: Bool
    matrix: NDArray[np.float32] | csr_array | None = None

    @property
    def size(self) -> int:
        """Numbers stored per pattern."""
        return int(self.support.sum()) if self.matrix is None else self.matrix.shape[0]

    def forward(self, patterns: Float) -> NDArray[np.float32]:
        """Frobenius inner products of ``(..., y, x)`` patterns with the masks: ``(..., masks)``."""
        seen = np.asarray(patterns, np.float32)[..., self.support]
        return seen if self.matrix is None else _product(seen, self.matrix.T)

    def adjoint(self, coefficients: Float) -> NDArray[np.float32]:
        """Sum of the masks weighted with ``(..., masks)`` coefficients: ``(..., y, x)``."""
        values = np.asarray(coefficients, np.float32)
        result = np.zeros((*values.shape[:-1], *self.support.shape), np.float32)
        result[..., self.support] = values if self.matrix is None else _product(values, self.matrix)
        return result

    def masks(self) -> NDArray[np.float32]:
        """The masks as pictures, ``(masks, y, x)``."""
        return self.adjoint(np.eye(self.size, dtype=np.float32))

    def on_shape(self, shape: tuple[int, int]) -> "Basis":
        """The same masks on a detector of another number of equal pixels, centred alike.

        Raises:
            StudyError: a mask reaches beyond `shape`.
        """
        old = self.support.shape
        inner = (min(old[0], shape[0]), min(old[1], shape[1]))
        cut, paste = centred_slices(old, inner), centred_slices(shape, inner)
        if self.support[cut].sum() < self.support.sum():
            raise StudyError(
                f"a model grid of {shape[0]} x {shape[1]} pixels is too small for the masks of "
                f"'{self.name}', which reach further out; allowed is up to {old[0]} x {old[1]}"
            )
        support = np.zeros(shape, bool)
        support[paste] = self.support[cut]
        return replace(self, support=support)


@dataclass(frozen=True)
class Request:
    """What a basis may be made from.

    Attributes:
        optics: geometry of the probe and of the detector.
        size: the number that the sweep asks for: masks, or the bin's edge in pixels.
        leading_vectors: called with a support and a count, the data's leading singular
            vectors ``(count, pixels of the support)``.
        masks_file: the file that holds anyone's own masks.
    """

    optics: Optics
    size: int = 0
    leading_vectors: Callable[[Bool, int], Float] | None = None
    masks_file: Path | None = None


def pixels(request: Request) -> Basis:
    """Every pixel of the detector: nothing is compressed."""
    return Basis("pixels", np.ones(request.optics.detector.shape, bool))


def bright_field(request: Request) -> Basis:
    """Every pixel of the bright-field disc."""
    return Basis("bright-field", request.optics.bright_field())


def binning(request: Request) -> Basis:
    """Square bins of `size` x `size` pixels, one centred on the axis, that touch the disc.

    A bin touches the disc if the centre of one of its pixels lies in it; the bin is stored
    whole. Masks have unit norm: a coefficient is the mean of its pixels times `size`.
    """
    edge = request.size
    labels = _bin_labels(request.optics.detector.shape, edge)
    kept = np.unique(labels[request.optics.bright_field()])
    if kept.size and kept[0] < 0:
        raise StudyError(
            f"bins of {edge} pixels around the bright-field disc reach beyond the detector; "
            "allowed are smaller bins or a detector with more pixels"
        )
    support, masks = _indicator_masks(labels, kept)
    return Basis("binning", support, masks.toarray())


def zernike(request: Request) -> Basis:
    """The first `size` Zernike polynomials, orthonormal on the actual pixels of the disc.

    Order (n, m) as in OSA/ANSI Z80.28: j = (n(n + 2) + m) / 2, so that the complete orders
    end at 1, 3, 6, 10, 15, 21, 28, 36, ... masks. Sampled polynomials are not quite
    orthogonal; a QR decomposition in this order makes them so and keeps their signs.
    """
    support = request.optics.bright_field()
    if request.size > support.sum():
        raise StudyError(
            f"{request.size} Zernike masks do not fit the bright-field disc of "
            f"{support.sum()} pixels; allowed is 1 to {support.sum()}"
        )
    rho, theta = (values[support] for values in request.optics.polar_frequencies())
    sampled = np.stack([_zernike_polynomial(j, rho, theta) for j in range(request.size)])
    orthonormal, triangle = np.linalg.qr(sampled.T)
    diagonal = np.abs(np.diag(triangle))
    if diagonal.min() < 1e-6 * diagonal.max():
        raise StudyError(
            f"{request.size} Zernike polynomials are not independent on the {support.sum()} "
            "pixels of the bright-field disc; allowed are fewer masks"
        )
    signed = orthonormal * np.sign(np.diag(triangle))
    return Basis("zernike", support, signed.T.astype(np.float32))


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


BASES: dict[str, Callable[[Request], Basis]] = {
    "pixels": pixels,
    "bright-field": bright_field,
    "binning": binning,
    "zernike": zernike,
    "svd": svd,
    "file": from_file,
}
SIZELESS = ("pixels", "bright-field", "file")


def build_basis(name: str, request: Request) -> Basis:
    """Build the basis registered as `name`."""
    if name not in BASES:
        raise StudyError(f"no basis '{name}'; allowed: {', '.join(BASES)}{nearest(name, BASES)}")
    return BASES[name](request)


def dark_field(kind: str, bright: Bool, edge: int = 7) -> Basis:
    """Masks of the pixels outside `bright`, whose coefficients are to be zero.

    Args:
        kind: ``donut`` (one mask), ``bins`` (of `edge` x `edge` pixels) or ``pixels``.
        bright: ``(y, x)``, what the basis of the bright field sees.
        edge: of the bins [pixels].
    """
    if kind == "pixels":
        return Basis("dark-field pixels", ~bright)
    if kind == "donut":
        one = (~bright).sum()
        return Basis("dark-field donut", ~bright, np.full((1, one), one**-0.5, np.float32))
    if kind == "bins":
        labels = np.where(bright, -1, _bin_labels(bright.shape, edge))
        kept = np.unique(labels[labels >= 0])
        return Basis("dark-field bins", *_indicator_masks(labels, kept))
    kinds = ("donut", "bins", "pixels")
    raise StudyError(f"no dark field '{kind}'; allowed: none, {', '.join(kinds)}")


def complete_zernike_orders(limit: int) -> list[int]:
    """Mask counts up to `limit` that are complete sets of orders: 1, 3, 6, 10, ..."""
    counts = (n * (n + 1) // 2 for n in range(1, limit + 1))
    return [count for count in counts if count <= limit]


def zernike_indices(j: int) -> tuple[int, int]:
    """Radial order n and azimuthal frequency m of the OSA/ANSI index `j`."""
    n = int(np.ceil((np.sqrt(9 + 8 * j) - 3) / 2))
    return n, 2 * j - n * (n + 2)


def _zernike_polynomial(j: int, rho: Float, theta: Float) -> Float:
    """Z_j with R_nm(ρ) = (-1)^k ρ^m P_k^(m, 0)(1 - 2ρ²), k = (n - m) / 2 (Born and Wolf, 9.2)."""
    n, m = zernike_indices(j)
    k = (n - abs(m)) // 2
    radial = (-1) ** k * rho ** abs(m) * eval_jacobi(k, abs(m), 0, 1 - 2 * rho**2)
    return radial * (np.cos(m * theta) if m >= 0 else np.sin(-m * theta))


def _bin_labels(shape: tuple[int, int], edge: int) -> NDArray[np.int64]:
    """Number the `edge` x `edge` bins, one centred on the axis; -1 where one is cut off."""
    rows, columns = ((np.arange(n) - n // 2 + edge // 2) // edge for n in shape)
    whole = [
        np.isin(axis, np.flatnonzero(np.bincount(axis - axis.min()) == edge) + axis.min())
        for axis in (rows, columns)
    ]
    rows, columns = rows - rows.min(), columns - columns.min()
    labels = rows[:, None] * (columns.max() + 1) + columns[None, :]
    return np.where(whole[0][:, None] & whole[1][None, :], labels, -1)


def _indicator_masks(labels: NDArray[np.int64], kept: NDArray[np.int64]) -> tuple[Bool, csr_array]:
    """Support and unit-norm masks of the pixels that carry each label of `kept`, ascending."""
    support = np.isin(labels, kept)
    rows = np.searchsorted(kept, labels[support])
    weights = 1 / np.sqrt(np.bincount(rows))[rows]
    entries = weights.astype(np.float32), (rows, np.arange(rows.size))
    return support, csr_array(entries, shape=(kept.size, rows.size))


def _product(values: Float, matrix: Any) -> NDArray[np.float32]:
    """``(..., n)`` times ``(n, m)``, which may be sparse: ``(..., m)``."""
    flat = values.reshape(-1, values.shape[-1]) @ matrix
    return flat.reshape(*values.shape[:-1], matrix.shape[1])


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
