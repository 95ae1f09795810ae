"""Kinds of inputs: how each is mutated, read, and what must come out of it."""

import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from . import arrays, inputs
from .structures import CRYSTALS, FORMATS, same_crystal, written
from .texts import mutated_bytes, mutated_lines, mutated_study
from .workers import Outcome, watched

Draw = Random
Float = inputs.Float


class Kind(NamedTuple):
    """A kind of mutation.

    Attributes:
        make: Writes an input into a folder and returns the work to be watched, which tells what
            is wrong with the result.
        share: How often it is tried, relative to others.
        sound: Whether every input is sound, so that it must be accepted.
    """

    make: Callable[[Path, Draw], Callable[[], str]]
    share: int
    sound: bool = False


def case(name: str, number: int, seed: int, folder: Path) -> Outcome:
    """Make one input of a kind, read it, and judge what became of it."""
    draw = Random(zlib.crc32(f"{name} {number} {seed}".encode()))
    kind = KINDS[name]
    found = watched(kind.make(folder, draw))
    if kind.sound and found.kind == "refused":
        return Outcome("wrong", f"refused, although it is sound: {found.text}")
    return found


def _configuration(folder: Path, draw: Draw) -> Callable[[], str]:
    path = folder / "mutated.yaml"
    path.write_bytes(mutated_study(draw))
    return lambda: _done(inputs.read_study(path))


def _dataset(folder: Path, draw: Draw) -> Callable[[], str]:
    path = folder / "dataset.h5"
    arrays.mutate_dataset(path, draw)
    return lambda: _done(inputs.read_patterns(path))


@cache
def _right_phase(folder: Path) -> Float:
    path = folder / "right.h5"
    inputs.write_patterns(path)
    return inputs.read_patterns(path)


def _dataset_bytes(folder: Path, draw: Draw) -> Callable[[], str]:
    """Our own file, in which every byte that counts is under a checksum."""
    path, right = folder / "dataset.h5", _right_phase(folder)
    inputs.write_patterns(path)
    path.write_bytes(mutated_bytes(path.read_bytes(), draw))
    return lambda: _unlike(inputs.read_patterns(path), right, 2e-4)


def _dataset_same(folder: Path, draw: Draw) -> Callable[[], str]:
    path, right = folder / "dataset.h5", _right_phase(folder)
    arrays.rewrite_dataset(path, draw)
    return lambda: _unlike(inputs.read_patterns(path), right, 2e-4)


def _dataset_turned(folder: Path, draw: Draw) -> Callable[[], str]:
    path, right = folder / "dataset.h5", _right_phase(folder)
    arrays.turn_dataset(path)

    def work() -> str:
        # windows of an even number of pixels reach one pixel further on one side
        return _unlike(inputs.read_patterns(path)[:, :0:-1].T, right[1:], 2e-3)

    return work


def _structure(folder: Path, draw: Draw) -> Callable[[], str]:
    kind = draw.choice(list(FORMATS))
    path = folder / f"structure{FORMATS[kind]}"
    content = written(CRYSTALS[draw.choice(list(CRYSTALS))](), kind)
    if draw.random() < 0.5:
        path.write_bytes(mutated_bytes(content, draw))
    else:
        path.write_bytes(mutated_lines(content.decode(), draw).encode(errors="replace"))

    def work() -> str:
        found = inputs.read_crystal(path)
        if kind in ("cif", "json"):  # a CIF says more than ASE looks at
            return _done(found)
        return _unlike(found, inputs.density_in_file(path), 1e-6)

    return work


def _structure_same(folder: Path, draw: Draw) -> Callable[[], str]:
    kind = draw.choice(list(FORMATS))
    path = folder / f"structure{FORMATS[kind]}"
    atoms = CRYSTALS[draw.choice(list(CRYSTALS))]()
    right = np.bincount(atoms.numbers, minlength=110) / atoms.cell.volume
    path.write_bytes(written(same_crystal(atoms, draw), kind))
    return lambda: _unlike(inputs.read_crystal(path), right, 1e-5)


def _masks(folder: Path, draw: Draw) -> Callable[[], str]:
    path = arrays.mutate_masks(folder / "masks.npy", draw)
    if draw.random() < 0.3:
        path.write_bytes(mutated_bytes(path.read_bytes(), draw))
    return lambda: _done(inputs.read_masks(path))


@cache
def _right_span(folder: Path) -> Float:
    np.save(folder / "right.npy", inputs.masks())
    return inputs.read_masks(folder / "right.npy")


def _masks_same(folder: Path, draw: Draw) -> Callable[[], str]:
    right = _right_span(folder)
    path = arrays.rewrite_masks(folder / "masks.npy", draw)
    return lambda: _unlike(inputs.read_masks(path), right, 1e-4)


def _done(found: Float) -> str:
    return "" if np.isfinite(found).all() else "not finite"


def _unlike(found: Float, right: Float, most: float) -> str:
    """What parts two arrays, if more than a share of the largest value does."""
    if found.shape != right.shape:
        return f"the shape is {found.shape} and not {right.shape}"
    apart = float(np.abs(found - right).max() / np.abs(right).max())
    return "" if apart <= most else f"{apart:.2g} of the largest value apart"


KINDS = {
    "configuration": Kind(_configuration, 40),
    "data set": Kind(_dataset, 15),
    "data set, bytes": Kind(_dataset_bytes, 10),
    "data set, the same": Kind(_dataset_same, 6, sound=True),
    "data set, turned": Kind(_dataset_turned, 1, sound=True),
    "structure": Kind(_structure, 15),
    "structure, the same": Kind(_structure_same, 8, sound=True),
    "masks": Kind(_masks, 10),
    "masks, the same": Kind(_masks_same, 5, sound=True),
}
