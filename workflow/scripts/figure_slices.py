"""Draw one slice of several reconstructions and sections of all slices."""

from typing import TYPE_CHECKING

from ptychobasis.figure_data import read_figure_data
from ptychobasis.figure_slices import draw_slices, scanned_picture
from ptychobasis.figures import pretty, save
from ptychobasis.job import job
from ptychobasis.results import read_reconstruction

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    data = read_figure_data(snakemake.input.figure_data)
    results = [read_reconstruction(path) for path in snakemake.input.reconstructions]
    pictures = {
        f"{pretty(recon.run.basis)}\n{recon.run.stored_values} numbers": scanned_picture(
            recon, data.positions
        )
        for recon in results
    }
    if data.truth is not None:
        pictures["true\npotential"] = data.truth
    save(draw_slices(pictures, results[-1].slice_depths, study.figures.slice - 1), snakemake.output)
