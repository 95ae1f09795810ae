"""Read every pattern once and refuse what cannot be reconstructed."""

import json
from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.data.atomic import atomic
from ptychobasis.data.dataset import read_dataset
from ptychobasis.data.preparation import prepare_dataset

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    dataset = read_dataset(snakemake.input.dataset)
    keys = snakemake.params
    found = prepare_dataset(dataset, keys.mask_flaws, keys.intensity_scale)
    checks = {
        "patterns": dataset.size,
        "fraction_on_detector": float(found.mean.sum()),
        "scattering": found.scattering.tolist(),
        "scale": found.scale.tolist(),
        "disc": None if found.disc is None else found.disc._asdict(),
        "bad_frames": [[*place, why] for place, why in found.flaws.frames.items()],
        "bad_pixels": [[*place, why] for place, why in found.flaws.pixels.items()],
    }
    with atomic(snakemake.output.checks) as path:
        path.write_text(json.dumps(checks) + "\n")
