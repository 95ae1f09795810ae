"""Crystals in and out of files (any zone axis, extended XYZ), and other elements in them.

Every crystal is an orthogonal block: the beam runs along z, x and y are the axes of the scan
(ASE's order), and all atoms lie in [0, cell).
"""

import math
from collections import Counter
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import cut
from ase.io import read, write
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from ptychobasis.core.errors import StudyError
from ptychobasis.data.atomic import atomic

_TOO_NEAR = 0.7  # [Å], shorter than any bond


def from_file(
    path: Path, zone_axis: tuple[int, int, int], repeats: int, size: tuple[float, float]
) -> Atoms:
    """Any crystal that ASE reads, with a zone axis along the beam, tiled to a block.

    The block's edges are the shortest lattice vectors at right angles to the zone axis and to
    each other, tiled until they reach `size`; the block is periodic along all three.

    Args:
        path: the file with one unit cell.
        zone_axis: [u, v, w] in terms of the cell vectors in the file.
        repeats: thickness in units of the zone axis vector, divided by its common factors.
        size: (y, x) edges that the block reaches or exceeds [Å].

    Raises:
        StudyError: the file holds no ordered crystal, or it has no orthogonal cell around the
            zone axis.
    """
    unit = _read_crystal(path)
    factor = math.gcd(*zone_axis)
    if factor == 0:
        raise StudyError(f"{path}: the zone axis [0, 0, 0] is no direction; allowed: [0, 0, 1]")
    beam = np.array(zone_axis) // factor
    x, y = _perpendicular_vectors(unit, beam, path)
    block = cut(unit, a=x, b=y, c=beam)
    block.set_cell(block.cell.lengths(), scale_atoms=True)
    edges = block.cell.lengths()
    tiles = [
        math.ceil(length / edge - 1e-6) for length, edge in zip(size[::-1], edges[:2], strict=True)
    ]
    block = block.repeat((*tiles, repeats))
    block.pbc = True
    block.positions[:, 2] += _off_the_surface(block)
    fractions = block.get_scaled_positions()
    block.set_scaled_positions(np.where(fractions > 1 - 1e-9, 0, fractions))
    block.info = {"description": f"{path.name} along {list(zone_axis)}"}
    return block


def substitute(
    atoms: Atoms,
    elements: tuple[str, str],
    share: float,
    depths: tuple[float, float] | None,
    seed: int,
) -> Atoms:
    """Put another element on a random share of the sites, which stay where they are.

    The number of sites is exact, which of them is random: along a column it follows the
    hypergeometric distribution, so that every column of every slice has its own number, as in
    an alloy. What the larger atoms would do to their neighbours is left out.

    Args:
        atoms: the crystal, the beam along z.
        elements: which is taken out, and which is put in.
        share: of the sites between the two depths, 0 to 1.
        depths: from, up to but without, below the entrance surface [Å]; None is everywhere.
        seed: of the choice.

    Returns:
        A copy, with the number of replaced atoms in ``info["substituted_atoms"]``.

    Raises:
        StudyError: not one atom would be replaced.
    """
    old, new = elements
    low, high = depths or (0.0, math.inf)
    z = atoms.positions[:, 2]
    sites = np.flatnonzero((atoms.symbols == old) & (z >= low) & (z < high))
    count = round(share * len(sites))
    if count == 0:
        raise StudyError(
            f"crystal.substitution replaces none of {len(sites)} {old} atoms between {low:g} and "
            f"{min(high, atoms.cell[2, 2]):g} Å; allowed: a larger share, or a depth_angstrom that "
            "holds some"
        )
    atoms = atoms.copy()
    atoms.symbols[np.random.default_rng(seed).choice(sites, count, replace=False)] = new
    atoms.info["substituted_atoms"] = count
    return atoms


def composition(atoms: Atoms) -> dict[str, int]:
    """Atoms of each element, and how many of all were put in by `substitute`."""
    counts = Counter(atoms.get_chemical_symbols())
    return {**counts, "substituted": int(atoms.info.get("substituted_atoms", 0))}


