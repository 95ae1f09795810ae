"""Reconstruct the phase of each slice from a compressed file alone."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ptychobasis.checkpoint import Checkpoint, fingerprint
from ptychobasis.compressed import read_compressed
from ptychobasis.config import derived_seed
from ptychobasis.devices import choose_device, leased
from ptychobasis.job import job
from ptychobasis.reconstruction import reconstruct
from ptychobasis.results import write_reconstruction

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    torch.set_num_threads(snakemake.threads)
    settings = study.recon(snakemake.wildcards.sweep)
    seed = derived_seed(*snakemake.wildcards)
    device = choose_device(settings.device, snakemake.resources.get("gpu"))
    data = read_compressed(snakemake.input.compressed)
    about = settings.model_dump(mode="json", exclude={"checkpoint_seconds"})
    kept = Checkpoint(
        Path(snakemake.params.checkpoint),
        fingerprint(
            {
                "settings": snakemake.params.settings,
                "seed": seed,
                "code": snakemake.params.code,
                "device": device.type,
            },
            data.coefficients,
            data.positions,
        ),
        settings.checkpoint_seconds,
    )
    with leased(device) as own:
        result = reconstruct(data, settings, seed, own, about, kept)
    write_reconstruction(snakemake.output.reconstruction, result)
    kept.remove()
