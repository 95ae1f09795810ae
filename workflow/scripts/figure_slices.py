"""Draw one slice of several reconstructions and sections of all slices."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.evaluation.field import scanned_picture
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.report.figures.data import read_figure_data
from ptychobasis.report.figures.slices import draw_slices
from ptychobasis.report.figures.style import pretty, save

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
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
    save(
        draw_slices(pictures, results[-1].slice_depths, snakemake.params.slice - 1),
        snakemake.output,
    )
