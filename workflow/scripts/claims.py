"""Judge the statements of the paper by what the study measured."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.report import tables
from ptychobasis.report.claims.claims import table_of_claims
from ptychobasis.report.claims.findings import Tables
from ptychobasis.report.pages import write_claims
from ptychobasis.study.schema import Study

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    study = Study.from_plain(snakemake.params.study)
    depth = list(snakemake.input.depth)
    measured = Tables(
        tables.read_csv(snakemake.input.summary),
        tables.read_csv(snakemake.input.fsc),
        tables.read_csv(depth[0]) if depth else None,
    )
    found = table_of_claims(study, measured)
    tables.write_csv(found, snakemake.output.table)
    write_claims(found, snakemake.output.page, study.study)
