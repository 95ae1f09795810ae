"""Pack what a reader needs into one RO-Crate."""

from pathlib import Path
from typing import TYPE_CHECKING

from ptychobasis.crate import write_crate
from ptychobasis.job import job
from ptychobasis.results import read_reconstruction

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    results = map(read_reconstruction, snakemake.input.reconstructions)
    versions = {item for result in results for item in (result.versions or {}).items()}
    write_crate(snakemake.output[0], study, map(Path, snakemake.input), sorted(versions))
