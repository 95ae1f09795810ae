"""The only Fourier transforms: over the last two axes, planned for arrays that stay in place.

ψ(k) = Σ ψ(r) exp(-2πi k·r) forwards and its conjugate backwards, neither of them divided by
the number of pixels: the factors stand in the probe and in the propagators, which saves a
pass over the waves for each transform.
"""

from collections.abc import Callable

import pyfftw
import torch

Transform = Callable[[], object]


def plan_fft(source: torch.Tensor, target: torch.Tensor, inverse: bool = False) -> Transform:
    """Prepare the transform of `source` into `target`, complex ``(batch, y, x)`` of one shape.

    The two may be the same tensor. On the CPU FFTW does the work (about twice as fast as the
    library that torch brings, for 64 to 128 pixels), with a plan that is measured unless it
    was before; see `ptychobasis.compute.fft_plans`. Planning overwrites both tensors.

    Returns:
        A function without arguments that transforms what `source` holds when it is called.
    """
    if source.device.type != "cpu":
        transform = torch.fft.ifft2 if inverse else torch.fft.fft2
        norm = "forward" if inverse else "backward"  # no factor in either direction
        return lambda: target.copy_(transform(source, norm=norm))
    planned: Transform = pyfftw.FFTW(
        source.numpy(),
        target.numpy(),
        axes=(-2, -1),
        direction="FFTW_BACKWARD" if inverse else "FFTW_FORWARD",
        flags=("FFTW_MEASURE",),
    ).execute
    return planned
