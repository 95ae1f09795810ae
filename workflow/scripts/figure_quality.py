"""Draw quality against the number of stored values."""

from typing import TYPE_CHECKING

import pandas as pd

from ptychobasis.figure_curves import draw_quality
from ptychobasis.figures import save
from ptychobasis.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    summary = pd.read_csv(snakemake.input.summary, dtype={"slice": str, "size": str})
    save(draw_quality(summary, study.evaluation.band_per_angstrom), snakemake.output)
