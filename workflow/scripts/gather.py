"""Put the tables of all seeds below one another, and their means on a page."""

from typing import TYPE_CHECKING

from ptychobasis.report import tables
from ptychobasis.study.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    curves = tables.gather(dict(zip(study.seeds, snakemake.input.fsc, strict=True)))
    summary = tables.gather(dict(zip(study.seeds, snakemake.input.summary, strict=True)))
    tables.write_csv(curves, snakemake.output.fsc)
    tables.write_csv(summary, snakemake.output.summary)
    tables.write_page(summary, snakemake.output.page)
