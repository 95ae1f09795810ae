"""Read every pattern once and refuse what cannot be reconstructed."""

import json
import logging
from typing import TYPE_CHECKING

import numpy as np

from ptychobasis.core.logs import script_logged
from ptychobasis.data.atomic import atomic
from ptychobasis.data.dataset import read_dataset
from ptychobasis.data.dataset_checks import check_patterns, scattering
from ptychobasis.data.intensity import beam_currents, intensity_scale

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    dataset = read_dataset(snakemake.input.dataset)
    mean, disc, flaws, totals = check_patterns(dataset, snakemake.params.mask_flaws)
    if flaws:
        logging.warning("left out: %s", flaws)
    reached, wanted = scattering(mean, dataset.optics.detector), snakemake.params.intensity_scale
    scale = 1.0 if wanted == "none" else intensity_scale(reached)
    if scale != 1:
        logging.warning("the patterns are %.3f times too bright and are divided by that", scale)
        reached[1] /= scale
    currents = np.ones(1)
    if wanted == "pattern":
        currents = beam_currents(totals, ~dataset.without(flaws).bad_frames.ravel())
    checks = {
        "patterns": dataset.size,
        "fraction_on_detector": float(mean.sum()),
        "scattering": reached.tolist(),
        "scale": (scale * currents).tolist(),
        "disc": None if disc is None else disc._asdict(),
        "bad_frames": [[*place, why] for place, why in flaws.frames.items()],
        "bad_pixels": [[*place, why] for place, why in flaws.pixels.items()],
    }
    with atomic(snakemake.output.checks) as path:
        path.write_text(json.dumps(checks) + "\n")
