"""Draw the Fourier shell correlation of every basis and count."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.report.figures.curves import draw_fsc
from ptychobasis.report.figures.style import save
from ptychobasis.report.tables import read_csv

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    curves = read_csv(snakemake.input.fsc)
    curves = curves[curves["sweep"].isin(snakemake.params.sweeps)]
    keys = Evaluation.from_plain(snakemake.params.evaluation)
    save(draw_fsc(curves, keys.reference, keys.band_per_angstrom), snakemake.output)
