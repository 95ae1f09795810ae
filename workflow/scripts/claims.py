"""Judge the statements of the paper by what the study measured."""

from typing import TYPE_CHECKING

from ptychobasis import tables
from ptychobasis.claims import judge
from ptychobasis.findings import Tables
from ptychobasis.job import job
from ptychobasis.pages import write_claims

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    depth = list(snakemake.input.depth)
    measured = Tables(
        tables.read_csv(snakemake.input.summary),
        tables.read_csv(snakemake.input.fsc),
        tables.read_csv(depth[0]) if depth else None,
    )
    found = judge(study, measured)
    tables.write_csv(found, snakemake.output.table)
    write_claims(found, snakemake.output.page, study.study)
