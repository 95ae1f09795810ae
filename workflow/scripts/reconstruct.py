"""Reconstruct the phase of each slice from a compressed file alone."""

from typing import TYPE_CHECKING

import torch

from ptychobasis.compressed import read_compressed
from ptychobasis.job import job
from ptychobasis.reconstruction import choose_device, reconstruct
from ptychobasis.results import write_reconstruction

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    torch.set_num_threads(snakemake.threads)
    settings = study.recon(snakemake.wildcards.sweep)
    device = choose_device(settings.device, snakemake.resources.get("gpu"))
    result = reconstruct(
        read_compressed(snakemake.input.compressed),
        settings,
        study.seed,
        device,
        settings.model_dump(mode="json"),
    )
    write_reconstruction(snakemake.output.reconstruction, result)
