"""Properties of a relaxed dislocation, held against those that were asked for.

Nothing here knows how the atoms were made: the fault is found from the twinned bonds across
the glide plane, the Burgers vectors from circuits of bonds.
"""

import math
from itertools import pairwise
from typing import Any

import numpy as np
from ase import Atoms
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from ptychobasis.core.errors import StudyError
from ptychobasis.simulation.crystal import composition
from ptychobasis.simulation.dislocation import FIRST_SHELL, coordination, fault_distance

Float = NDArray[np.floating]
Report = dict[str, Any]

_EDGE = 4.0  # [Å] a cut through the crystal leaves atoms without all their neighbours
_CORE = 6.0  # [Å] around a partial
_RING = 4.5  # [Å] half width of the ring of atoms that a Burgers circuit may use


def report(atoms: Atoms) -> Report:
    """Measure the atoms of `crystal.dislocation`.

    Returns:
        JSON-serialisable numbers, lengths in Å and forces in eV/Å: elements, size of the block,
        forces left by the relaxation, histogram of the coordination in the bulk and near the cores,
        bond lengths, width of the fault, and the Burgers vectors (x, y, z) of the whole and of
        each partial. A vector is None where the block or the fault is too small for a circuit.
    """
    info = atoms.info
    partials = np.asarray(info["partials"])
    bond = math.sqrt(3) / 4 * info["lattice_constant_angstrom"]
    period = _one_period(atoms)
    middle, half_fault = partials.mean(axis=0), (partials[1, 0] - partials[0, 0]) / 2
    whole = burgers_vector(period, middle, half_fault + _CORE + _RING, bond)
    left, right = (burgers_vector(period, core, half_fault, bond) for core in partials)
    return {
        "atoms": len(atoms),
        "composition": composition(atoms),
        "cell_angstrom": atoms.cell.lengths().tolist(),
        "thickness_angstrom": float(atoms.cell[2, 2]),
        "relaxed_force_ev_per_angstrom": float(info["relaxed_force_ev_per_angstrom"]),
        "force_tolerance_ev_per_angstrom": float(info["force_tolerance_ev_per_angstrom"]),
        "seam_force_ev_per_angstrom": float(info["seam_force_ev_per_angstrom"]),
        "coordination": _coordination_report(atoms, partials, bond),
        "bond_length": _bond_report(atoms, partials, bond),
        "fault_width_angstrom": fault_width(period, partials, bond),
        "fault_width_asked_angstrom": float(info["fault_width_angstrom"]),
        "burgers_angstrom": {"whole": whole, "left": left, "right": right},
        "burgers_asked_angstrom": np.asarray(info["burgers"]).tolist(),
        "angle_to_line_deg": None if whole is None else _angle_to_line(np.array(whole)),
    }


def verify(measured: Report) -> None:
    """Check what `report` measured.

    Raises:
        StudyError: the first thing that is not as it should be, in one sentence.
    """
    forces = [measured[f"{kind}_ev_per_angstrom"] for kind in ("relaxed_force", "force_tolerance")]
    _demand(forces[0] <= forces[1], f"a relaxed atom feels {forces[0]:.3g} eV/Å", f"{forces[1]}")
    bulk = measured["coordination"]["bulk"]
    _demand(set(bulk) == {"4"}, f"the bulk has the coordination {bulk}", "four for each atom")
    bonds = measured["bond_length"]
    stretch = max(bonds["max"] / bonds["equilibrium"] - 1, 1 - bonds["min"] / bonds["equilibrium"])
    _demand(stretch < 0.1, f"a bond is strained by {100 * stretch:.1f} %", "less than 10 %")
    width, asked = measured["fault_width_angstrom"], measured["fault_width_asked_angstrom"]
    _demand(abs(width - asked) < 2, f"the fault is {width:.1f} Å wide", f"{asked:.1f} Å within 2 Å")
    vectors, expected = measured["burgers_angstrom"], measured["burgers_asked_angstrom"]
    pairs = {"left": expected[0], "right": expected[1], "whole": np.sum(expected, axis=0)}
    for name, vector in pairs.items():
        found = vectors[name]
        near = found is None or np.linalg.norm(np.subtract(found, vector)) < 0.3
        _demand(near, f"the Burgers vector '{name}' is {found} Å", f"{np.round(vector, 3)} Å")


def fault_width(period: Atoms, partials: Float, bond: float) -> float:
    """Width [Å] of the stacking fault between two `partials`, measured from the bonds.

    Seen along the normal of the glide plane, the three bonds across it point 60° away from
    where they point in the perfect crystal. The cosine of three times their azimuth is -1
    in the fault and +1 outside; the partials are where its mean over both layers passes zero.
    """
    first, vectors = neighbour_list("iD", period, FIRST_SHELL * bond)
    middle = period.positions[first] + vectors / 2 - [*partials.mean(axis=0), 0]
    half_fault = (partials[1, 0] - partials[0, 0]) / 2
    upward = vectors[:, 1] > 0
    inclined = vectors[:, 1] < bond / 2
    near = (np.abs(middle[:, 1]) < bond / 2) & (np.abs(middle[:, 0]) < half_fault + _CORE + 2)
    across = upward & inclined & near
    azimuth = np.arctan2(vectors[across, 2], vectors[across, 0])
    order = np.argsort(middle[across, 0])
    faulted = (1 - np.cos(3 * azimuth[order])) / 2
    return float(np.trapezoid(faulted, middle[across, 0][order]))


