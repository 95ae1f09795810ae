"""Record a data set without noise anew, with a dose."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.core.seeds import derived_seed
from ptychobasis.data.dataset import read_dataset
from ptychobasis.simulation.geometry import electrons_per_pattern
from ptychobasis.simulation.noise import count_electrons
from ptychobasis.simulation.settings import Scan

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    scan = Scan.from_plain(snakemake.params.scan["scan"])
    electrons = electrons_per_pattern(scan, snakemake.params.dose)
    seed = derived_seed(*snakemake.wildcards)
    count_electrons(read_dataset(snakemake.input.dataset), snakemake.output.counts, electrons, seed)
