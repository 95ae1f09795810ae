"""Masks of the dark field, whose coefficients a reconstruction may ask to be zero."""

import numpy as np

from ptychobasis.bases.basis import Basis, Bool
from ptychobasis.bases.partitions import bin_labels, indicator_masks
from ptychobasis.core.errors import StudyError


def dark_field(kind: str, bright: Bool, edge: int = 7) -> Basis:
    """Masks of the pixels outside `bright`, whose coefficients are to be zero.

    Args:
        kind: ``donut`` (one mask), ``bins`` (of `edge` x `edge` pixels) or ``pixels``.
        bright: ``(y, x)``, pixels that the basis of the bright field sees.
        edge: Edge of the bins [pixels].

    Raises:
        StudyError: There is no such kind.
    """
    if kind == "pixels":
        return Basis("dark-field pixels", ~bright)
    if kind == "donut":
        one = (~bright).sum()
        return Basis("dark-field donut", ~bright, np.full((1, one), one**-0.5, np.float32))
    if kind == "bins":
        labels = np.where(bright, -1, bin_labels(bright.shape, edge))
        kept = np.unique(labels[labels >= 0])
        return Basis("dark-field bins", *indicator_masks(labels, kept))
    kinds = ("donut", "bins", "pixels")
    raise StudyError(f"no dark field '{kind}'; allowed: none, {', '.join(kinds)}")
