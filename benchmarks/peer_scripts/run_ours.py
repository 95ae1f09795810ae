"""ptychobasis itself, uncompressed, run and recorded as the other packages are."""

from record import arguments  # first: it sets the threads

# isort: split
import torch

from ptychobasis.bases.basis import Request
from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.data.dataset_checks import scattering
from ptychobasis.reconstruction.run import reconstruct
from ptychobasis.reconstruction.settings import ReconstructionSettings

data, recorder, settings = arguments()

grid = Grid((data.pixels, data.pixels), (data.sampling, data.sampling))
optics = Optics(data.energy, data.semi_angle, data.defocus, grid)
basis = build_basis("pixels", Request(optics))
compressed = Compressed(
    coefficients=basis.forward(data.patterns).reshape(-1, basis.size),
    positions=data.positions.reshape(-1, 2),
    basis=basis,
    optics=optics,
    # the study's own files hold it: the model need not be larger than the sample asks
    scattering=scattering(data.patterns.mean(axis=(0, 1)), grid),
)
chosen = ReconstructionSettings(
    slice_depths_angstrom=tuple(data.depths.tolist()),
    loss=settings.loss,
    epochs=settings.epochs,
    batch=settings.batch,
    step_rad=settings.step,
    device="cpu",
)


def watch(_epoch: int, phase: torch.Tensor, _seconds: float) -> None:
    """Called by ptychobasis after each epoch."""
    recorder.epoch(phase.detach().numpy())


recorder.start()
result = reconstruct(compressed, chosen, seed=1, watch=watch)
recorder.finish("ptychobasis", result.phase.sampling[0], result.phase.origin)
