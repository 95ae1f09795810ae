"""Draw quality against stored bytes."""

from typing import TYPE_CHECKING

from ptychobasis.figure_rate import draw_rate
from ptychobasis.figures import save
from ptychobasis.job import job
from ptychobasis.tables import read_csv

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    summary = read_csv(snakemake.input.summary)
    save(draw_rate(summary, study.evaluation.band_per_angstrom), snakemake.output)
