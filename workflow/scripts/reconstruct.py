"""Reconstruct the phase of each slice from a compressed file alone."""

from typing import TYPE_CHECKING

from ptychobasis.compute.devices import choose_device, leased
from ptychobasis.core.errors import StudyError
from ptychobasis.core.logs import script_logged
from ptychobasis.core.seeds import derived_seed
from ptychobasis.reconstruction.settings import ReconstructionSettings
from ptychobasis.reconstruction.task import ReconstructionTask

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    keys = {**snakemake.params.settings, **snakemake.params.machine}
    settings = ReconstructionSettings.from_plain(keys)
    gpus = snakemake.resources.get("gpu")
    device = choose_device(settings.device, gpus)
    count = (gpus if device.type == "cuda" else snakemake.resources.get("processes")) or 1
    if not isinstance(count, int):
        raise StudyError(
            f"resource 'gpu' of rule 'reconstruct' is '{count}'; allowed: how many (which model is "
            "said by 'gpu_model')"
        )
    task = ReconstructionTask(
        compressed=snakemake.input.compressed,
        output=snakemake.output.reconstruction,
        settings=settings,
        seed=derived_seed(*snakemake.wildcards),
        checkpoint=snakemake.params.checkpoint,
        code=snakemake.params.code,
        threads=snakemake.threads,
        name="/".join((snakemake.rule, *snakemake.wildcards)),
        log=next(iter(snakemake.log), None),
    )
    with leased(device, count) as devices:
        task.run(devices)
