"""Take from the data set and the compressed files the little that figures need."""

from pathlib import Path
from typing import TYPE_CHECKING

from ptychobasis.report.figures.data import collect, write_figure_data
from ptychobasis.study.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    files = zip(study.figures.compare, map(Path, snakemake.input.compressed), strict=True)
    reconstruction = Path(snakemake.input.reconstruction)
    data = collect(Path(snakemake.input.dataset), dict(files), reconstruction)
    write_figure_data(snakemake.output.figure_data, data)
