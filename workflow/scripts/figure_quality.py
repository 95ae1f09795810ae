"""Draw quality against the number of stored values."""

from typing import TYPE_CHECKING

from ptychobasis.report.figures.curves import draw_quality
from ptychobasis.report.figures.style import save
from ptychobasis.report.tables import read_csv
from ptychobasis.study.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    summary = read_csv(snakemake.input.summary)
    summary = summary[summary["sweep"].isin(study.plain_sweeps())]
    save(draw_quality(summary, study.evaluation.band_per_angstrom), snakemake.output)
