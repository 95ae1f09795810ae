"""Build and verify the sample."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.data.atomic import atomic
from ptychobasis.simulation import crystal, dislocation_checks
from ptychobasis.simulation.geometry import needed_size
from ptychobasis.simulation.sample import build_crystal
from ptychobasis.simulation.settings import Crystal, Detector, Scan

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    keys = snakemake.params.settings
    size = needed_size(Scan.from_plain(keys["scan"]), Detector.from_plain(keys["detector"]))
    atoms = build_crystal(Crystal.from_plain(keys["crystal"]), size, snakemake.params.seed)
    if "partials" in atoms.info:
        checks = dislocation_checks.report(atoms)
        dislocation_checks.verify(checks)
    else:
        checks = crystal.describe(atoms)
    crystal.write_atoms(atoms, Path(snakemake.output.atoms))
    with atomic(snakemake.output.checks) as path:
        path.write_text(json.dumps(checks, indent=2) + "\n")
