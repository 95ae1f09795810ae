"""Orthonormal masks: what a reconstruction sees must not depend on how masks are written down.

A loss compares coefficients by their squares. With masks of other lengths or angles it would
weigh some directions of the same span more than others, by accident.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ptychobasis.bases.basis import Basis
from ptychobasis.core.errors import StudyError

_ENOUGH = 1e-4  # a Gram matrix as near to 1 as this weighs all directions alike
_SINGLE, _DOUBLE = 1e-6, 1e-10  # singular values that are rounding, relative to the largest


def orthonormal_rows(
    rows: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Make rows orthonormal in their order, each with its sign, by a QR decomposition.

    Args:
        rows: ``(masks, pixels)``, not more masks than pixels.

    Returns:
        Orthonormal rows ``(masks, pixels)``, and the lower triangle ``(masks, masks)`` that makes
        the rows that were given from them. An entry near 0 on its diagonal tells of a row that
        follows from those before it.
    """
    columns, triangle = np.linalg.qr(rows.T)
    signs = np.where(np.diag(triangle) < 0, -1.0, 1.0)
    return (columns * signs).T, (signs[:, None] * triangle).T


def orthonormal(basis: Basis, origin: str) -> Basis:
    """The same span, of orthonormal masks in single precision.

    Masks that are orthonormal stay as they are. Others are made so in their order (Gram and
    Schmidt): the first keeps its direction, each other one keeps what it adds to those before.
    The coefficients then carry the same information, whatever the lengths and mutual angles of
    the masks, and `Basis.as_given` goes back.

    Args:
        basis: Basis of any independent masks.
        origin: Where the masks come from, for errors.

    Raises:
        StudyError: There is no mask, or masks follow from others.
    """
    if basis.size == 0:
        raise StudyError(f"{origin}: there is no mask; allowed: one or more")
    if basis.matrix is None:
        return basis
    matrix = basis.matrix if isinstance(basis.matrix, np.ndarray) else basis.matrix.toarray()
    lengths = np.sqrt(np.einsum("mp,mp->m", matrix, matrix, dtype=np.float64))[:, None]
    single = matrix.astype(np.float32)
    if np.abs(lengths - 1).max() < _ENOUGH and _off_diagonal(single) < _ENOUGH:
        return replace(basis, matrix=single)
    masks, mixing = orthonormal_rows(matrix / np.where(lengths > 0, lengths, 1))
    rank = _rank(mixing, _SINGLE if np.array_equal(single, matrix) else _DOUBLE)
    if rank < basis.size:
        raise StudyError(
            f"{origin}: only {rank} of {basis.size} masks are linearly independent; allowed are "
            "masks of which none follows from the others"
        )
    return replace(basis, matrix=masks.astype(np.float32), mixing=lengths * mixing)


def _off_diagonal(masks: NDArray[np.float32]) -> float:
    """Largest inner product of two masks."""
    gram = masks @ masks.T
    np.fill_diagonal(gram, 0)
    return float(np.abs(gram).max())


def _rank(rows: NDArray[np.float64], smallest: float) -> int:
    """How many rows of unit length do not follow from others."""
    values = np.linalg.svd(rows, compute_uv=False)
    return int((values > smallest * values.max(initial=1.0)).sum())
