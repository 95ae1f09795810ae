"""The forward model and its adjoint, computed in chunks that stay in the processor's cache.

For steps s = 1..S with transmission t_s = exp(iφ_s) and Fresnel propagators P_s,

    e_s = t_s ψ_s,    ψ_{s+1} = F⁻¹ P_s F e_s,    I = |F e_S|²,

where ψ_1 is the probe at the scan position (Cowley and Moodie 1957; Kirkland 2020, ch. 6).
A slice that acts in m steps gives each of them 1/m of its phase, see `steps`. An object that also
absorbs has the complex phase φ + iμ, which makes t = exp(iφ - μ).
The adjoint is written by hand. It begins with χ_S = F⁻¹ (2 ∂L/∂I · F e_S) at the last step:

    ∂L/∂φ_s = Im(χ_s e_s*),    ∂L/∂μ_s = -Re(χ_s e_s*),    χ_{s-1} = F⁻¹ P_{s-1}* F (t_s* χ_s),

With the ramp R of the scan position and the propagator P_0 from the entrance surface to the first
step, the probe is ψ_1 = F⁻¹ (P_0 R A). The gradient by its spectrum A at the entrance surface is
2 ∂L/∂A* = Σ P_0* R* F (t_1* χ_1), summed over the positions.

The code carries the conjugate of the adjoint, so that neither waves nor propagators need to be
conjugated: χ_{s-1}* = F P_{s-1} F⁻¹ (t_s χ_s*), because F⁻¹ x* = (F x)* without factors.
"""

import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ptychobasis.compute.fft_plans import remembered_plans
from ptychobasis.core.errors import StudyError
from ptychobasis.forward.fft import Transform, plan_fft
from ptychobasis.forward.kernels import intensity, transmit, transmit_back, weigh
from ptychobasis.forward.layout import ScanLayout, shift_ramps
from ptychobasis.forward.steps import Steps
from ptychobasis.forward.waves import propagator

log = logging.getLogger(__name__)

# About the waves of one chunk [bytes], so that they stay in the processor's cache; a GPU takes the
# whole batch, or as much of it as fits its memory.
_CHUNK_BYTES = 8 * 2**20

Result = TypeVar("Result")
Loss = Callable[[torch.Tensor, NDArray[np.int64]], torch.Tensor]


class Gradients(NamedTuple):
    """A loss and its gradients.

    Attributes:
        loss: Loss of the batch.
        phase: Gradient by the phase, ``(slices, y, x)``; by a complex phase ∂L/∂φ + i ∂L/∂μ, as
            torch has it.
        probe: Gradient 2 ∂L/∂A* by the probe's spectrum A, ``(y, x)``, which is what torch calls
            the gradient of a complex tensor; None unless it was asked for.
    """

    loss: float
    phase: torch.Tensor
    probe: torch.Tensor | None

    def plus(self, other: "Gradients") -> "Gradients":
        """Sum of the losses and gradients of two parts of a batch."""
        probe = self.probe
        if probe is not None and other.probe is not None:
            probe = probe + other.probe
        return Gradients(self.loss + other.loss, self.phase + other.phase, probe)


