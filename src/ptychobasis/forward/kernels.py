"""The four passes over waves beside the transforms, each as one loop.

On the CPU numba compiles them. A slice then costs three passes that read and write a wave once;
single operations of torch would need seven. On a GPU torch's operations do the same work. Tests
compare the two.
"""

import logging
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from ptychobasis.core.logs import warn_once

log = logging.getLogger(__name__)

_UNCACHED = "compiled loops cannot be kept on disk (%s); this job compiles them for itself"
Starts = NDArray[np.int64]  # (n, 2), first pixel (y, x) of each window


def _compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Compile a loop at its first call, and keep the machine code on disk where that is possible.

    The loop runs without the interpreter's lock, so that chunks can be worked on side by side.
    """
    compiler: Any = partial(numba.njit, function, nogil=True, fastmath=True)
    try:
        loop = compiler(cache=True)
    except RuntimeError as error:  # neither the package's folder nor the user's can be written
        warn_once(log, _UNCACHED, error)
        loop = compiler()

    @wraps(function)
    def run(*arguments: Any) -> None:
        nonlocal loop
        try:
            loop(*arguments)
        except OSError as error:  # of the cache, such as a full disk; the loop did not run yet
            warn_once(log, _UNCACHED, error)
            loop = compiler()
            loop(*arguments)

    return run


def transmit(
    wave: torch.Tensor, transmission: torch.Tensor, starts: Starts, out: torch.Tensor
) -> None:
    """Multiply waves with their windows of a slice.

    Args:
        wave: Waves ``(n, y, x)``.
        transmission: Transmission of the whole slice, ``(object y, object x)``.
        starts: First pixel of each window, ``(n, 2)``.
        out: Product ``(n, y, x)``, written in place.
    """
    if _on_cpu(wave):
        _transmit(wave.numpy(), transmission.numpy(), starts, out.numpy())
        return
    for i, window in enumerate(_windows(transmission, starts, wave)):
        torch.mul(wave[i], window, out=out[i])


def transmit_back(
    adjoint: torch.Tensor, exit_wave: torch.Tensor, transmission: torch.Tensor, starts: Starts,
    gradient: torch.Tensor,
) -> None:  # fmt: skip
    """Subtract Im(χ* e) from the windows of a gradient, then multiply χ* with the transmission.

    From a complex gradient, that by φ + iμ, Im(χ* e) + i Re(χ* e) is subtracted.

    Windows come one after the other. Where they overlap they always add up in the same order,
    which an indexed addition does not promise.

    Args:
        adjoint: Conjugate adjoint wave χ* behind the slice, ``(n, y, x)``; becomes the one in
            front of it.
        exit_wave: Wave e behind the slice, ``(n, y, x)``.
        transmission: Transmission of the whole slice, ``(object y, object x)``.
        starts: First pixel of each window, ``(n, 2)``.
        gradient: Gradient of the whole slice, ``(object y, object x)``, real or complex; changed in
            place.
    """
    if _on_cpu(adjoint):
        arrays = (each.numpy() for each in (adjoint, exit_wave, transmission))
        loop = _transmit_back_absorbing if gradient.is_complex() else _transmit_back
        loop(*arrays, starts, gradient.numpy())
        return
    windows = zip(
        _windows(gradient, starts, adjoint), _windows(transmission, starts, adjoint), strict=True
    )
    for i, (sums, window) in enumerate(windows):
        product = adjoint[i] * exit_wave[i]
        sums.sub_(1j * product.conj() if gradient.is_complex() else product.imag)
        adjoint[i].mul_(window)


def intensity(far_field: torch.Tensor) -> torch.Tensor:
    """Intensity |ψ|² of waves ``(n, ky, kx)``."""
    if _on_cpu(far_field):
        result = torch.empty(far_field.shape, dtype=far_field.dtype.to_real())
        _intensity(far_field.numpy().reshape(-1), result.numpy().reshape(-1))
        return result
    return far_field.real.square() + far_field.imag.square()


def weigh(far_field: torch.Tensor, slope: torch.Tensor) -> None:
    """Turn a far field ψ into 2 ∂L/∂I ψ*, in place.

    Args:
        far_field: Waves ψ ``(n, ky, kx)``.
        slope: Derivative ∂L/∂I of the loss by the intensities, ``(n, ky, kx)``.
    """
    if _on_cpu(far_field):
        _weigh(far_field.numpy().reshape(-1), slope.contiguous().numpy().reshape(-1))
        return
    torch.mul(far_field.conj(), 2 * slope, out=far_field)


def _on_cpu(tensor: torch.Tensor) -> bool:
    return tensor.device.type == "cpu"


def _windows(array: torch.Tensor, starts: Starts, like: torch.Tensor) -> Any:
    height, width = like.shape[-2:]
    return (array[y : y + height, x : x + width] for y, x in starts.tolist())


@_compiled
def _transmit(wave: Any, transmission: Any, starts: Any, out: Any) -> None:
    count, height, width = wave.shape
    for i in range(count):
        top, left = starts[i]
        for y in range(height):
            window = transmission[top + y, left : left + width]
            for x in range(width):
                out[i, y, x] = wave[i, y, x] * window[x]


@_compiled
def _transmit_back(
    adjoint: Any, exit_wave: Any, transmission: Any, starts: Any, gradient: Any
) -> None:
    count, height, width = adjoint.shape
    for i in range(count):
        top, left = starts[i]
        for y in range(height):
            window = transmission[top + y, left : left + width]
            sums = gradient[top + y, left : left + width]
            for x in range(width):
                a, e = adjoint[i, y, x], exit_wave[i, y, x]
                sums[x] -= a.real * e.imag + a.imag * e.real
                adjoint[i, y, x] = a * window[x]


@_compiled
def _transmit_back_absorbing(
    adjoint: Any, exit_wave: Any, transmission: Any, starts: Any, gradient: Any
) -> None:
    count, height, width = adjoint.shape
    for i in range(count):
        top, left = starts[i]
        for y in range(height):
            window = transmission[top + y, left : left + width]
            sums = gradient[top + y, left : left + width]
            for x in range(width):
                a, e = adjoint[i, y, x], exit_wave[i, y, x]
                product = a * e
                sums[x] -= complex(product.imag, product.real)
                adjoint[i, y, x] = a * window[x]


@_compiled
def _intensity(far_field: Any, result: Any) -> None:
    for i in range(far_field.size):
        result[i] = far_field[i].real ** 2 + far_field[i].imag ** 2


@_compiled
def _weigh(far_field: Any, slope: Any) -> None:
    for i in range(far_field.size):
        far_field[i] = far_field[i].conjugate() * (2 * slope[i])
