"""The forward model: from the phase of an object to diffraction patterns, and its adjoint.

For slices s = 1..S with transmission t_s = exp(iφ_s) and Fresnel propagators P_s,

    e_s = t_s ψ_s,    ψ_{s+1} = F⁻¹ P_s F e_s,    I = |F e_S|²,

where ψ_1 is the probe at the scan position (Cowley and Moodie 1957; Kirkland 2020, ch. 6).
The adjoint is written by hand: it needs the exit waves e_s alone, one FFT pair per
propagation as the forward model does, and no bookkeeping of single operations.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ptychobasis.fourier import fft2, ifft2
from ptychobasis.grid import Grid
from ptychobasis.optics import Optics


def squared_frequencies(grid: Grid) -> NDArray[np.float64]:
    """k² [1/Å²] on ``(y, x)``, the zero frequency first."""
    ky, kx = grid.frequencies()
    return np.fft.ifftshift(ky**2 + kx**2)


def aperture(grid: Grid, optics: Optics) -> NDArray[np.float64]:
    """Amplitude of the condenser aperture on ``(y, x)``, the zero frequency first.

    The edge falls linearly over one pixel of the diffraction plane, as in abTEM: about the
    share of the pixel that the disc covers. A hard edge of whole pixels would make a probe
    whose tails reach around the window.
    """
    ky, kx = grid.frequencies()
    k = np.hypot(ky, kx)
    dy, dx = grid.reciprocal_sampling
    width = np.hypot(ky * dy, kx * dx) / np.where(k > 0, k, np.inf)
    edge = np.divide(optics.aperture - k, width, out=np.full_like(k, np.inf), where=width > 0)
    return np.fft.ifftshift(np.clip(edge + 0.5, 0, 1))


def probe_spectrum(grid: Grid, optics: Optics) -> NDArray[np.complex128]:
    """Aperture and defocus of the probe on ``(y, x)``, the zero frequency first.

    A(k) exp(iπλk²Δf); Δf > 0 is underfocus, which puts the focus below the entrance
    surface. The squared moduli add up to 1, the whole beam.
    """
    k2 = squared_frequencies(grid)
    wave = np.exp(1j * math.pi * optics.wavelength * k2 * optics.defocus) * aperture(grid, optics)
    return wave / np.linalg.norm(wave)


def propagator(grid: Grid, wavelength: float, distance: float) -> NDArray[np.complex128]:
    """Fresnel propagator exp(-iπλk²Δz) on ``(y, x)``, the zero frequency first.

    Args:
        grid: real-space grid of the wave.
        wavelength: of the electrons [Å].
        distance: Δz along the beam [Å].
    """
    return np.exp(-1j * math.pi * wavelength * distance * squared_frequencies(grid))


@dataclass(frozen=True)
class Windows:
    """Where the window of each scan position lies on the object.

    Attributes:
        grid: the window, on which waves are computed.
        shape: pixels of the object along (y, x).
        origin: position of the object's pixel (0, 0) [Å].
        starts: ``(positions, 2)``, first pixel of each window.
        offsets: ``(positions, 2)``, what is left of the position below one pixel [Å].
    """

    grid: Grid
    shape: tuple[int, int]
    origin: tuple[float, float]
    starts: NDArray[np.int64]
    offsets: NDArray[np.float64]


def place_windows(grid: Grid, positions: NDArray[np.float64]) -> Windows:
    """Lay an object out that holds the window around every scan position.

    Args:
        grid: the window.
        positions: ``(positions, 2)``, scan positions (y, x) [Å].
    """
    sampling, centre = np.array(grid.sampling), np.array(grid.shape) // 2
    origin = positions.min(axis=0) - centre * sampling
    nearest = np.rint((positions - origin) / sampling).astype(np.int64)
    starts = nearest - centre
    shape = starts.max(axis=0) + np.array(grid.shape)
    return Windows(
        grid=grid,
        shape=(int(shape[0]), int(shape[1])),
        origin=(float(origin[0]), float(origin[1])),
        starts=starts,
        offsets=positions - origin - nearest * sampling,
    )


class Multislice:
    """Diffraction patterns of an object at the scan positions.

    Args:
        windows: layout of the object and of the scan.
        wavelength: of the electrons [Å].
        distances: between neighbouring slices [Å], one fewer than there are slices.
        dtype: real type of the phase, ``torch.float32`` or ``torch.float64``.
        device: where the arrays live.
    """

    def __init__(
        self,
        windows: Windows,
        wavelength: float,
        distances: list[float],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.windows, self.device = windows, torch.device(device)
        self.real, self.complex = dtype, dtype.to_complex()
        stack = [propagator(windows.grid, wavelength, distance) for distance in distances]
        shape = (len(stack), *windows.grid.shape)
        self.propagators = self.wave(np.array(stack).reshape(shape))
        self.starts = [(int(y), int(x)) for y, x in windows.starts]
        self._ramps = _shift_ramps(windows)

    def wave(self, array: NDArray[np.complexfloating]) -> torch.Tensor:
        """Move a complex array to the model's device and precision."""
        return torch.as_tensor(array).to(self.device, self.complex)

    def probes(self, spectrum: torch.Tensor, batch: NDArray[np.int64]) -> torch.Tensor:
        """The probe, given by its spectrum ``(y, x)``, at each position: ``(batch, y, x)``.

        Differentiable; the shift below one pixel is a ramp in reciprocal space.
        """
        rows, columns = (self.wave(ramp[batch]) for ramp in self._ramps)
        return ifft2(spectrum * rows[:, :, None] * columns[:, None, :])

    def intensities(
        self, phase: torch.Tensor, spectrum: torch.Tensor, batch: NDArray[np.int64]
    ) -> torch.Tensor:
        """Patterns ``(batch, y, x)`` as fractions of the beam, the zero frequency first.

        Args:
            phase: ``(slices, y, x)`` of the whole object [rad].
            spectrum: ``(y, x)`` of the probe, the zero frequency first.
            batch: ``(batch,)``, indices of scan positions.
        """
        starts = [self.starts[index] for index in batch]
        probes = self.probes(spectrum, batch)
        result: torch.Tensor = _Intensities.apply(phase, probes, self.propagators, starts)
        return result