def burgers_vector(period: Atoms, centre: Float, radius: float, bond: float) -> list[float] | None:
    """Burgers vector (x, y, z) [Å] of all dislocations within `radius` of `centre` (x, y).

    A circuit runs from bond to bond through a ring of atoms, from +x towards +y, that is
    right-handed about +z. Each bond stands for the nearest bond of the perfect
    or of the twinned crystal; what the real bonds add up to, less what these ideal ones do, is
    the Burgers vector (Hirth and Lothe, Theory of Dislocations, 1-4). The twinned bonds are
    those across a stacking fault, which let a circuit enclose one partial alone.

    Returns:
        None where no circuit closes: `radius` is smaller than the ring is wide, or the block
        ends within it.
    """
    offsets = period.positions[:, :2] - centre
    distance = np.hypot(*offsets.T)
    room = np.minimum(centre, period.cell.lengths()[:2] - centre).min()
    if radius < _RING or radius > room:
        return None
    first, second, vectors = neighbour_list("ijD", period, FIRST_SHELL * bond)
    inside = np.abs(distance - radius) < _RING
    used = inside[first] & inside[second]
    first, second, vectors = first[used], second[used], vectors[used]
    graph = coo_array((np.linalg.norm(vectors, axis=1), (first, second)), (len(period),) * 2)
    failure = vectors - _ideal_bonds(vectors, bond)
    index = {pair: k for k, pair in enumerate(zip(first.tolist(), second.tolist(), strict=True))}
    angles = np.arange(9) * math.pi / 4
    goals = centre + radius * np.column_stack([np.cos(angles), np.sin(angles)])
    stops = [_nearest(period, goal, inside) for goal in goals]
    total = np.zeros(3)
    for start, stop in pairwise(stops):
        _, before = dijkstra(graph.tocsr(), indices=start, return_predecessors=True)
        atom = stop
        while atom != start:
            previous = int(before[atom])
            if previous < 0:
                return None
            total += failure[index[previous, atom]]
            atom = previous
    return total.tolist()


def _one_period(atoms: Atoms) -> Atoms:
    """The first of the equal periods along the line."""
    length = atoms.info["period_angstrom"]
    period = atoms[atoms.positions[:, 2] < length]
    period.set_cell([*atoms.cell.lengths()[:2], length])
    return period


def _nearest(period: Atoms, goal: Float, inside: NDArray[np.bool_]) -> int:
    """Number of the atom `inside` the ring that is nearest to `goal` (x, y)."""
    distance = np.hypot(*(period.positions[:, :2] - goal).T)
    return int(np.where(inside, distance, np.inf).argmin())


def _ideal_bonds(vectors: Float, bond: float) -> Float:
    """The unstrained bond nearest in direction to each of the ``(n, 3)`` `vectors` [Å].

    With y = [111] the bonds are ±y and six inclined ones; turned by 180° about y, the
    inclined ones of a twin.
    """
    azimuth = np.arange(6) * math.pi / 3
    flat = math.sqrt(8) / 3
    ring = np.column_stack([flat * np.cos(azimuth), np.zeros(6), flat * np.sin(azimuth)])
    tilt = np.array([0, 1 / 3, 0])
    ideal = bond * np.vstack([[[0, 1, 0], [0, -1, 0]], ring + tilt, ring - tilt])
    return ideal[(vectors @ ideal.T).argmax(axis=1)]


def _coordination_report(atoms: Atoms, partials: Float, bond: float) -> Report:
    """Histograms of the number of neighbours, without the edges of the block."""
    neighbours, _ = coordination(atoms, bond)
    inner = _inner(atoms)
    core = np.min([np.hypot(*(atoms.positions[:, :2] - p).T) for p in partials], axis=0) < _CORE
    return {"bulk": _histogram(neighbours[inner & ~core]), "core": _histogram(neighbours[core])}


def _bond_report(atoms: Atoms, partials: Float, bond: float) -> Report:
    """Bond lengths [Å] without the edges; `seam`: of bonds that cross the relaxed region's rim."""
    first, second, lengths = neighbour_list("ijd", atoms, FIRST_SHELL * bond)
    relaxed = fault_distance(atoms.positions[:, :2], partials) < atoms.info["relax_radius_angstrom"]
    inner = _inner(atoms)
    seam = lengths[inner[first] & (relaxed[first] != relaxed[second])]
    lengths = lengths[inner[first]]
    return {
        "equilibrium": bond,
        "min": float(lengths.min()),
        "mean": float(lengths.mean()),
        "max": float(lengths.max()),
        "seam": [float(seam.min()), float(seam.max())] if len(seam) else None,
    }


def _inner(atoms: Atoms) -> NDArray[np.bool_]:
    """Atoms away from the block's cut edges."""
    xy, edges = atoms.positions[:, :2], atoms.cell.lengths()[:2]
    return np.asarray(((xy > _EDGE) & (xy < edges - _EDGE)).all(axis=1))


def _histogram(values: NDArray[np.integer]) -> dict[str, int]:
    kinds, counts = np.unique(values, return_counts=True)
    return {str(kind): int(count) for kind, count in zip(kinds, counts, strict=True)}


def _angle_to_line(vector: Float) -> float:
    """Angle [degrees] between a Burgers vector and the dislocation line, z."""
    return math.degrees(math.acos(abs(vector[2]) / float(np.linalg.norm(vector))))


def _demand(holds: bool | np.bool_, found: str, allowed: str) -> None:
    if not holds:
        raise StudyError(f"the dislocation is not as asked for: {found}; allowed is {allowed}")
