"""Draw the masks and the decomposition of a pattern."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.report.figures.data import read_figure_data
from ptychobasis.report.figures.masks import draw_masks
from ptychobasis.report.figures.style import save

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    data = read_figure_data(snakemake.input.figure_data)
    save(draw_masks(data.pattern, data.optics, data.bases), snakemake.output)
