"""Compare every slice of every reconstruction with the true potential of every depth."""

from typing import TYPE_CHECKING

import pandas as pd

from ptychobasis import tables
from ptychobasis.dataset import read_dataset
from ptychobasis.depth import depth_table
from ptychobasis.evaluation import Measure
from ptychobasis.job import job
from ptychobasis.results import read_reconstruction

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    dataset, keys = read_dataset(snakemake.input.dataset), study.evaluation
    measure = Measure(keys.band_per_angstrom, keys.apodisation_angstrom)
    truth = dataset.truth
    assert truth is not None  # this rule is there only if the study is simulated
    pairs = zip(study.variants(), snakemake.input.reconstructions, strict=True)
    parts = [
        depth_table(read_reconstruction(path), variant, dataset.positions, truth, measure)
        for variant, path in pairs
    ]
    tables.write_csv(pd.concat(parts, ignore_index=True), snakemake.output.depth)
