"""The engine's hand-written gradient handed to autograd, and autograd's own to hold against it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ptychobasis.forward.layout import shift_ramps
from ptychobasis.forward.multislice import Loss, Multislice
from ptychobasis.forward.waves import propagator


def differentiable(
    model: Multislice, spectrum: torch.Tensor, batch: NDArray[np.int64], loss: Loss
) -> Callable[[torch.Tensor], torch.Tensor]:
    """The loss as a function of the phase that autograd can differentiate."""

    class Through(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, phase: torch.Tensor) -> torch.Tensor:
            value, gradient, _ = model.loss_and_gradient(phase.detach(), spectrum, batch, loss)
            ctx.save_for_backward(gradient)
            return gradient.real.new_tensor(value)

        @staticmethod
        def backward(ctx: Any, *slopes: torch.Tensor) -> torch.Tensor:
            (gradient,) = ctx.saved_tensors
            return slopes[0] * gradient

    return Through.apply


def plain_patterns(
    model: Multislice, phase: torch.Tensor, spectrum: torch.Tensor, batch: NDArray[np.int64],
    wavelength: float, distances: list[float],
) -> torch.Tensor:  # fmt: skip
    """Multislice as in a textbook, one operation after the other, for autograd."""
    layout = model.layout
    (height, width), grid = layout.window.shape, layout.window
    rows, columns = (torch.as_tensor(ramp[batch]) for ramp in shift_ramps(layout))
    shifted = spectrum * rows[:, :, None] * columns[:, None, :]
    wave = torch.fft.ifft2(shifted, norm="ortho")
    places = [layout.starts[index] for index in batch]
    for s in range(len(phase)):
        cut = torch.stack([phase[s, y : y + height, x : x + width] for y, x in places])
        wave = wave * torch.exp(1j * cut)
        if s < len(phase) - 1:
            p = torch.as_tensor(propagator(grid, wavelength, distances[s]))
            wave = torch.fft.ifft2(torch.fft.fft2(wave, norm="ortho") * p, norm="ortho")
    return torch.fft.fft2(wave, s=model.detector, norm="backward").abs() ** 2 / (
        model.detector[0] * model.detector[1]
    )
