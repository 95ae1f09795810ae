"""Average the frozen-phonon configurations incoherently and add the noise of the dose."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.simulation.average import average_configurations
from ptychobasis.simulation.geometry import electrons_per_pattern
from ptychobasis.simulation.settings import Scan

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    seed, dose = int(snakemake.wildcards.seed), snakemake.params.dose
    scan = Scan.from_plain(snakemake.params.scan["scan"])
    average_configurations(
        snakemake.input.configurations,
        snakemake.output.dataset,
        None if dose is None else electrons_per_pattern(scan, dose),
        seed,
        {"config": snakemake.params.about, "seed": seed},
    )