class _Intensities(torch.autograd.Function):
    """Multislice with the adjoint written out; see the module's docstring for the symbols."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        phase: torch.Tensor,
        probes: torch.Tensor,
        propagators: torch.Tensor,
        starts: list[tuple[int, int]],
    ) -> torch.Tensor:
        height, width = probes.shape[-2:]
        transmission = torch.polar(torch.ones_like(phase), phase)
        # slices first: each slice of the batch is then one contiguous block
        cut = torch.stack(
            [transmission[:, y : y + height, x : x + width] for y, x in starts], dim=1
        )
        exits = torch.empty_like(cut)
        wave = probes
        for s, (slice_transmission, exit_wave) in enumerate(zip(cut, exits, strict=True)):
            torch.mul(wave, slice_transmission, out=exit_wave)
            if s < len(propagators):
                wave = ifft2(fft2(exit_wave).mul_(propagators[s]))
        far_field = fft2(exits[-1])
        ctx.save_for_backward(cut, exits, far_field, propagators)
        ctx.starts, ctx.shape = starts, phase.shape  # type: ignore[attr-defined]
        return far_field.real.square() + far_field.imag.square()

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, *gradients: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        cut, exits, far_field, propagators = ctx.saved_tensors  # type: ignore[attr-defined]
        gradient = gradients[0]
        adjoint = ifft2(far_field * (2 * gradient))
        phase_gradient = torch.empty_like(exits.real)
        for s in range(len(cut) - 1, -1, -1):
            # Im(χ conj(e)), because dt = i t dφ
            torch.mul(adjoint.imag, exits[s].real, out=phase_gradient[s])
            phase_gradient[s].addcmul_(adjoint.real, exits[s].imag, value=-1)
            adjoint = adjoint * cut[s].conj()
            if s > 0:
                adjoint = ifft2(fft2(adjoint).mul_(propagators[s - 1].conj()))
        total = _scatter(phase_gradient, ctx.starts, ctx.shape)  # type: ignore[attr-defined]
        return total, adjoint, None, None


def _scatter(
    windows: torch.Tensor, starts: list[tuple[int, int]], shape: torch.Size
) -> torch.Tensor:
    """Add ``(slices, batch, y, x)`` windows to an object of `shape`.

    A loop in the order of the batch: overlapping windows then always add up in the same
    order, which an indexed scatter does not promise.
    """
    total = windows.new_zeros(shape)
    height, width = windows.shape[-2:]
    for index, (y, x) in enumerate(starts):
        total[:, y : y + height, x : x + width] += windows[:, index]
    return total


def _shift_ramps(windows: Windows) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """exp(-2πi k r) along y and x that put the probe at each position in its window."""
    grid = windows.grid
    ramps = []
    for axis, frequencies in enumerate(grid.frequencies()):
        centre = grid.shape[axis] // 2 * grid.sampling[axis]
        place = centre + windows.offsets[:, axis, None]
        k = np.fft.ifftshift(frequencies.ravel())
        ramps.append(np.exp(-2j * math.pi * k * place))
    return ramps[0], ramps[1]
