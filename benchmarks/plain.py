"""A plain reconstruction to hold the product's against: torch's autograd and Adam, nothing else.

A known probe, the squared misfit of stored numbers, Adam with a step of 0.02 rad that decays as
half a cosine, and phases kept at or above zero. It has no other prior. The data,
the patterns that are left out, the grids, steps of propagation, epochs and batches are those of the
product, so that only the descent differs. Multislice is written anew, over torch.fft.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ptychobasis.bases.basis import Basis
from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.core.grid import centred_slices
from ptychobasis.core.volume import Volume
from ptychobasis.forward.layout import ScanLayout, lay_out_scan
from ptychobasis.forward.steps import propagation_steps
from ptychobasis.forward.waves import crop_probe, probe_spectrum
from ptychobasis.reconstruction.grids import forward_grids
from ptychobasis.reconstruction.left_out import choose_left_out
from ptychobasis.reconstruction.settings import ReconstructionSettings

STEP = 0.02  # [rad] of Adam
_START = 0.01  # [rad], largest phase of the random start


class Found(NamedTuple):
    """What the plain reconstruction came to.

    Attributes:
        phase: Phase of each slice [rad].
        misfit: Root of Σ (c - c*)² / Σ c*² over patterns that were left out, or over all where none
            was: before the first epoch and after each, ``(epochs + 1,)``.
    """

    phase: Volume
    misfit: NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """Multislice with a known probe, for torch's autograd.

    Attributes:
        layout: Object and the windows of the scan positions.
        detector: Pixels (y, x) of the patterns.
        probes: Spectrum of the probe at each position, ``(positions, y, x)``.
        propagators: Fresnel propagators to each step from the one before, ``(steps, y, x)``.
        owners: Slice of each step.
    """

    layout: ScanLayout
    detector: tuple[int, int]
    probes: torch.Tensor
    propagators: torch.Tensor
    owners: tuple[int, ...]

    def patterns(self, phase: torch.Tensor, batch: NDArray[np.int64]) -> torch.Tensor:
        """Patterns ``(batch, ky, kx)`` as fractions of the beam, the zero frequency first.

        Args:
            phase: Phase of the object, ``(slices, y, x)`` [rad].
            batch: Indices of scan positions.
        """
        (height, width), starts = self.layout.window.shape, self.layout.starts[batch]
        rows = starts[:, 0, None, None] + np.arange(height)[:, None]
        places = torch.as_tensor(rows * phase.shape[2] + starts[:, 1, None, None] + range(width))
        seen = [each.take(places) for each in phase]
        shares = [self.owners.count(owner) for owner in range(len(seen))]
        spectrum = self.probes[torch.as_tensor(batch)]
        for propagator, owner in zip(self.propagators, self.owners, strict=True):
            wave = torch.fft.ifft2(spectrum * propagator, norm="ortho")
            part = seen[owner] / shares[owner]
            wave = wave * torch.polar(torch.ones_like(part), part)
            spectrum = torch.fft.fft2(wave, norm="ortho")
        far = torch.fft.fft2(wave, s=self.detector, norm="ortho")
        return far.real.square() + far.imag.square()


def model(
    data: Compressed, settings: ReconstructionSettings, dtype: torch.dtype = torch.float32
) -> Model:
    """The forward model of a data set on the product's grids.

    Args:
        data: Numbers that were stored, with their optics.
        settings: Settings of the product.
        dtype: Real type of the phase.
    """
    longest = settings.propagation_step_angstrom or "auto"
    settings = settings.model_copy(update={"propagation_step_angstrom": longest})
    detector, window = forward_grids(data, settings)
    layout, optics = lay_out_scan(window, data.positions), data.optics
    steps = propagation_steps(settings.slice_depths_angstrom, optics, longest)
    ky, kx = (
        np.fft.fftfreq(n, step) for n, step in zip(window.shape, window.sampling, strict=True)
    )
    distances = np.diff(steps.depths, prepend=0.0)[:, None, None]
    turns = -optics.wavelength / 2 * distances * (ky[:, None] ** 2 + kx**2)
    middle = np.array(window.shape) // 2 * window.sampling
    y, x = (layout.offsets + middle).T[:, :, None]
    ramps = np.exp(-2j * math.pi * ((y * ky)[:, :, None] + (x * kx)[:, None, :]))
    probe = crop_probe(probe_spectrum(detector, optics), window.shape)
    wave = partial(torch.as_tensor, dtype=dtype.to_complex())
    return Model(
        layout, detector.shape, wave(probe * ramps), wave(np.exp(2j * math.pi * turns)),
        steps.slices,
    )  # fmt: skip


class Misfit:
    """Squared misfit of predicted patterns to stored numbers, relative to these.

    Args:
        data: Numbers that were stored, with their basis.
        shape: Pixels (y, x) of the predicted patterns. Stored pixels outside are left out.
    """

    def __init__(self, data: Compressed, shape: tuple[int, int]) -> None:
        basis, stored = data.basis, data.coefficients
        if basis.matrix is None:
            inside = np.zeros(basis.support.shape, bool)
            inside[centred_slices(data.optics.detector.shape, shape)] = True
            stored = stored[:, inside[basis.support]]
            basis = Basis(basis.name, basis.support & inside)
        self.basis, self.stored = basis.on_shape(shape), torch.as_tensor(stored)
        self.scale = self.stored.square().sum(1).mean()
        matrix = self.basis.matrix
        self.masks = None if matrix is None else torch.as_tensor(np.asarray(matrix).T.copy())

    def __call__(self, patterns: torch.Tensor, batch: NDArray[np.int64]) -> torch.Tensor:
        """Mean over a batch of Σ (c - c*)², relative to that of c* over the whole scan."""
        seen = torch.fft.fftshift(patterns, dim=(1, 2))[:, torch.as_tensor(self.basis.support)]
        predicted = seen if self.masks is None else seen @ self.masks
        squares = (predicted - self.stored[torch.as_tensor(batch)]).square()
        return squares.sum() / (self.scale * len(batch))


def batch_size(asked: int | str, count: int) -> int:
    """Positions per step; "auto" gives about 17 steps per epoch, but eight positions at least."""
    return asked if isinstance(asked, int) else max(8, round(count / 17))


def reconstruct(
    data: Compressed, settings: ReconstructionSettings, seed: int, start: Volume | None = None
) -> Found:
    """Find the phase of each slice by Adam.

    Args:
        data: Numbers that were stored.
        settings: Settings of the product, of which depths, grids, epochs and batches count.
        seed: Seed of the start, of the order of the positions and of what is left out.
        start: Phase to start from; None takes an almost empty object.
    """
    forward, random = model(data, settings), np.random.default_rng(seed)
    misfit, count = Misfit(data, forward.detector), len(data.positions)
    shape = (max(forward.owners) + 1, *forward.layout.shape)
    first = random.uniform(0, _START, shape) if start is None else start.array.clip(min=0)
    phase = torch.tensor(first, dtype=torch.float32, requires_grad=True)
    left_out = choose_left_out(count, settings.left_out, seed)
    fitted = np.setdiff1d(np.arange(count), left_out)
    judges = left_out if len(left_out) else fitted
    batches = math.ceil(len(fitted) / batch_size(settings.batch, count))
    adam = torch.optim.Adam([phase], lr=STEP)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, settings.epochs * batches)

    @torch.no_grad()
    def judged() -> float:
        of_judges = misfit.stored[torch.as_tensor(judges)].square().sum(1).mean()
        found = misfit(forward.patterns(phase, judges), judges)
        return math.sqrt(found * misfit.scale / of_judges)

    misfits = [judged()]
    for _ in range(settings.epochs):
        for batch in np.array_split(random.permutation(fitted), batches):
            adam.zero_grad()
            misfit(forward.patterns(phase, batch), batch).backward()
            adam.step()
            schedule.step()
            with torch.no_grad():
                phase.clamp_(min=0)
        misfits.append(judged())
    layout = forward.layout
    array = phase.detach().numpy()
    return Found(Volume(array, layout.window.sampling, layout.origin), np.array(misfits))
