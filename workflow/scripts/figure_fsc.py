"""Draw the Fourier shell correlation of every basis and count."""

from typing import TYPE_CHECKING

from ptychobasis.report.figures.curves import draw_fsc
from ptychobasis.report.figures.style import save
from ptychobasis.report.tables import read_csv
from ptychobasis.study.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    curves = read_csv(snakemake.input.fsc)
    curves = curves[curves["sweep"].isin(study.plain_sweeps())]
    band, reference = study.evaluation.band_per_angstrom, study.evaluation.reference
    save(draw_fsc(curves, reference, band), snakemake.output)