def describe(atoms: Atoms) -> dict[str, Any]:
    """What can be said of any crystal: atoms, cell and shortest distance, as JSON-ready values.

    Raises:
        StudyError: two atoms are nearer than 0.7 Å.
    """
    shortest = neighbour_list("d", atoms, 4.0).min(initial=math.inf)
    if shortest < _TOO_NEAR:
        raise StudyError(
            f"the crystal has two atoms at a distance of {shortest:.2f} Å; allowed: {_TOO_NEAR} Å "
            "or more, so look at the file, the zone axis and the repeats"
        )
    return {
        "atoms": len(atoms),
        "formula": atoms.get_chemical_formula(empirical=True),
        "composition": composition(atoms),
        "cell_angstrom": atoms.cell.lengths().tolist(),
        "shortest_distance_angstrom": float(shortest),
    }


def write_atoms(atoms: Atoms, path: Path) -> None:
    """Write extended XYZ with cell, periodicity and `info`, complete or not at all."""
    with atomic(path) as temporary:
        write(temporary, atoms, format="extxyz")


def read_atoms(path: Path) -> Atoms:
    """Read what `write_atoms` wrote.

    Raises:
        StudyError: the file is missing or is not extended XYZ.
    """
    atoms = _read(path, format="extxyz")
    atoms.info = {
        key: np.asarray(value) if isinstance(value, list) else value
        for key, value in atoms.info.items()
    }
    return atoms


def _off_the_surface(block: Atoms) -> float:
    """Shift along the beam [Å] that puts the widest gap between planes across the surface.

    Thermal motion then carries no atom of the entrance plane around to the exit.
    """
    depth = float(block.cell[2, 2])
    planes = np.unique(np.round(block.positions[:, 2] % depth, 6))
    gaps = np.diff(np.append(planes, planes[0] + depth))
    widest = int(np.argmax(gaps > gaps.max() - 1e-4))
    return -float(planes[widest] + gaps[widest] / 2) % depth


def _read(path: Path, **options: Any) -> Atoms:
    try:
        atoms = read(path, **options)
    except Exception as error:  # ASE's readers raise whatever their parsers meet
        raise StudyError(
            f"{path}: no crystal can be read ({error or type(error).__name__}); allowed is any "
            "file that ASE reads, such as .cif, .xyz (extended) or POSCAR"
        ) from error
    assert isinstance(atoms, Atoms)
    return atoms


def _read_crystal(path: Path) -> Atoms:
    """One ordered unit cell without its calculators and labels."""
    atoms = _read(path)
    if atoms.cell.rank < 3:
        raise StudyError(f"{path}: the file has no three cell vectors; allowed: a crystal's cell")
    sites: Mapping[Any, Mapping[str, float]] = atoms.info.get("occupancy", {})
    mixed = [dict(site) for site in sites.values() if any(abs(n - 1) > 1e-3 for n in site.values())]
    if mixed:
        raise StudyError(
            f"{path}: a site is occupied by {mixed[0]}; allowed are sites fully occupied by one "
            "element, so write out an ordered supercell"
        )
    atoms = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    if len(neighbour_list("i", atoms, _TOO_NEAR)):
        raise StudyError(f"{path}: two atoms are nearer than 0.7 Å; allowed: each atom once")
    return atoms


def _perpendicular_vectors(
    unit: Atoms, beam: NDArray[np.integer], path: Path
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Shortest lattice vectors x, y with x, y, `beam` right-handed and orthogonal (0.1°)."""
    limit = math.sin(math.radians(0.1))
    candidates = np.array([c for c in product(range(-6, 7), repeat=3) if any(c)])
    vectors = candidates @ unit.cell.array
    lengths = np.linalg.norm(vectors, axis=1)
    order = np.argsort(lengths.round(6), kind="stable")
    candidates, directions = candidates[order], (vectors / lengths[:, None])[order]
    along = beam @ unit.cell.array
    flat = np.abs(directions @ along) < limit * np.linalg.norm(along)
    candidates, directions = candidates[flat], directions[flat]
    for x, direction in zip(candidates, directions, strict=True):
        across = np.abs(directions @ direction) < limit
        if across.any():
            y = candidates[across][0]
            right_handed = np.linalg.det(np.array([x, y, beam]) @ unit.cell.array) > 0
            return x, y if right_handed else -y
    raise StudyError(
        f"{path}: no two lattice vectors are at right angles to the zone axis {beam.tolist()} "
        "and to each other; allowed are zone axes with an orthogonal cell, such as [0, 0, 1] of "
        "a cubic crystal"
    )
