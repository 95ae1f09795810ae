"""A basis: the masks whose inner products with a pattern are all that is stored."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import centred_slices
from ptychobasis.core.optics import Optics

Bool = NDArray[np.bool_]
Float = NDArray[np.floating]


@dataclass(frozen=True)
class Basis:
    """A linear map from a pattern to a few numbers, and its adjoint.

    Attributes:
        name: its key in the registry, or a name of your own.
        support: ``(y, x)``, detector pixels that any mask sees.
        matrix: ``(masks, pixels of the support)``, sparse for the thousands of bins of a dark
            field; None stands for the identity, which stores each pixel as it is.
        mixing: ``(masks, masks)``, which makes the masks that somebody gave from those of
            `matrix`; None where they are the same.
    """

    name: str
    support: Bool
    matrix: NDArray[np.floating] | csr_array | None = None
    mixing: NDArray[np.float64] | None = None

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

    def as_given(self) -> "Basis":
        """The basis with the masks as they were before they were made orthonormal."""
        if self.mixing is None or self.matrix is None:
            return self
        given = (self.mixing @ self.matrix).astype(np.float32)
        return replace(self, matrix=given, mixing=None)

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

    def without(self, bad: Bool) -> "Basis":
        """The same masks without some pixels, which then count nowhere.

        Args:
            bad: ``(y, x)``, pixels that are left out.

        Raises:
            StudyError: A mask sees nothing else.
        """
        if not (bad & self.support).any():
            return self
        kept = ~bad[self.support]
        support = self.support & ~bad
        if self.matrix is None:
            return replace(self, support=support)
        matrix = self.matrix[:, kept]
        lost = np.flatnonzero(abs(matrix).sum(axis=1) == 0)
        if len(lost):
            raise StudyError(
                f"mask {lost[0]} of '{self.name}' sees none but bad pixels; allowed: masks that "
                "see good pixels too"
            )
        return replace(self, support=support, matrix=matrix)


@dataclass(frozen=True)
class Request:
    """Everything that a basis may be made from.

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


def _product(values: Float, matrix: Any) -> NDArray[np.float32]:
    """``(..., n)`` times ``(n, m)``, which may be sparse: ``(..., m)``."""
    flat = values.reshape(-1, values.shape[-1]) @ matrix
    return flat.reshape(*values.shape[:-1], matrix.shape[1])
