"""The only FFT pair: orthonormal, over the last two axes.

Forward is ψ(k) = Σ ψ(r) exp(-2πi k·r) / √N, as everywhere in this package.
"""

import torch


def fft2(wave: torch.Tensor) -> torch.Tensor:
    """Fourier transform of ``(..., y, x)``; the zero frequency comes first."""
    return torch.fft.fft2(wave, norm="ortho")


def ifft2(wave: torch.Tensor) -> torch.Tensor:
    """Inverse of `fft2`."""
    return torch.fft.ifft2(wave, norm="ortho")
