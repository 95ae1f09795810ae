"""Compare every slice of every reconstruction with the true potential of every depth."""

from itertools import product
from typing import TYPE_CHECKING

import pandas as pd

from ptychobasis.core.logs import script_logged
from ptychobasis.core.variant import Variant
from ptychobasis.data.dataset import read_dataset
from ptychobasis.evaluation.depth import depth_table
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.report import tables

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    keys = Evaluation.from_plain(snakemake.params.evaluation)
    seeds = snakemake.params.seeds
    datasets = dict(zip(seeds, map(read_dataset, snakemake.input.datasets), strict=True))
    # the files are in this order
    parts, pairs = [], product(map(Variant.parse, snakemake.params.variants), seeds)
    for (variant, seed), path in zip(pairs, snakemake.input.reconstructions, strict=True):
        truth = datasets[seed].truth
        assert truth is not None  # this rule is there only if the study is simulated
        positions = datasets[seed].positions
        part = depth_table(read_reconstruction(path), variant, positions, truth, keys)
        part.insert(0, "seed", seed)
        parts.append(part)
    tables.write_csv(pd.concat(parts, ignore_index=True), snakemake.output.depth)
