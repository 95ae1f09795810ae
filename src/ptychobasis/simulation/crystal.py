"""Crystals in and out of files (any zone axis, extended XYZ), and other elements in them.

Every crystal is an orthogonal block: the beam runs along z, x and y are the axes of the scan
(ASE's order), and all atoms lie in [0, cell).
"""

import math
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from ase.io import read, write
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from ptychobasis.core.arrays import Float, Pair
from ptychobasis.core.errors import StudyError
from ptychobasis.data.atomic import atomic
from ptychobasis.simulation.settings import CrystalFile
from ptychobasis.simulation.structure_file import TOO_NEAR, read_structure
from ptychobasis.simulation.zone_axis import direction, fill, orthogonal_cell, skew, wrapped

_PLANE = 1e-3  # [Å], atoms nearer than this along the beam are in one plane
_MOST_ATOMS = 5_000_000


class Block(NamedTuple):
    """How a block is cut from a crystal.

    Attributes:
        unit: Unit cell of the file.
        vectors: Lattice vectors along x, y and the beam, one in each row.
        tiles: Repeats of the orthogonal cell along x, y and the beam.
    """

    unit: Atoms
    vectors: NDArray[np.int_]
    tiles: tuple[int, int, int]

    @property
    def edges(self) -> Float:
        """Edges of the orthogonal cell along x, y and the beam [Å]."""
        return np.asarray(np.linalg.norm(self.vectors @ self.unit.cell.array, axis=1))


def beam_period(file: CrystalFile) -> float:
    """Period of the crystal along the zone axis, divided by its common factors [Å].

    Raises:
        StudyError: See `plan_block`.
    """
    return float(_orthogonal_cell(file).edges[2])


def plan_block(file: CrystalFile, repeats: int, size: Pair) -> Block:
    """Read a structure file and choose the block, without building it.

    Args:
        file: Keys of the file.
        repeats: Thickness in units of the zone axis vector.
        size: Edges (y, x) that the block reaches or exceeds [Å].

    Raises:
        StudyError: The file holds no ordered crystal, the zone axis has no orthogonal cell, or the
            block is too large or repeats along an axis that is not periodic.
    """
    unit, vectors, _ = cell = _orthogonal_cell(file)
    edges = cell.edges
    x, y = (math.ceil(side / edge - 1e-6) for side, edge in zip(size[::-1], edges, strict=False))
    block = Block(unit, vectors, (x, y, repeats))
    _check_block(block, file.path)
    return block


