"""Fourier shell correlation: how far two reconstructions agree, frequency by frequency."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ptychobasis.core.arrays import Float, Pair
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid


@dataclass(frozen=True)
class Curve:
    """A Fourier shell correlation, lowest frequency first; shells are equally wide.

    Attributes:
        q: ``(shells,)`` centres of the shells, 1, 2, 3, … times their width [1/Å].
        fsc: ``(shells,)`` real part of the correlation, -1 … 1.
        samples: ``(shells,)`` Fourier pixels per shell, Friedel mates and all slices
            included. Images are real, so this counts the independent real numbers.
    """

    q: Float
    fsc: Float
    samples: NDArray[np.int64]


class Resolution(NamedTuple):
    """Where a curve first falls below a threshold.

    Attributes:
        angstrom: 1/q of the crossing [Å]; inf when the first shell is below already.
        is_bound: the curve never fell below: `angstrom` is 1/q of its last shell and the
            true resolution is at least as good.
    """

    angstrom: float
    is_bound: bool


def windowed_spectrum(array: ArrayLike, window: Float) -> NDArray[np.complex128]:
    """Fourier transform of ``(..., y, x)`` times a window, each slice's weighted mean removed."""
    values = np.asarray(array, np.float64)
    mean = (values * window).sum((-2, -1), keepdims=True) / window.sum()
    return np.fft.fft2((values - mean) * window)


def fourier_shell_correlation(
    a: ArrayLike, b: ArrayLike, sampling: Pair, window: ArrayLike = 1.0
) -> Curve:
    """Real part of the Fourier shell correlation of two images or two stacks of slices.

    FSC(q) = Re Σ F_a F_b* / √(Σ |F_a|² · Σ |F_b|²), both sums over all slices and over the
    Fourier pixels whose in-plane frequency is within half a shell width of q (van Heel and
    Schatz, J. Struct. Biol. 151 (2005) 250, eq. 1). A stack is one volume whose shells are
    cylinders: a few thick slices have only a few frequencies along the beam, too coarse
    to be part of a radius. The shell width is one reciprocal pixel of the
    longer side; shells end at the lower of the two Nyquist frequencies, where rings stop being
    complete. The zero frequency is left out. A shell in which `a` or `b` is zero has FSC 0.

    Args:
        a: ``(y, x)`` or ``(slices, y, x)``, real.
        b: as `a`.
        sampling: pixel size along (y, x) [Å].
        window: Weights ``(y, x)`` that both are multiplied with, such as
            `ptychobasis.evaluation.window.scan_window`; 1 leaves them as they are.

    Raises:
        ValueError: shapes differ or are not two- or three-dimensional.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim not in (2, 3):
        raise ValueError(f"cannot correlate shapes {first.shape} and {second.shape}")
    height, width = first.shape[-2:]
    grid = Grid((height, width), sampling)
    weights = np.broadcast_to(np.asarray(window, np.float64), grid.shape)
    fa, fb = windowed_spectrum(first, weights), windowed_spectrum(second, weights)

    step = 1 / max(grid.extent)
    last = int((0.5 / max(sampling)) / step + 1e-9)
    shell = np.rint(np.fft.ifftshift(np.hypot(*grid.frequencies())) / step).astype(int)

    def shell_sums(values: Float) -> Float:
        per_pixel = values.reshape(-1, height * width).sum(0)
        sums: Float = np.bincount(shell.ravel(), per_pixel, last + 1).astype(np.float64)
        return sums[1 : last + 1]

    samples = np.bincount(shell.ravel(), minlength=last + 1)[1 : last + 1]
    product = shell_sums((fa * fb.conj()).real)
    norm = np.sqrt(shell_sums(np.abs(fa) ** 2) * shell_sums(np.abs(fb) ** 2))
    fsc = np.divide(product, norm, out=np.zeros_like(product), where=norm > 0)
    slices = 1 if first.ndim == 2 else len(first)
    return Curve(step * np.arange(1, last + 1), fsc, samples * slices)


def resolution(curve: Curve, threshold: float, low: float = 0.0) -> Resolution:
    """Where a curve first falls below `threshold`, linear between shells.

    Args:
        curve: a Fourier shell correlation.
        threshold: usually 0.5 or 0.143.
        low: shells at or below this frequency are not looked at [1/Å].
    """
    q, fsc = curve.q[curve.q > low], curve.fsc[curve.q > low]
    if len(q) == 0:
        return Resolution(math.inf, False)
    below = np.flatnonzero(~(fsc >= threshold))
    if len(below) == 0:
        return Resolution(float(1 / q[-1]), True)
    i = int(below[0])
    if i == 0:
        return Resolution(math.inf, False)
    fraction = (fsc[i - 1] - threshold) / (fsc[i - 1] - fsc[i])
    return Resolution(float(1 / (q[i - 1] + fraction * (q[i] - q[i - 1]))), False)


def band_mean(curve: Curve, low: float, high: float) -> float:
    """Mean of a curve over the shells with ``low < q < high`` [1/Å].

    Shells of the band beyond the curve's end (the Nyquist frequency) count as 0: a coarser
    reconstruction holds nothing there.

    Raises:
        StudyError: the band holds no shell.
    """
    step = curve.q[0]
    shells = step * np.arange(1, math.ceil(high / step) + 1)
    wanted = int(np.count_nonzero((shells > low) & (shells < high)))
    if wanted == 0:
        raise StudyError(
            f"evaluation: band_per_angstrom {low:g} … {high:g} holds no shell; shells of this "
            f"field are {step:.3g} 1/Å wide, so widen the band or the scan"
        )
    return float(curve.fsc[(curve.q > low) & (curve.q < high)].sum() / wanted)
