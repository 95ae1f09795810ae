"""What is known of an object before any data, applied after each step of the descent.

A reconstruction that minimises the loss L(φ) alone takes steps of the size t along -∂L/∂φ. With a
penalty λR(φ) each is followed by one of that penalty. For the quadratic one between slices that is
its proximal map (Parikh and Boyd, Proximal Algorithms, 2014, section 4.2),

    prox(φ) = argmin_p ½|p - φ|² + tλ R(p);

for total variation a step along the gradient, smoothed just enough. Both are stable for every
weight. Momentum β makes a step of t one of t / (1 - β), so that is what the penalties are given.

λ has no unit that a user could guess: it is the weight of the configuration times what the data
weigh. For the smoothness along the beam, a quadratic penalty, that is the loss's largest
curvature. Total variation grows like the phase itself, so for it that is the largest gradient of
the empty object, at which an l1 penalty leaves next to nothing (Friedman, Hastie and Tibshirani,
J. Stat. Softw. 33 (2010) 1). Both follow the sample, the numbers stored and the size of a batch.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from ptychobasis.core.grid import Grid
from ptychobasis.forward.waves import squared_frequencies
from ptychobasis.reconstruction.settings import ReconstructionConfig


@dataclass(frozen=True)
class Scales:
    """What the data weigh.

    Attributes:
        curvature: about the largest second derivative of the mean loss by the phase.
        dilution: mean over the whole scan of the dose in a pixel, relative to that of a batch
            in the pixel that it lights most.
        length: over which differences of the phase count as large [Å].
    """

    curvature: float
    dilution: float
    length: float


class Regulariser:
    """Positivity, penalties and band limit of one reconstruction.

    Args:
        settings: of the reconstruction.
        grid: shape and sampling of one slice.
        scales: what the data weigh.
        device: of the phase.
    """

    def __init__(
        self,
        settings: ReconstructionConfig,
        grid: Grid,
        scales: Scales,
        device: torch.device | str = "cpu",
    ) -> None:
        self._positivity, self._variation = settings.positivity, settings.total_variation
        self._smoothness, self._scales = settings.smoothness_along_beam, scales
        self._beam = beam_penalty(settings.slice_depths_angstrom)
        self._weights = tuple(scales.length / step for step in grid.sampling)
        self._band: torch.Tensor | None = None
        if settings.band_limit_per_angstrom is not None:
            k2 = squared_frequencies(grid)[:, : grid.shape[1] // 2 + 1]
            self._band = torch.as_tensor(k2 <= settings.band_limit_per_angstrom**2, device=device)

    def __call__(self, phase: torch.Tensor, step: float, largest: float) -> None:
        """Regularise ``(slices, y, x)`` [rad] in place.

        Args:
            phase: after a step of the descent.
            step: change of phase per gradient, with what momentum makes of it.
            largest: of the absolute gradient, before the first step.
        """
        if self._smoothness and len(phase) > 1:
            weight = step * self._smoothness * self._scales.curvature
            phase.copy_(smooth_along_beam(phase, self._beam, weight))
        if self._variation:
            weight = step * self._variation * self._scales.dilution * largest
            phase.copy_(smooth_variation(phase, weight, self._weights))
        if self._positivity:
            phase.clamp_(min=0)
        if self._band is not None:
            spectrum = torch.fft.rfft2(phase) * self._band
            phase.copy_(torch.fft.irfft2(spectrum, s=phase.shape[1:]))


def beam_penalty(depths: tuple[float, ...]) -> NDArray[np.float64]:
    """The matrix M of the penalty ½ φᵀMφ = ½ Σ_s (f_{s+1} - f_s)² on neighbouring slices.

    f_s is the phase of slice s per thickness that it stands for, in units of their mean: a slice
    stands for what is nearest to its depth, so that the first and the last of slices at 0, 10 and
    20 Å hold half as much as the middle one of an even sample. The sample is taken to end as
    far below the last slice as it begins above the first.

    Args:
        depths: ``(slices,)``, ascending [Å].

    Returns:
        ``(slices, slices)``; zero for one slice.
    """
    borders = [0.0, *((a + b) / 2 for a, b in pairwise(depths)), depths[0] + depths[-1]]
    widths = np.diff(borders)
    if len(depths) == 1:
        return np.zeros((1, 1))
    differences = np.diff(np.diag(widths.mean() / widths), axis=0)
    return differences.T @ differences


def smooth_along_beam(
    phase: torch.Tensor, penalty: NDArray[np.floating], weight: float
) -> torch.Tensor:
    """The proximal map (1 + w M)⁻¹ φ of a quadratic penalty between slices.

    Args:
        phase: ``(slices, y, x)`` [rad].
        penalty: M, see `beam_penalty`.
        weight: w.
    """
    mixing = np.linalg.inv(np.eye(len(penalty)) + weight * penalty)
    return torch.tensordot(torch.as_tensor(mixing).to(phase), phase, dims=1)


def smooth_variation(
    phase: torch.Tensor, weight: float, steps: tuple[float, ...] = (1.0, 1.0)
) -> torch.Tensor:
    """A step φ - w ∂R/∂φ against the total variation of each slice, R = Σ h(|∇φ|).

    Huber's h(g) = g - ε/2 is g²/2ε below ε. With ε = 4w (a² + b²), differences along y and x
    multiplied by a and b, w is the inverse of the largest curvature, so no weight overshoots.
    The same step begins the dual method for the exact proximal map (Beck and Teboulle, IEEE
    Trans. Image Process. 18 (2009) 2419), whose further steps changed no score by 0.005.

    Args:
        phase: ``(slices, y, x)`` [rad].
        weight: w.
        steps: a and b.
    """
    if weight <= 0:
        return phase
    slope = _gradient(phase, steps)
    slope /= torch.hypot(slope[0], slope[1]).clamp_(min=4 * weight * sum(a**2 for a in steps))
    return phase.sub(_gradient_adjoint(slope, steps), alpha=weight)


def _gradient(phase: torch.Tensor, steps: tuple[float, ...]) -> torch.Tensor:
    """Differences to the next neighbour along y and x, ``(2, slices, y, x)``; 0 at the border."""
    result = phase.new_zeros((2, *phase.shape))
    torch.sub(phase[:, 1:], phase[:, :-1], out=result[0, :, :-1])
    torch.sub(phase[:, :, 1:], phase[:, :, :-1], out=result[1, :, :, :-1])
    result[0] *= steps[0]
    result[1] *= steps[1]
    return result


def _gradient_adjoint(dual: torch.Tensor, steps: tuple[float, ...]) -> torch.Tensor:
    """The adjoint of `_gradient`, ``(slices, y, x)``."""
    down, right = dual[0, :, :-1] * steps[0], dual[1, :, :, :-1] * steps[1]
    result = torch.zeros_like(dual[0])
    result[:, 1:] += down
    result[:, :-1] -= down
    result[:, :, 1:] += right
    result[:, :, :-1] -= right
    return result
