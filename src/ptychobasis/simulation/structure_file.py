"""One unit cell from a structure file, with all that can be wrong with it told in one sentence."""

import sys
import warnings
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.io import iread
from ase.io.formats import filetype, open_with_compression
from matscipy.neighbours import neighbour_list

from ptychobasis.core.errors import StudyError
from ptychobasis.simulation.cif_file import read_block, structures

TOO_NEAR = 0.7  # [Å], shorter than any bond
_BOND = 0.4  # of the sum of the covalent radii, shorter than any bond
_TOO_FAR = 6.0  # [Å], further than neighbours are in any solid
_EDGES = (0.5, 2000.0)  # [Å]
_SHOWN = 5  # structures that a message lists


def read_structure(path: Path, index: int | None = None) -> Atoms:
    """The unit cell in a structure file.

    Args:
        path: Path of the file, of any format that ASE reads.
        index: Number of the structure in a file with several, from 0, or from -1 backwards.

    Returns:
        Ordered unit cell with elements, positions [Å], cell and periodicity; ``info["read_as"]``
        tells how a space group was understood, if there was a doubt.

    Raises:
        StudyError: The file holds no such crystal, or contradicts itself.
    """
    try:
        stamp = path.stat()
    except OSError as error:
        raise StudyError(f"{path}: no crystal can be read ({error.strerror})") from error
    return _read_structure(path, index, (stamp.st_mtime_ns, stamp.st_size)).copy()


@lru_cache(maxsize=8)
def _read_structure(path: Path, index: int | None, stamp: tuple[int, int]) -> Atoms:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters is checked here
            found = _one(path, index)
        return _checked(found)
    except StudyError as error:
        raise StudyError(f"{path}: {error}") from error
    except Exception as error:  # ASE's readers raise whatever their parsers meet
        raise StudyError(
            f"{path}: no crystal can be read ({_reason(error)}); allowed is any file that ASE "
            "reads, such as .cif, .xyz (extended) or POSCAR"
        ) from error


def _reason(error: Exception) -> str:
    """The message of a reader's exception, on one line."""
    text = " ".join(str(error).split())[:200]
    if isinstance(error, KeyError):
        return f"{text} is not known or missing"
    if isinstance(error, StopIteration | EOFError | IndexError) or not text:
        return f"it ends too early or has another format, {type(error).__name__} {text}".rstrip()
    return text


def _one(path: Path, index: int | None) -> Atoms:
    """The structure with this index; without one, the only structure."""
    kind = filetype(str(path))
    if kind == "cif":
        with open_with_compression(str(path), "rb") as file:
            blocks = structures(file)
        names = [f"{block.name} ({_content(block.get_symbols())} listed)" for block in blocks]
        return read_block(blocks[_chosen(names, index)])
    if kind in ("xyz", "extxyz"):
        _check_lengths(path)
    options: dict[str, Any] = {"format": kind, "do_not_split_by_at_sign": True}
    images = iread(str(path), index=":", **options)
    found = list(images if index is not None else islice(images, _SHOWN + 1))
    return found[_chosen([_content(atoms.get_chemical_symbols()) for atoms in found], index)]


def _check_lengths(path: Path) -> None:
    """As many lines follow each number of atoms; ASE would look for the others without end."""
    with open_with_compression(str(path), "r") as file:
        for line in file:
            if not line.strip().isdigit():
                return  # other forms are ASE's to read or to refuse
            atoms = int(line)
            there = max(0, sum(1 for _ in islice(file, min(atoms + 1, sys.maxsize))) - 1)
            if there < atoms:
                raise StudyError(
                    f"{atoms} atoms are announced, and {there} lines follow; allowed: as many"
                )


def _content(symbols: list[str]) -> str:
    return str(Atoms(symbols).symbols.formula.format("metal"))


def _chosen(names: list[str], index: int | None) -> int:
    """Which of the structures in a file is meant."""
    if not names:
        raise StudyError("the file holds no structure; allowed: one with atoms in a cell")
    if index is None and len(names) > 1:
        several = "more than 5" if len(names) > _SHOWN else str(len(names))
        shown = ", ".join(f"{i}: {name}" for i, name in enumerate(names[:_SHOWN]))
        raise StudyError(
            f"the file holds {several} structures ({shown}); allowed: one, or which of them as "
            "crystal.file.index"
        )
    if index is not None and not -len(names) <= index < len(names):
        raise StudyError(
            f"crystal.file.index is {index}, and the file holds {len(names)} structures; "
            f"allowed: 0 to {len(names) - 1}"
        )
    return index or 0


