"""Simulate the patterns of one frozen-phonon configuration."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Truth, write_dataset
from ptychobasis.simulation import abtem_scan
from ptychobasis.simulation.crystal import read_atoms
from ptychobasis.simulation.geometry import claimed_optics, scan_on_crystal, simulated_optics
from ptychobasis.simulation.settings import Detector, Microscope, Scan, Simulation

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    blocks, device = snakemake.params.settings, snakemake.params.device
    keys = Simulation.from_plain({**blocks["simulation"], "device": device})
    microscope = Microscope.from_plain(blocks["microscope"])
    detector = Detector.from_plain(blocks["detector"])
    atoms = read_atoms(Path(snakemake.input.atoms))
    positions = scan_on_crystal(Scan.from_plain(blocks["scan"]), atoms)
    seed, phonon = int(snakemake.wildcards.seed), int(snakemake.wildcards.phonon)
    potential = abtem_scan.phonon_potential(atoms, keys, seed=seed * 10_000 + phonon)
    logging.info(
        "potential of %d x %d pixels and %d layers", *potential.array.shape[:0:-1], len(potential)
    )
    truth = Truth(
        Volume(
            abtem_scan.projected_layers(potential),
            sampling=(keys.sampling_angstrom, keys.sampling_angstrom),
            origin=(0.0, 0.0),
        ),
        slice_thickness=potential.thickness / len(potential),
    )
    patterns = abtem_scan.scan(
        potential,
        simulated_optics(microscope, detector),
        positions.reshape(-1, 2),
        keys,
        aberrations=microscope.aberrations,
    )
    claimed = claimed_optics(microscope, detector)
    write_dataset(snakemake.output.patterns, claimed, positions, patterns, truth)
