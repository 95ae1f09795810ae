"""Masks that add up pixels: bins of the detector, and one mask for each part of it."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ptychobasis.bases.basis import Bool


def bin_labels(shape: tuple[int, int], edge: int) -> NDArray[np.int64]:
    """Number the `edge` x `edge` bins, one centred on the axis; -1 where one is cut off."""
    rows, columns = ((np.arange(n) - n // 2 + edge // 2) // edge for n in shape)
    whole = [
        np.isin(axis, np.flatnonzero(np.bincount(axis - axis.min()) == edge) + axis.min())
        for axis in (rows, columns)
    ]
    rows, columns = rows - rows.min(), columns - columns.min()
    labels = rows[:, None] * (columns.max() + 1) + columns[None, :]
    return np.where(whole[0][:, None] & whole[1][None, :], labels, -1)


def indicator_masks(labels: NDArray[np.int64], kept: NDArray[np.int64]) -> tuple[Bool, csr_array]:
    """Support and unit-norm masks of the pixels that carry each label of `kept`, ascending."""
    support = np.isin(labels, kept)
    rows = np.searchsorted(kept, labels[support])
    weights = 1 / np.sqrt(np.bincount(rows))[rows]
    entries = weights.astype(np.float32), (rows, np.arange(rows.size))
    return support, csr_array(entries, shape=(kept.size, rows.size))
