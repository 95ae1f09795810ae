"""Write the page that says from what, with what and how fast everything was made."""

from pathlib import Path
from typing import TYPE_CHECKING

from ptychobasis.job import job
from ptychobasis.pages import write_provenance
from ptychobasis.results import read_reconstruction

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    files = zip(snakemake.params.variants, snakemake.input.reconstructions, strict=True)
    results = {label: read_reconstruction(path) for label, path in files}
    write_provenance(snakemake.output[0], study, results, Path(snakemake.params.benchmarks))
