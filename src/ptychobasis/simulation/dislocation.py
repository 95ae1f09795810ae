"""A dissociated 60° dislocation in silicon, relaxed and seen end-on.

An orthogonal block: the beam runs along z, x and y are the axes of the scan (ASE's order), and
all atoms lie in [0, cell).
"""

import math
import os
import warnings

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.optimize import LBFGS
from matscipy.calculators.manybody import Manybody
from matscipy.calculators.manybody.explicit_forms import stillinger_weber, tersoff_brenner
from matscipy.dislocation import DiamondGlide60Degree
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray

from ptychobasis.core.errors import StudyError
from ptychobasis.simulation.settings import Dislocation

Float = NDArray[np.floating]

# Tersoff's silicon, Phys. Rev. B 39, 5566 (1989): it is the potential that gives both partials
# their reconstructed, fully bonded cores. Lattice constant [Å], elastic constants [GPa].
_TERSOFF_LATTICE = 5.432
_TERSOFF_ELASTIC = {"C11": 142.5, "C12": 75.4, "C44": 69.0}
_TERSOFF_REACH = 6.0  # [Å] a force depends on atoms within two cut-offs
FIRST_SHELL = 1.25  # bonds are shorter than this many equilibrium bond lengths
_MAX_STEPS = 1000


