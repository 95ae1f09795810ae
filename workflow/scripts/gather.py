"""Put the tables of all seeds below one another, and their means on a page."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.core.variant import Variant
from ptychobasis.report import tables

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    curves = tables.gather(dict(zip(snakemake.params.seeds, snakemake.input.fsc, strict=True)))
    summary = tables.gather(dict(zip(snakemake.params.seeds, snakemake.input.summary, strict=True)))
    tables.write_csv(curves, snakemake.output.fsc)
    tables.write_csv(summary, snakemake.output.summary)
    reference = Variant.parse(snakemake.params.reference)
    tables.write_overview(summary, snakemake.output.page, reference)
