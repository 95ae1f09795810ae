"""Draw quality against stored bytes."""

from typing import TYPE_CHECKING

from ptychobasis.report.figures.rate import draw_rate
from ptychobasis.report.figures.style import save
from ptychobasis.report.tables import read_csv
from ptychobasis.study.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    summary = read_csv(snakemake.input.summary)
    save(draw_rate(summary, study.evaluation.band_per_angstrom), snakemake.output)
