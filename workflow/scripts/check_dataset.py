"""Read every pattern once and refuse what cannot be reconstructed."""

import json
import logging
from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.data.atomic import atomic
from ptychobasis.data.dataset import read_dataset
from ptychobasis.data.dataset_checks import check_patterns, scattering

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    dataset = read_dataset(snakemake.input.dataset)
    mean, disc, flaws = check_patterns(dataset, snakemake.params.mask_flaws)
    if flaws:
        logging.warning("left out: %s", flaws)
    checks = {
        "patterns": dataset.size,
        "fraction_on_detector": float(mean.sum()),
        "scattering": scattering(mean, dataset.optics.detector).tolist(),
        "disc": None if disc is None else disc._asdict(),
        "bad_frames": [[*place, why] for place, why in flaws.frames.items()],
        "bad_pixels": [[*place, why] for place, why in flaws.pixels.items()],
    }
    with atomic(snakemake.output.checks) as path:
        path.write_text(json.dumps(checks) + "\n")
