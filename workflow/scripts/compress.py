"""Store a data set as its coefficients in one basis."""

import json
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ptychobasis.bases.basis import Request
from ptychobasis.bases.compress import Blocks, compress, leading_vectors, reduction
from ptychobasis.bases.registry import build_basis
from ptychobasis.data.dataset import read_dataset
from ptychobasis.study.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    dataset = read_dataset(snakemake.input.dataset)
    blocks = Blocks(scheduler=study.compression.dask_scheduler)
    sweep, size = study.sweeps[snakemake.wildcards.sweep], snakemake.wildcards.size
    request = Request(
        optics=dataset.optics,
        size=0 if size == "all" else int(size),
        leading_vectors=partial(leading_vectors, dataset, blocks=blocks),
        masks_file=sweep.masks_file,
    )
    basis = build_basis(sweep.basis, request)
    scattering = json.loads(Path(snakemake.input.checks).read_text())["scattering"]
    compress(
        dataset,
        basis,
        snakemake.output.compressed,
        {"sweep": sweep.model_dump(mode="json")},
        np.array(scattering),
        sweep.store,
        blocks,
    )
    less = reduction(basis.size, dataset.optics.bright_field().size)
    logging.info("%d numbers per pattern, %.4f %% less than the detector", basis.size, less)