class _Buffers:
    """Waves of one chunk and the transforms planned for them.

    Attributes:
        wave: Wave between steps, then the adjoint, ``(n, y, x)``.
        exits: Wave behind each step, ``(steps, n, y, x)``.
        far: Far field, ``(n, ky, kx)``; `wave` itself if both have the same pixels.
    """

    def __init__(self, count: int, steps: int, window: tuple[int, int],
                 detector: tuple[int, int], like: torch.Tensor) -> None:  # fmt: skip
        self.wave = like.new_zeros((count, *window))
        self.exits = like.new_zeros((steps, count, *window))
        self.forward = [plan_fft(exit_wave, self.wave) for exit_wave in self.exits]
        self.forward_wave = plan_fft(self.wave, self.wave)
        self.inverse_wave = plan_fft(self.wave, self.wave, inverse=True)
        self.far = self.wave
        self.padded: torch.Tensor | None = None
        self.forward_padded: Transform = self.forward[-1]
        self.forward_far: Transform = self.forward_wave
        if detector != window:
            self.far = like.new_zeros((count, *detector))
            self.padded = torch.zeros_like(self.far)
            self.forward_padded = plan_fft(self.padded, self.far)
            self.forward_far = plan_fft(self.far, self.far)
            self.padded.zero_()  # planning wrote into it

    def to_far_field(self) -> None:
        """Fill `far` from the last exit wave, with zeros around it where the window is smaller."""
        if self.padded is not None:
            self.padded[:, : self.wave.shape[1], : self.wave.shape[2]] = self.exits[-1]
        self.forward_padded()

    def from_far_field(self) -> None:
        """Fill `wave` from `far` by the adjoint of `to_far_field`, in conjugates."""
        self.forward_far()
        if self.padded is not None:
            self.wave.copy_(self.far[:, : self.wave.shape[1], : self.wave.shape[2]])


