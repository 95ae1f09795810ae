"""Write the page that says from what, with what and how fast everything was made."""

from pathlib import Path
from typing import TYPE_CHECKING

from ptychobasis.job import job
from ptychobasis.pages import jobs, write_provenance
from ptychobasis.results import read_reconstruction
from ptychobasis.tables import write_csv

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    results = zip(
        snakemake.params.labels,
        map(read_reconstruction, snakemake.input.reconstructions),
        strict=True,
    )
    page = Path(snakemake.output.page)
    write_provenance(page, study, results, page.parent)
    write_csv(jobs(page.parent), snakemake.output.jobs)
