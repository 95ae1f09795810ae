"""Simulate the patterns of one frozen-phonon configuration."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Truth, write_dataset
from ptychobasis.simulation import abtem_scan
from ptychobasis.simulation.crystal import read_atoms
from ptychobasis.simulation.geometry import scan_on_crystal, simulated_optics
from ptychobasis.simulation.settings import Detector, Microscope, Scan, Simulation

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    blocks, device = snakemake.params.settings, snakemake.params.device
    keys = Simulation.from_plain({**blocks["simulation"], "device": device})
    optics = simulated_optics(
        Microscope.from_plain(blocks["microscope"]), Detector.from_plain(blocks["detector"])
    )
    numerics = abtem_scan.Numerics(
        sampling=keys.sampling_angstrom,
        slice_thickness=keys.slice_thickness_angstrom,
        parametrization=keys.parametrization,
        sigmas=keys.frozen_phonons.sigma_angstrom,
        batch=keys.batch,
        device=keys.device,
    )
    atoms = read_atoms(Path(snakemake.input.atoms))
    positions = scan_on_crystal(Scan.from_plain(blocks["scan"]), atoms)
    seed, phonon = int(snakemake.wildcards.seed), int(snakemake.wildcards.phonon)
    potential = abtem_scan.phonon_potential(atoms, numerics, seed=seed * 10_000 + phonon)
    logging.info(
        "potential of %d x %d pixels and %d layers", *potential.array.shape[:0:-1], len(potential)
    )
    truth = Truth(
        Volume(
            abtem_scan.projected_layers(potential),
            sampling=(numerics.sampling, numerics.sampling),
            origin=(0.0, 0.0),
        ),
        slice_thickness=potential.thickness / len(potential),
    )
    patterns = abtem_scan.scan(potential, optics, positions.reshape(-1, 2), numerics)
    write_dataset(snakemake.output.patterns, optics, positions, patterns, truth)
