"""Structure files, and other ways to write the same crystal."""

import io
from collections.abc import Callable
from random import Random

import ase.build
import ase.io
import numpy as np
from ase import Atoms

from .inputs import ROOT


def _titanate() -> Atoms:
    found = ase.io.read(ROOT / "config/structures/SrTiO3.cif", index=0)
    assert isinstance(found, Atoms)
    return found


def _sulphide() -> Atoms:
    layer: Atoms = ase.build.mx2("MoS2", vacuum=4)
    layer.pbc = True
    return layer


# all have an orthogonal cell along [001]
CRYSTALS: dict[str, Callable[[], Atoms]] = {
    "Si": lambda: ase.build.bulk("Si", "diamond", 5.431, cubic=True),
    "SrTiO3": _titanate,
    "GaN": lambda: ase.build.bulk("GaN", "wurtzite", a=3.19, c=5.19, u=0.377),
    "MoS2": _sulphide,
}
FORMATS = {"vasp": ".vasp", "extxyz": ".xyz", "cif": ".cif", "xsf": ".xsf", "json": ".json",
           "gen": ".gen"}  # fmt: skip


def same_crystal(atoms: Atoms, draw: Random) -> Atoms:
    """The same crystal: another origin, other images and order of the atoms, rounding."""
    other = atoms.copy()
    fractions = other.get_scaled_positions(wrap=False)
    if draw.random() < 0.7:
        fractions += [draw.choice((0, 0.25, 0.5, 1e-9, -1e-9, draw.random())) for _ in range(3)]
    if draw.random() < 0.5:
        fractions += np.array([[draw.choice((-1, 0, 0, 1)) for _ in range(3)] for _ in atoms])
    if draw.random() < 0.5:
        fractions += 1e-9 * np.array([[draw.uniform(-1, 1) for _ in range(3)] for _ in atoms])
    other.set_scaled_positions(fractions)
    order = list(range(len(other)))
    draw.shuffle(order)
    return other[order]


def written(atoms: Atoms, kind: str) -> bytes:
    """A structure file."""
    if kind == "cif":
        binary = io.BytesIO()
        ase.io.write(binary, atoms, format=kind)
        return binary.getvalue()
    text = io.StringIO()
    ase.io.write(text, atoms, format=kind)
    return text.getvalue().encode()
