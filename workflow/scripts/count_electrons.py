"""Record a data set without noise anew, with a dose."""

from typing import TYPE_CHECKING

from ptychobasis.core.seeds import derived_seed
from ptychobasis.data.dataset import read_dataset
from ptychobasis.simulation.noise import count_electrons
from ptychobasis.study.geometry import electrons_per_pattern
from ptychobasis.study.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    electrons = electrons_per_pattern(study, snakemake.params.dose)
    assert electrons is not None  # this rule is there only if the study is simulated
    seed = derived_seed(*snakemake.wildcards)
    count_electrons(read_dataset(snakemake.input.dataset), snakemake.output.counts, electrons, seed)