class Multislice:
    """Diffraction patterns of an object at the scan positions, and gradients of their losses.

    Args:
        layout: Object and the windows of the scan positions.
        wavelength: Wavelength of the electrons [Å].
        steps: Depths at which the slices act. The wave starts at the entrance surface.
        detector: Pixels (y, x) of the patterns, at least those of the window, to which the last
            transform is padded; None takes the window's.
        dtype: Real type of the phase, ``torch.float32`` or ``torch.float64``.
        device: Device of the arrays.
        threads: Number of chunks that the CPU works on side by side; torch itself should then
            use one thread, see `torch.set_num_threads`.
    """

    def __init__(
        self,
        layout: ScanLayout,
        wavelength: float,
        steps: Steps,
        detector: tuple[int, int] | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        threads: int = 1,
    ) -> None:
        self.layout, self.device = layout, torch.device(device)
        self.real, self.complex = dtype, dtype.to_complex()
        self.steps, self.detector = steps, detector or layout.window.shape
        self.slices = steps.slices[-1] + 1
        self.threads = threads if self.device.type == "cpu" else 1
        pixels = math.prod(layout.window.shape)
        self._propagators = [
            self.wave(propagator(layout.window, wavelength, distance) / pixels)
            for distance in np.diff(steps.depths)
        ]
        self._entrance = None  # a first step at the surface needs no propagation
        if steps.depths[0] > 0:
            self._entrance = self.wave(propagator(layout.window, wavelength, steps.depths[0]))
        # steps of each slice, (slices, 1, 1)
        self._shares = torch.as_tensor(np.bincount(steps.slices)).to(self.device, dtype)
        self._shares = self._shares[:, None, None]
        # orthonormal transforms: one factor for the probe's, one for the far field's
        self._probe_factor = 1 / math.sqrt(pixels * math.prod(self.detector))
        self._ramps = tuple(self.wave(ramp) for ramp in shift_ramps(layout))
        self._buffers: dict[tuple[int, int], _Buffers] = {}
        self._largest_chunk: int | None = None  # positions that fit a GPU's memory

    def wave(self, array: NDArray[np.complexfloating]) -> torch.Tensor:
        """Move a complex array to the device and the precision of this model."""
        return torch.as_tensor(array).to(self.device, self.complex)

    def intensities(
        self, phase: torch.Tensor, spectrum: torch.Tensor, batch: NDArray[np.int64]
    ) -> torch.Tensor:
        """Patterns ``(batch, ky, kx)`` as fractions of the beam, the zero frequency first.

        Args:
            phase: Phase φ of the whole object, ``(slices, y, x)`` [rad], or φ + iμ.
            spectrum: Spectrum of the probe, ``(y, x)``, the zero frequency first.
            batch: Indices of scan positions, ``(batch,)``.

        Raises:
            StudyError: The memory of a GPU is too small for a single position.
        """

        def work() -> torch.Tensor:
            transmission = self._transmission(phase)
            patterns = []
            for chunk in self._chunks(batch):
                buffers = self._prepared(0, len(chunk))
                self._forward(buffers, transmission, spectrum, chunk)
                patterns.append(intensity(buffers.far))
            return torch.cat(patterns)

        return self._as_memory_allows(batch, work)

    def loss_and_gradient(
        self,
        phase: torch.Tensor,
        spectrum: torch.Tensor,
        batch: NDArray[np.int64],
        loss: Loss,
        probe: bool = False,
    ) -> Gradients:
        """A loss of the patterns, and its gradients by phase and probe.

        Args:
            phase: Phase φ of the whole object, ``(slices, y, x)`` [rad], or φ + iμ.
            spectrum: Spectrum of the probe, ``(y, x)``, the zero frequency first.
            batch: Indices of scan positions, ``(batch,)``.
            loss: Mean loss of intensities ``(n, ky, kx)`` at n of these positions.
            probe: Whether the gradient of the probe is wanted, which takes one more transform.

        Raises:
            StudyError: The memory of a GPU is too small for a single position.
        """
        return self._as_memory_allows(
            batch, lambda: self._gradients(phase, spectrum, batch, loss, probe)
        )

    def _gradients(
        self,
        phase: torch.Tensor,
        spectrum: torch.Tensor,
        batch: NDArray[np.int64],
        loss: Loss,
        probe: bool,
    ) -> Gradients:
        """Do `loss_and_gradient` in chunks of the present size."""
        transmission = self._transmission(phase)
        chunks = self._chunks(batch)
        shares = [chunks[i :: self.threads] for i in range(self.threads)]
        for i, share in enumerate(shares):
            for count in {len(chunk) for chunk in share}:
                self._prepared(i, count)  # FFTW plans in one thread at a time

        def work(worker: int) -> Gradients:
            total, gradient = 0.0, torch.zeros_like(phase)
            of_probe = torch.zeros_like(spectrum) if probe else None
            for chunk in shares[worker]:
                buffers = self._prepared(worker, len(chunk))
                self._forward(buffers, transmission, spectrum, chunk)
                intensities = intensity(buffers.far).requires_grad_()
                with torch.enable_grad():
                    value = loss(intensities, chunk) * (len(chunk) / len(batch))
                (slope,) = torch.autograd.grad(value, intensities)
                self._adjoint(buffers, transmission, slope, gradient, chunk)
                if of_probe is not None:
                    of_probe += self._to_probe(buffers, chunk)
                total += float(value.detach())
            return Gradients(total, gradient.div_(self._shares), of_probe)

        if self.threads == 1:
            return work(0)
        with ThreadPoolExecutor(self.threads) as pool:
            first, *others = pool.map(work, range(self.threads))
        for other in others:
            first = first.plus(other)
        return first

    def _transmission(self, phase: torch.Tensor) -> torch.Tensor:
        """Transmission of each slice in one of its steps, ``(slices, y, x)``."""
        part = phase / self._shares
        if part.is_complex():
            return torch.polar(torch.exp(-part.imag), part.real)
        return torch.complex(torch.cos(part), torch.sin(part))

    def _as_memory_allows(self, batch: NDArray[np.int64], work: Callable[[], Result]) -> Result:
        """Do the work, again and in chunks half as large whenever a GPU runs out of memory."""
        while True:
            try:
                return work()
            except RuntimeError as error:  # of torch, cuFFT or cuBLAS
                full = isinstance(error, torch.OutOfMemoryError) or "ALLOC_FAILED" in str(error)
                if not full:
                    raise
                count = len(self._chunks(batch)[0])
            # out here the error holds no tensors any more; what was summed up so far is lost
            self._buffers.clear()
            torch.cuda.empty_cache()
            if count == 1:
                raise StudyError(
                    "the memory of the GPU is too small for a single position; allowed: a larger "
                    "GPU, a smaller reconstruction.model_pixels or window_angstrom, or 'cpu' as "
                    "reconstruction.device"
                )
            self._largest_chunk = math.ceil(count / 2)
            log.warning(
                "out of memory on the GPU with %d positions at a time; going on with %d",
                count, self._largest_chunk,
            )  # fmt: skip

    def _chunks(self, batch: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Cut a batch into chunks whose waves fit the cache or the memory, as many per thread."""
        count = self.threads
        if self.device.type == "cpu":
            element = torch.empty((), dtype=self.complex).element_size()
            waves = (len(self.steps.depths) + 1) * math.prod(self.layout.window.shape)
            waves += 2 * math.prod(self.detector)
            count = max(count, round(len(batch) * waves * element / _CHUNK_BYTES))
        if self._largest_chunk is not None:
            count = max(count, math.ceil(len(batch) / self._largest_chunk))
        count = math.ceil(count / self.threads) * self.threads
        return np.array_split(batch, min(count, len(batch)))

    def _prepared(self, worker: int, count: int) -> _Buffers:
        key = (worker, count)
        if key not in self._buffers:
            if self.device.type != "cpu":
                self._buffers.clear()  # chunks differ by one position; one set fills the memory
            with remembered_plans():
                self._buffers[key] = _Buffers(
                    count, len(self.steps.depths), self.layout.window.shape, self.detector,
                    self._ramps[0],
                )  # fmt: skip
        return self._buffers[key]

    def _forward(
        self, buffers: _Buffers, transmission: torch.Tensor, spectrum: torch.Tensor,
        chunk: NDArray[np.int64],
    ) -> None:  # fmt: skip
        """Compute the waves behind each step and in the far field."""
        wave, starts = buffers.wave, self.layout.starts[chunk]
        rows, columns = (ramp[torch.as_tensor(chunk)] for ramp in self._ramps)
        torch.mul(self._to_first(spectrum), rows[:, :, None], out=wave)
        wave.mul_(columns[:, None, :])
        buffers.inverse_wave()
        for s, owner in enumerate(self.steps.slices):
            transmit(wave, transmission[owner], starts, buffers.exits[s])
            if s < len(self._propagators):
                buffers.forward[s]()
                wave.mul_(self._propagators[s])
                buffers.inverse_wave()
        buffers.to_far_field()

    def _adjoint(
        self, buffers: _Buffers, transmission: torch.Tensor, slope: torch.Tensor,
        gradient: torch.Tensor, chunk: NDArray[np.int64],
    ) -> None:  # fmt: skip
        """Add the gradient by the phase, of all steps of each slice, to ``(slices, y, x)``."""
        wave, starts = buffers.wave, self.layout.starts[chunk]
        weigh(buffers.far, slope)
        buffers.from_far_field()
        for s, owner in reversed(list(enumerate(self.steps.slices))):
            transmit_back(wave, buffers.exits[s], transmission[owner], starts, gradient[owner])
            if s > 0:
                buffers.inverse_wave()
                wave.mul_(self._propagators[s - 1])
                buffers.forward_wave()

    def _to_probe(self, buffers: _Buffers, chunk: NDArray[np.int64]) -> torch.Tensor:
        """Gradient 2 ∂L/∂A* of the chunk, from the wave that `_adjoint` leaves in the buffers."""
        buffers.inverse_wave()
        rows, columns = (ramp[torch.as_tensor(chunk)] for ramp in self._ramps)
        total = torch.einsum("nyx,ny,nx->yx", buffers.wave, rows, columns)
        # everything here is a conjugate, so that P_0 stands for P_0*
        return self._to_first(total).conj().resolve_conj()

    def _to_first(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Propagate a spectrum ``(y, x)`` to the first step, with the factor of the transforms."""
        spectrum = spectrum * self._probe_factor
        return spectrum if self._entrance is None else spectrum * self._entrance