def from_file(file: CrystalFile, repeats: int, size: Pair) -> Atoms:
    """Any crystal that ASE reads, with a zone axis along the beam, tiled to a block.

    The block's edges are lattice vectors at right angles to the zone axis and to each other, tiled
    until they reach `size`; the block is periodic along all three. Above and below it is as much
    empty space as the keys ask for.

    Args:
        file: Keys of the file.
        repeats: Thickness in units of the zone axis vector, divided by its common factors.
        size: Edges (y, x) that the block reaches or exceeds [Å].

    Raises:
        StudyError: See `plan_block`.
    """
    block = plan_block(file, repeats, size)
    cell = fill(block.unit, block.vectors)
    _check_conserved(cell, block)
    atoms = cell.repeat(block.tiles)
    atoms.positions[:, 2] += _off_the_surface(cell)
    edges = atoms.cell.lengths()
    atoms.positions = wrapped(atoms.positions / edges) * edges
    above, below = file.vacuum_angstrom
    atoms.positions[:, 2] += above
    atoms.set_cell(edges + np.array([0, 0, above + below]))
    atoms.info = {
        "description": f"{file.path.name} along {list(file.zone_axis)}",
        "sheared_by_degrees": skew(block.unit.cell.array, block.vectors),
        **block.unit.info,
    }
    return atoms


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
    """Atoms, cell and shortest distance of any crystal, as JSON-ready values.

    Raises:
        StudyError: two atoms are nearer than 0.7 Å.
    """
    shortest = neighbour_list("d", atoms, 4.0).min(initial=math.inf)
    if shortest < TOO_NEAR:
        raise StudyError(
            f"the crystal has two atoms at a distance of {shortest:.2f} Å; allowed: {TOO_NEAR} Å "
            "or more, so look at the file, the zone axis and the repeats"
        )
    return {
        "atoms": len(atoms),
        "formula": atoms.get_chemical_formula(empirical=True),
        "composition": composition(atoms),
        "cell_angstrom": atoms.cell.lengths().tolist(),
        "shortest_distance_angstrom": float(shortest),
        **{key: atoms.info[key] for key in ("sheared_by_degrees", "read_as") if key in atoms.info},
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


def _off_the_surface(cell: Atoms) -> float:
    """Shift along the beam [Å] that puts the widest gap between planes across the surface.

    Thermal motion then carries no atom of the entrance plane around to the exit. Planes nearer than
    `_PLANE` are one plane, so that rounding does not decide which gap it is.
    """
    depth = float(cell.cell[2, 2])
    heights = cell.positions[:, 2] % depth
    heights = np.sort(np.where(heights > depth - _PLANE, heights - depth, heights))
    planes = heights[np.diff(heights, prepend=-np.inf) > _PLANE]
    ends = np.append(planes[1:], planes[0] + depth)
    lasts = heights[np.append(np.diff(heights) > _PLANE, True)]
    gaps = ends - lasts
    widest = int(np.argmax(gaps > gaps.max() - 10 * _PLANE))
    return -float(lasts[widest] + gaps[widest] / 2) % depth


def _orthogonal_cell(file: CrystalFile) -> Block:
    """The block of one orthogonal cell."""
    unit = read_structure(file.path, file.index)
    try:
        beam = direction(file.zone_axis, unit.cell.array)
        return Block(unit, orthogonal_cell(unit.cell.array, beam), (1, 1, 1))
    except StudyError as error:
        raise StudyError(f"{file.path}: {error}") from error


def _check_block(block: Block, path: Path) -> None:
    """The block is no larger than a computer holds, and repeats only what is periodic."""
    cells = abs(round(np.linalg.det(block.vectors))) * math.prod(block.tiles)
    if cells * len(block.unit) > _MOST_ATOMS:
        raise StudyError(
            f"{path}: the block would hold {cells * len(block.unit):.3g} atoms; allowed: up to "
            f"{_MOST_ATOMS:.3g}, with a smaller scan, window or size_angstrom, or fewer repeats"
        )
    whole = np.diag(block.tiles) @ block.vectors
    for axis in np.flatnonzero(~block.unit.pbc):
        rows = np.flatnonzero(whole[:, axis])
        alone = len(rows) == 1 and np.abs(whole[rows[0]]).sum() == 1
        if not alone:
            size = block.edges * block.tiles
            raise StudyError(
                f"{path}: the file is not periodic along {'abc'[axis]}, and a block of "
                f"{size[1]:.1f} x {size[0]:.1f} x {size[2]:.1f} Å (y, x, beam) repeats it; "
                "allowed: a cell in the file as large as scan and window need, or a periodic one"
            )


def _check_conserved(cell: Atoms, block: Block) -> None:
    """The orthogonal cell has all atoms of its unit cells, as far from each other.

    Raises:
        StudyError: It has not; the message tells both numbers.
    """
    unit, count = block.unit, abs(round(np.linalg.det(block.vectors)))
    wanted = {symbol: n * count for symbol, n in Counter(unit.symbols).items()}
    found = dict(Counter(cell.symbols))
    density = len(cell) / cell.get_volume() / (len(unit) / unit.cell.volume)
    away = [_shortest(each, 3.0) for each in (cell, unit)]
    near = math.isinf(away[1]) or abs(away[0] / away[1] - 1) < 0.005
    if found != wanted or abs(density - 1) > 1e-4 or not near:
        raise StudyError(
            f"crystal.file.path: {count} unit cells hold {wanted} with {away[1]:.3f} Å between "
            f"atoms, the orthogonal cell has {found} with {away[0]:.3f} Å, at {density:.6f} of the "
            "density; allowed: the same, so give an orthogonal supercell"
        )


def _shortest(atoms: Atoms, reach: float) -> float:
    """Shortest distance of two atoms [Å]; infinite beyond `reach`."""
    return float(neighbour_list("d", atoms, reach).min(initial=math.inf))


def _read(path: Path, **options: Any) -> Atoms:
    try:
        atoms = read(path, **options)
    except Exception as error:  # ASE's readers raise whatever their parsers meet
        raise StudyError(
            f"{path}: no crystal can be read ({error or type(error).__name__}); allowed is what "
            "the rule crystal wrote, so run it again"
        ) from error
    assert isinstance(atoms, Atoms)
    return atoms
