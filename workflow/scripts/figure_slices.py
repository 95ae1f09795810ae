"""Draw one slice of several reconstructions and sections of all slices."""

from typing import TYPE_CHECKING

from ptychobasis.dataset import read_dataset
from ptychobasis.figure_slices import draw_slices, scanned_picture, true_picture
from ptychobasis.figures import pretty, save
from ptychobasis.job import job
from ptychobasis.results import read_reconstruction

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    dataset = read_dataset(snakemake.input.dataset)
    pictures = {}
    results = [read_reconstruction(path) for path in snakemake.input.reconstructions]
    for recon in results:
        title = f"{pretty(recon.run.basis)}\n{recon.run.stored_values} numbers"
        pictures[title] = scanned_picture(recon, dataset.positions)
    if dataset.truth is not None:
        recon = results[-1]
        like = next(reversed(pictures.values()))
        pictures["true\npotential"] = true_picture(
            dataset.truth, recon.energy, recon.slice_depths, like
        )
    save(draw_slices(pictures, results[-1].slice_depths, study.figures.slice - 1), snakemake.output)
