"""Write the page that says from what, with what and how fast everything was made."""

from pathlib import Path
from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.report.jobs import job_table
from ptychobasis.report.pages import write_provenance
from ptychobasis.report.tables import write_csv
from ptychobasis.study.schema import Study

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    study = Study.from_plain(snakemake.params.study)
    results = zip(
        snakemake.params.labels,
        map(read_reconstruction, snakemake.input.reconstructions),
        strict=True,
    )
    page = Path(snakemake.output.page)
    jobs = job_table(study, page.parent)
    write_provenance(page, study, results, jobs)
    write_csv(jobs, snakemake.output.jobs)
