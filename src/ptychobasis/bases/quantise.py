"""How coefficients are stored: as they are, or rounded to fewer bytes."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Store = Literal["float32", "float16", "int8"]
# the largest stored number; half precision is finest, relatively, from 6e-5 to 1
_LARGEST = {"float16": 1.0, "int8": 127.0}


class Coefficients(NamedTuple):
    """Coefficients on their way to a file.

    Attributes:
        blocks: stored numbers ``(n, masks)``, any n, in the order of the scan.
        dtype: of the stored numbers.
        scale: ``(masks,)``, what a stored 1 of each mask stands for; None for 1.
    """

    blocks: Iterable[NDArray[np.generic]]
    dtype: Store = "float32"
    scale: NDArray[np.float32] | None = None


def encode(blocks: Callable[[], Iterable[NDArray[np.float32]]], store: Store) -> Coefficients:
    """Round coefficients to what is stored.

    Both float16 and int8 are multiples of a scale for each mask, such that the coefficient of
    largest magnitude becomes 1 or 127: the masks of a basis differ by orders of magnitude. Zero
    stays zero.

    Args:
        blocks: makes the blocks ``(n, masks)``, in the order of the scan. It is called twice
            where a scale has to be found first, so that memory stays flat.
        store: the type to store.
    """
    if store == "float32":
        return Coefficients(blocks())
    largest = np.float32(0)
    for block in blocks():
        largest = np.maximum(largest, np.abs(block).max(axis=0))
    scale = (np.where(largest > 0, largest, 1) / _LARGEST[store]).astype(np.float32)
    return Coefficients((_rounded(block / scale, store) for block in blocks()), store, scale)


def decode(
    stored: NDArray[np.generic], scale: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """The coefficients ``(..., masks)`` that stored numbers stand for."""
    values = stored.astype(np.float32, copy=False)
    return values if scale is None else values * scale


def _rounded(values: NDArray[np.float32], store: Store) -> NDArray[np.generic]:
    return (np.rint(values) if store == "int8" else values).astype(store)
