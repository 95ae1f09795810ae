"""Draw the Fourier shell correlation of every basis and count."""

from typing import TYPE_CHECKING

import pandas as pd

from ptychobasis.figure_curves import draw_fsc
from ptychobasis.figures import save
from ptychobasis.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    curves = pd.read_csv(snakemake.input.fsc, dtype={"slice": str, "size": str})
    band, reference = study.evaluation.band_per_angstrom, study.evaluation.reference
    save(draw_fsc(curves, reference, band), snakemake.output)
