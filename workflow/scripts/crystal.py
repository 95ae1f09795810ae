"""Build and verify the sample."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ptychobasis.data.atomic import atomic
from ptychobasis.simulation import crystal, dislocation_checks
from ptychobasis.study.job import job
from ptychobasis.study.sample import build_crystal

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    atoms = build_crystal(study)
    if "partials" in atoms.info:
        checks = dislocation_checks.report(atoms)
        dislocation_checks.verify(checks)
    else:
        checks = crystal.describe(atoms)
    crystal.write_atoms(atoms, Path(snakemake.output.atoms))
    with atomic(snakemake.output.checks) as path:
        path.write_text(json.dumps(checks, indent=2) + "\n")
