"""Pack what a reader needs into one RO-Crate."""

from pathlib import Path
from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.report.crate import write_crate
from ptychobasis.study.schema import Study

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    study = Study.from_plain(snakemake.params.study)
    results = map(read_reconstruction, snakemake.input.reconstructions)
    versions = {item for result in results for item in (result.versions or {}).items()}
    write_crate(snakemake.output[0], study, map(Path, snakemake.input), sorted(versions))
