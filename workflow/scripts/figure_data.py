"""Take from the data set and the compressed files the little that figures need."""

from pathlib import Path
from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.core.variant import Variant
from ptychobasis.report.figures.data import collect, write_figure_data

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    variants = map(Variant.parse, snakemake.params.compare)
    files = zip(variants, map(Path, snakemake.input.compressed), strict=True)
    reconstruction = Path(snakemake.input.reconstruction)
    data = collect(Path(snakemake.input.dataset), dict(files), reconstruction)
    write_figure_data(snakemake.output.figure_data, data)
