"""Average the frozen-phonon configurations incoherently and add the noise of the dose."""

from typing import TYPE_CHECKING

from ptychobasis.simulation.average import average_configurations
from ptychobasis.study.geometry import electrons_per_pattern
from ptychobasis.study.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    seed = int(snakemake.wildcards.seed)
    others = {"seeds", "sweeps", "reconstruction", "figures"}
    about = study.model_dump(mode="json", exclude=others)
    average_configurations(
        snakemake.input.configurations,
        snakemake.output.dataset,
        electrons_per_pattern(study, snakemake.params.dose),
        seed,
        {"config": about, "seed": seed},
    )
