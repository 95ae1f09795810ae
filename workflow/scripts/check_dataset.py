"""Read every pattern once and refuse what cannot be reconstructed."""

import json
from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.data.atomic import atomic
from ptychobasis.data.dataset import read_dataset
from ptychobasis.data.dataset_checks import check_patterns, scattering

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    dataset = read_dataset(snakemake.input.dataset)
    mean = check_patterns(dataset)
    checks = {
        "patterns": dataset.size,
        "fraction_on_detector": float(mean.sum()),
        "scattering": scattering(mean, dataset.optics.detector).tolist(),
    }
    with atomic(snakemake.output.checks) as path:
        path.write_text(json.dumps(checks) + "\n")
