"""One epoch of a reconstruction (forward, adjoint, update) against the time of its FFTs alone.

The FFTs are those of the engine: the same plans of FFTW, the same chunks, one thread, as many
as the epoch makes, 4 S - 1 for each pattern and S steps; in turn with the epoch. Waves and
patterns have the same pixels here; the data are 36 Zernike coefficients.
"""

import math
from typing import Any

import numpy as np
import torch

from benchmarks.common import seconds
from ptychobasis.bases.basis import Request
from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.reconstruction.descent import Descent
from ptychobasis.reconstruction.objective import prepare
from ptychobasis.reconstruction.settings import ReconstructionSettings

TABLES = ("engine",)
CASES = ((64, 12), (96, 12), (128, 12), (192, 8), (256, 8), (384, 6), (512, 6))
SETTINGS = ReconstructionSettings(
    slice_depths_angstrom=(0.0, 30.7, 61.3, 92.0),
    model_pixels=None,
    window_angstrom=None,
    epochs=1000,
    device="cpu",
)


def synthetic(pixels: int, side: int, masks: int = 36, window: float = 35.0) -> Compressed:
    """Coefficients of smooth patterns at ``side`` x ``side`` positions; no sample is needed."""
    optics = Optics(60e3, 0.03, 0.0, Grid((pixels, pixels), (window / pixels, window / pixels)))
    bright = optics.bright_field()
    generator = np.random.default_rng(0)
    basis = build_basis("zernike", Request(optics, masks))
    strengths = generator.uniform(0.6, 1.0, (side**2, 1)).astype(np.float32)
    coefficients = strengths * basis.forward(bright / bright.sum())  # no pattern is ever held
    positions = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1)
    return Compressed(coefficients, positions.reshape(-1, 2).astype(float), basis, optics)


def run() -> dict[str, list[dict[str, Any]]]:
    """Time epochs and FFTs on several grids and with several slices."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = [_row(pixels, side, SETTINGS) for pixels, side in CASES]
        for depths in ((0.0,), (0.0, 92.0), tuple(np.linspace(0, 92, 8).tolist())):
            settings = SETTINGS.model_copy(update={"slice_depths_angstrom": depths})
            rows.append(_row(128, 12, settings))
    finally:
        torch.set_num_threads(threads)
    return {"engine": rows}


def _row(pixels: int, side: int, settings: ReconstructionSettings) -> dict[str, Any]:
    # a disc as large on every grid, so that the loss does the same work
    data = synthetic(pixels, side, window=35.0 if pixels > 64 else 17.5)
    descent = Descent(prepare(data, settings, torch.device("cpu")), settings)
    state, forward = descent.start(0), descent.objective.forward
    steps, count = len(forward.steps.depths), side**2
    descent.epoch(state)  # makes the buffers
    buffers = max(forward._buffers.values(), key=lambda each: len(each.wave))
    chunk = len(buffers.wave)

    def ffts() -> None:
        for _ in range(math.ceil(count / chunk)):
            for _ in range(2 * steps - 1):
                buffers.forward_wave()
                buffers.inverse_wave()
            buffers.forward_wave()
            buffers.wave.fill_(1e-3)  # transforms without factors would overflow

    epoch_s, fft_s = seconds(lambda: descent.epoch(state), ffts, repeats=7)
    fft_s *= count / (math.ceil(count / chunk) * chunk)
    return {
        "grid_px": pixels,
        "slices": forward.slices,
        "batch": settings.batch,
        "chunk": chunk,
        "positions": count,
        "epoch_s": epoch_s,
        "fft_s": fft_s,
        "ratio": epoch_s / fft_s,
        "us_per_pattern": 1e6 * epoch_s / count,
    }
