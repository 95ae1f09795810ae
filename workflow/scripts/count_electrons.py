"""Record a data set without noise anew, with a dose."""

from typing import TYPE_CHECKING

from ptychobasis.config import derived_seed
from ptychobasis.counts import count_electrons
from ptychobasis.dataset import read_dataset
from ptychobasis.job import job
from ptychobasis.plan import electrons_per_pattern

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    electrons = electrons_per_pattern(study, snakemake.params.dose)
    assert electrons is not None  # this rule is there only if the study is simulated
    seed = derived_seed(*snakemake.wildcards)
    count_electrons(read_dataset(snakemake.input.dataset), snakemake.output.counts, electrons, seed)
