"""Store a data set as its coefficients in one basis."""

import json
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ptychobasis.bases.basis import Request
from ptychobasis.bases.compress import PatternReader, compress, leading_vectors, reduction
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.logs import script_logged
from ptychobasis.data.dataset import read_dataset
from ptychobasis.data.flaws import flaws_of

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    checks = json.loads(Path(snakemake.input.checks).read_text())
    dataset = read_dataset(snakemake.input.dataset).without(flaws_of(checks))
    dataset = dataset.scaled(np.array(checks["scale"]))
    reader = PatternReader(scheduler=snakemake.params.scheduler)
    keys, size = snakemake.params.settings, snakemake.wildcards.size
    request = Request(
        optics=dataset.optics,
        size=0 if size == "all" else int(size),
        leading_vectors=partial(leading_vectors, dataset, reader=reader),
        masks_file=None if keys["masks_file"] is None else Path(keys["masks_file"]),
    )
    basis = build_basis(keys["basis"], request).without(dataset.bad_pixels)
    compress(
        dataset,
        basis,
        snakemake.output.compressed,
        {"sweep": keys},
        np.array(checks["scattering"]),
        keys["store"],
        reader,
    )
    less = reduction(basis.size, dataset.optics.bright_field().size)
    logging.info("%d numbers per pattern, %.4f %% less than the detector", basis.size, less)