def dislocation(size: tuple[float, float], repeats: int, keys: Dislocation) -> Atoms:
    """A 60° glide dislocation in silicon seen end-on, split into a 30° and a 90° partial.

    x = [11-2], y = [111], z = [1-10] = dislocation line = beam. The anisotropic elastic field
    of both partials displaces the whole block; atoms near the fault are then relaxed with the
    rest held, so that block and core join without a seam.

    Args:
        size: (y, x) edges of the block [Å]; its centre is the middle between the partials.
        repeats: thickness in units of a / √2.
        keys: everything else; their own size is not looked at.

    Returns:
        Atoms, periodic along z only. `info` holds the partials' (x, y) positions [Å], their
        Burgers vectors (x, y, z) [Å], how they were relaxed and a description.

    Raises:
        StudyError: the keys cannot be built, or the forces do not converge.
    """
    _check_keys(repeats, keys)
    atoms, partials, burgers = _elastic_block(size, keys)
    forces = _relax_core(atoms, partials, keys)
    atoms = atoms.repeat((1, 1, repeats // keys.line_period))
    atoms.positions[:, :2] += (size[1] / 2, size[0] / 2)
    atoms.set_cell([size[1], size[0], atoms.cell[2, 2]])
    atoms.pbc = (False, False, True)
    atoms.wrap(eps=0)
    atoms = atoms[((atoms.positions > 1e-6) & (atoms.positions < atoms.cell.lengths())).all(1)]
    return _labelled(atoms, partials + np.array(size[::-1]) / 2, burgers, keys, forces)


def fault_distance(atoms_xy: Float, partials: Float) -> Float:
    """Distances [Å] of ``(n, 2)`` points (x, y) from the fault between two `partials`."""
    along = np.clip(atoms_xy[:, 0], partials[0, 0], partials[1, 0])
    return np.hypot(atoms_xy[:, 0] - along, atoms_xy[:, 1] - partials[0, 1])


def coordination(atoms: Atoms, bond: float) -> tuple[NDArray[np.integer], Float]:
    """Neighbours in the first shell of each atom, and the lengths of all bonds [Å]."""
    first, lengths = neighbour_list("id", atoms, FIRST_SHELL * bond)
    return np.bincount(first, minlength=len(atoms)), lengths


def _check_keys(repeats: int, keys: Dislocation) -> None:
    a = keys.lattice_constant_angstrom
    if abs(a / _TERSOFF_LATTICE - 1) > 0.01:
        raise StudyError(
            f"crystal.dislocation.lattice_constant_angstrom is {a}; allowed is silicon's "
            f"{_TERSOFF_LATTICE} within 1 %, for which the interatomic potential holds"
        )
    if repeats % keys.line_period:
        near = max(1, round(repeats / keys.line_period)) * keys.line_period
        raise StudyError(
            f"crystal.repeats is {repeats}; allowed are multiples of "
            f"crystal.dislocation.line_period = {keys.line_period} (did you mean {near}?)"
        )


def _elastic_block(size: tuple[float, float], keys: Dislocation) -> tuple[Atoms, Float, Float]:
    """Block of one `line_period`, displaced by the elastic field; partials; Burgers vectors.

    The origin is the middle between the partials. Along z the layers of the perfect
    crystal lie a quarter of the period a / √2 inside the cell; the screw part of the
    displacement spreads them.
    """
    builder = DiamondGlide60Degree(keys.lattice_constant_angstrom, **_TERSOFF_ELASTIC, symbol="Si")
    half_fault = keys.partial_separation * builder.glide_distance / 2
    partials = np.array([[-half_fault, 0.0], [half_fault, 0.0]])
    reach = keys.relax_radius_angstrom + 1.5 * _TERSOFF_REACH
    edges = np.maximum([size[1], size[0]], [2 * (reach + half_fault), 2 * reach]) + 10
    unit = builder.unit_cell
    tiles = 2 * np.ceil(edges / unit.cell.lengths()[:2] / 2).astype(int)
    block = unit.repeat((*tiles, keys.line_period))
    origin = np.append(tiles * unit.cell.lengths()[:2] / 2, -unit.cell[2, 2] / 4)
    origin[0] += half_fault % builder.glide_distance
    block.positions -= builder.unit_cell_core_position + origin
    block.positions += builder.displacements(
        block.positions,
        np.column_stack([partials, [0, 0]]),
        method="adsl",
        self_consistent=False,
        verbose=False,
    )
    axes = builder.axes / np.linalg.norm(builder.axes, axis=1, keepdims=True)
    burgers = [builder.left_dislocation.burgers, builder.right_dislocation.burgers]
    return block, partials, np.array(burgers) @ axes.T


def _relax_core(atoms: Atoms, partials: Float, keys: Dislocation) -> tuple[float, float]:
    """Relax the atoms around the fault in place.

    Stillinger and Weber's potential first closes the bonds that the elastic field leaves open;
    the cores it prefers are symmetric. Their atoms are then pushed along the line, and
    Tersoff's potential completes the reconstruction.

    Returns:
        Largest force on a relaxed atom, and on the held ones next to them [eV/Å].
    """
    distance = fault_distance(atoms.positions[:, :2], partials)
    near = np.flatnonzero(distance < keys.relax_radius_angstrom + 1.5 * _TERSOFF_REACH)
    part, held = atoms[near], distance[near] >= keys.relax_radius_angstrom
    part.pbc = (False, False, True)
    part.set_constraint(FixAtoms(mask=held))
    first = stillinger_weber.Stillinger_Weber_PRB_31_5262_Si
    part.calc = Manybody(**stillinger_weber.StillingerWeber(first))
    LBFGS(part, logfile=os.devnull).run(fmax=0.1, steps=_MAX_STEPS)
    part.positions += _symmetry_breaking(part, ~held & (distance[near] < 6))
    second = tersoff_brenner.Tersoff_PRB_39_5566_Si_C
    part.calc = Manybody(**tersoff_brenner.TersoffBrenner(second))
    tolerance = keys.force_tolerance_ev_per_angstrom
    with warnings.catch_warnings():  # NumPy's, about values that matscipy then masks
        warnings.filterwarnings("ignore", message="'where' used without 'out'")
        converged = LBFGS(part, logfile=os.devnull).run(fmax=tolerance, steps=_MAX_STEPS)
    forces = np.linalg.norm(part.get_forces(apply_constraint=False), axis=1)
    if not converged:
        raise StudyError(
            f"crystal.dislocation: after {_MAX_STEPS} steps the largest force is "
            f"{forces[~held].max():.3g} eV/Å; allowed is force_tolerance_ev_per_angstrom = "
            f"{tolerance}, so raise it or lower relax_radius_angstrom"
        )
    atoms.positions[near] = part.positions
    seam = held & (distance[near] < keys.relax_radius_angstrom + _TERSOFF_REACH / 2)
    return float(forces[~held].max()), float(forces[seam].max())


def _symmetry_breaking(part: Atoms, core: NDArray[np.bool_]) -> Float:
    """Pushes along the line [Å]: dangling atoms pair up, rows of over-bonded atoms shear.

    Of the two senses of shear this one ends lower in energy, for faults of 1 to 6 distances.
    """
    neighbours, _ = coordination(part, math.sqrt(3) / 4 * _TERSOFF_LATTICE)
    push = np.zeros((len(part), 3))
    dangling = np.flatnonzero(core & (neighbours < 4))
    dangling = dangling[np.argsort(part.positions[dangling, 2])]
    push[dangling[: len(dangling) // 2 * 2 : 2], 2] = 0.7
    push[dangling[1::2], 2] = -0.7
    crowded = np.flatnonzero(core & (neighbours > 4))
    if len(crowded):
        side = part.positions[crowded, 0] - part.positions[crowded, 0].mean()
        push[crowded, 2] = -0.5 * np.sign(side)
    return push


def _labelled(
    atoms: Atoms,
    partials: Float,
    burgers: Float,
    keys: Dislocation,
    forces: tuple[float, float],
) -> Atoms:
    """Attach to the atoms what was built and how."""
    a = keys.lattice_constant_angstrom
    atoms.info = {
        "description": "60 degree glide dislocation in Si, 30 degree (left) and 90 degree "
        "(right) partials, line along z; elastic field, core relaxed with Tersoff's potential",
        "partials": partials,
        "burgers": burgers,
        "lattice_constant_angstrom": a,
        "fault_width_angstrom": keys.partial_separation * a * math.sqrt(6) / 4,
        "period_angstrom": keys.line_period * a / math.sqrt(2),
        "thickness_angstrom": float(atoms.cell[2, 2]),
        "relax_radius_angstrom": keys.relax_radius_angstrom,
        "force_tolerance_ev_per_angstrom": keys.force_tolerance_ev_per_angstrom,
        "relaxed_force_ev_per_angstrom": forces[0],
        "seam_force_ev_per_angstrom": forces[1],
    }
    return atoms