def _checked(found: Atoms) -> Atoms:
    """Atoms with nothing but elements, positions and a sound cell."""
    if len(found) == 0:
        raise StudyError("the structure holds no atoms; allowed: at least one")
    if not (np.isfinite(found.positions).all() and np.isfinite(found.cell.array).all()):
        raise StudyError("a coordinate or a cell vector is not a finite number")
    _check_cell(found)
    unknown = np.flatnonzero(found.numbers == 0)
    if len(unknown):
        raise StudyError(
            f"atom {unknown[0]} of {len(found)} (from 0) has no known element; "
            "allowed: chemical symbols such as Si"
        )
    _check_occupancies(found.info.get("occupancy", {}))
    atoms = Atoms(found.numbers, found.positions, cell=found.cell, pbc=found.pbc)
    atoms.info = {key: found.info[key] for key in ("read_as",) if key in found.info}
    _check_places(atoms)
    _check_distances(atoms)
    return atoms


def _check_cell(found: Atoms) -> None:
    lengths = found.cell.lengths()
    if found.cell.rank < 3 or found.cell.volume < 1e-3 * lengths.prod():
        raise StudyError(
            f"the file has no three cell vectors that span a volume (edges "
            f"{' x '.join(f'{x:.4g}' for x in lengths)} Å, {found.cell.volume:.3g} Å³); allowed: "
            "a crystal's cell"
        )
    if lengths.min() < _EDGES[0] or lengths.max() > _EDGES[1]:
        raise StudyError(
            f"the edges of the cell are {' x '.join(f'{x:.4g}' for x in lengths)} Å; allowed: "
            f"{_EDGES[0]:g} to {_EDGES[1]:g} Å, and lengths in Å"
        )


def _check_occupancies(sites: Mapping[Any, Mapping[str, Any]]) -> None:
    """Occupation of sites in ASE's own files."""
    for site in sites.values():
        if any(not isinstance(n, int | float) or abs(n - 1) > 1e-3 for n in site.values()):
            raise StudyError(
                f"a site is occupied by {dict(site)}; allowed are sites fully occupied by one "
                "element, so write out an ordered supercell"
            )


def _check_places(atoms: Atoms) -> None:
    """Coordinates are not so large that their digits are lost, nor outside of an open box."""
    fractions = atoms.cell.scaled_positions(atoms.positions)
    worst = int(np.abs(fractions).max(axis=1).argmax())
    if np.abs(fractions).max() > 1000:
        raise StudyError(
            f"atom {worst} (from 0) lies {np.abs(fractions[worst]).max():.3g} cells away; "
            "allowed: atoms in the cell or near to it"
        )
    for axis in np.flatnonzero(~atoms.pbc):
        low, high = fractions[:, axis].min(), fractions[:, axis].max()
        if low < -1e-6 or high > 1 + 1e-6:
            raise StudyError(
                f"atoms lie outside of the cell along {'abc'[axis]} (fractions {low:.4g} to "
                f"{high:.4g}), where the file is not periodic; allowed: 0 to 1"
            )


def _check_distances(atoms: Atoms) -> None:
    """No two atoms are nearer than any bond, and they are not further than in any solid."""
    first, second, distances = neighbour_list("ijd", atoms, _TOO_FAR)
    if len(distances) == 0 and len(atoms) > 1:
        raise StudyError(
            f"no two atoms are nearer than {_TOO_FAR:g} Å; allowed: a crystal with lengths in Å"
        )
    bonds = covalent_radii[atoms.numbers[first]] + covalent_radii[atoms.numbers[second]]
    least = np.maximum(TOO_NEAR, _BOND * bonds)
    near = np.flatnonzero(distances < least)
    if len(near):
        at = near[distances[near].argmin()]
        i, j = sorted((int(first[at]), int(second[at])))
        raise StudyError(
            f"atoms {i} ({atoms.symbols[i]}) and {j} ({atoms.symbols[j]}) of {len(atoms)} are "
            f"nearer than any bond, {distances[at]:.3f} Å; allowed: {least[at]:.2f} Å or more, "
            "each atom once"
        )
