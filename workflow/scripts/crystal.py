"""Build and verify the sample."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ptychobasis import crystal, crystal_checks
from ptychobasis.files import atomic
from ptychobasis.job import job
from ptychobasis.plan import build_crystal

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    atoms = build_crystal(study)
    if "partials" in atoms.info:
        checks = crystal_checks.report(atoms)
        crystal_checks.verify(checks)
    else:
        checks = crystal.describe(atoms)
    crystal.write_atoms(atoms, Path(snakemake.output.atoms))
    with atomic(snakemake.output.checks) as path:
        path.write_text(json.dumps(checks, indent=2) + "\n")
