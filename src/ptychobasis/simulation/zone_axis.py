"""Integer lattice vectors: zone axes, the orthogonal cell around one, and its atoms.

A vector is told by three whole numbers, in terms of the cell vectors a, b, c. A cell of lattice
vectors is a 3 × 3 matrix of them, one in each row.
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import product

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ptychobasis.core.arrays import Float
from ptychobasis.core.errors import StudyError

Integers = NDArray[np.int_]

# Largest whole number of a vector, and what an angle may differ from 90° [degrees], in the first
# and in the second search. The block is sheared by that angle. Among so many long vectors some are
# nearly at right angles by accident; only exact ones are taken.
_SEARCHES = ((6, 0.1), (20, 0.002))
_LONGEST = 150.0  # [Å], edge of an orthogonal cell


def direction(indices: Sequence[int], cell: Float) -> Integers:
    """Shortest lattice vector along a zone axis.

    Four indices [U, V, T, W] of a hexagonal cell stand for [2U + V, U + 2V, W] (Weber).

    Args:
        indices: Three indices [u, v, w], or four with T = -(U + V).
        cell: Cell vectors, one in each row [Å].

    Raises:
        StudyError: The indices are no direction of this cell.
    """
    shown = list(indices)
    three = list(indices)
    if len(three) == 4:
        u, v, t, w = indices
        if t != -(u + v):
            raise StudyError(
                f"zone_axis is {shown}, whose third index is not -({u} + {v}); "
                f"allowed: {[u, v, -(u + v), w]}, or three indices"
            )
        if not _is_hexagonal(cell):
            raise StudyError(
                f"zone_axis is {shown}, four indices for a cell that is not hexagonal "
                f"({describe_cell(cell)}); allowed: three indices"
            )
        three = [2 * u + v, u + 2 * v, w]
    factor = math.gcd(*three)
    if factor == 0:
        raise StudyError(f"zone_axis is {shown}, which is no direction; allowed: [0, 0, 1]")
    return np.array(three) // factor


def orthogonal_cell(cell: Float, beam: Integers) -> Integers:
    """Lattice vectors x, y, `beam` at right angles, right-handed in space.

    The vectors x and y are a and b where these are at right angles to `beam` and to each other, and
    the shortest ones otherwise. An angle may differ from 90° by 0.1°.

    Args:
        cell: Cell vectors, one in each row [Å].
        beam: Lattice vector along the beam.

    Raises:
        StudyError: There are no such vectors. The message names axes nearby that have them.
    """
    for reach, tolerance in _SEARCHES:
        found = _search(cell, beam, reach, tolerance)
        if found is not None:
            return found
    near = _nearby(cell, beam)
    which = (
        f"zone axes nearby that have them are {', '.join(near)}"
        if near
        else "no zone axis of this cell has them, so give an orthogonal supercell"
    )
    raise StudyError(
        f"no two lattice vectors up to {_LONGEST:g} Å are at right angles to the zone axis "
        f"{beam.tolist()} and to each other; {which}"
    )


def fill(unit: Atoms, vectors: Integers) -> Atoms:
    """Crystal in a cell of lattice vectors, which keeps every atom.

    The lattice points in the cell are found with whole numbers alone. There are |det| of them, and
    each has all atoms of the unit cell, however their fractions were rounded.

    Args:
        unit: Unit cell.
        vectors: Lattice vectors, one in each row; at right angles to each other.

    Returns:
        Atoms in [0, cell), with the edges of the cell along x, y, z.
    """
    lengths = np.linalg.norm(vectors @ unit.cell.array, axis=1)
    points = _lattice_points(vectors)
    fractions = unit.cell.scaled_positions(unit.positions)
    inside = (fractions + points[:, None]).reshape(-1, 3) @ np.linalg.inv(vectors)
    block = Atoms(np.tile(unit.numbers, len(points)), cell=lengths, pbc=True)
    block.positions = wrapped(inside) * lengths
    return block


def wrapped(fractions: Float) -> Float:
    """Fractions of a period in [0, 1)."""
    rest = fractions - np.floor(fractions)
    return np.where(rest >= 1 - 1e-12, 0.0, rest)


def skew(cell: Float, vectors: Integers) -> float:
    """Largest deviation of the angles between lattice vectors from 90° [degrees]."""
    edges = vectors @ cell
    edges = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    return math.degrees(np.abs(edges @ edges.T - np.eye(3)).max())


def describe_cell(cell: Float) -> str:
    """Edges and angles of a cell in words."""
    lengths = np.linalg.norm(cell, axis=1)
    angles = [
        math.degrees(math.acos(cell[i] @ cell[j] / (lengths[i] * lengths[j])))
        for i, j in ((1, 2), (0, 2), (0, 1))
    ]
    edges = " x ".join(f"{length:.4g}" for length in lengths)
    return f"{edges} Å, {', '.join(f'{angle:.4g}' for angle in angles)}°"


def _is_hexagonal(cell: Float) -> bool:
    """Whether a = b, with 120° between them and 90° to c."""
    (a, b, c) = cell
    lengths = np.linalg.norm(cell, axis=1)
    cosines = [a @ b / lengths[0] / lengths[1], a @ c / lengths[0] / lengths[2]]
    cosines.append(b @ c / lengths[1] / lengths[2])
    equal = abs(lengths[0] / lengths[1] - 1) < 0.01
    return bool(equal and np.abs(np.array(cosines) - [-0.5, 0, 0]).max() < 0.01)


def _search(cell: Float, beam: Integers, reach: int, tolerance: float) -> Integers | None:
    """Vectors of `orthogonal_cell` with whole numbers up to `reach`, or None."""
    limit = math.sin(math.radians(tolerance))
    every = _numbers(reach)
    edges = every @ cell
    lengths = np.linalg.norm(edges, axis=1)
    along = beam @ cell / np.linalg.norm(beam @ cell)
    flat = (np.abs(edges @ along) < limit * lengths) & (lengths < _LONGEST)
    every, edges, lengths = every[flat], edges[flat], lengths[flat]
    own = (np.abs(every).sum(axis=1) == 1) & (every.sum(axis=1) == 1)
    order = np.argsort(lengths.round(4), kind="stable")
    if np.count_nonzero(own) == 2:  # a and b themselves, which a user gives sizes along
        order = np.concatenate([np.flatnonzero(own), order])
    every, directions = every[order], (edges / lengths[:, None])[order]
    for x, way in zip(every, directions, strict=True):
        across = np.abs(directions @ way) < limit
        if across.any():
            y = every[across][0]
            right_handed = np.linalg.det(np.array([x, y, beam]) @ cell) > 0
            return np.array([x, y if right_handed else -y, beam])
    return None


@cache
def _numbers(reach: int) -> Integers:
    """All triples of whole numbers up to `reach` but [0, 0, 0], positive ones first."""
    every = np.array(list(product(range(reach, -reach - 1, -1), repeat=3)))
    return every[every.any(axis=1)]


def _nearby(cell: Float, beam: Integers) -> list[str]:
    """The three nearest zone axes that have an orthogonal cell, with their angles."""
    reach = max(3, min(5, int(np.abs(beam).max())))
    axes = [w for w in _numbers(reach).tolist() if math.gcd(*w) == 1]
    edges = np.array(axes) @ cell
    along = beam @ cell
    cosines = edges @ along / np.linalg.norm(edges, axis=1) / np.linalg.norm(along)
    found: list[str] = []
    for index in np.argsort(-cosines.round(9), kind="stable"):
        if len(found) == 3 or cosines[index] <= 0:
            break
        if _search(cell, np.array(axes[index]), *_SEARCHES[0]) is not None:
            angle = math.degrees(math.acos(min(1.0, cosines[index])))
            found.append(f"{axes[index]} ({angle:.1f}° away)")
    return found


def _lattice_points(vectors: Integers) -> Integers:
    """All lattice points in the cell of the `vectors`, ``(|det|, 3)``, in whole numbers."""
    volume = round(np.linalg.det(vectors))
    adjugate = np.rint(np.linalg.inv(vectors) * volume).astype(int)
    low, high = np.minimum(vectors, 0).sum(axis=0), np.maximum(vectors, 0).sum(axis=0)
    axes = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    parts = points @ adjugate * np.sign(volume)
    return points[((parts >= 0) & (parts < abs(volume))).all(axis=1)]
