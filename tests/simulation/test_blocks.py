"""Blocks of crystal from structure files keep every atom, whatever the cell, axis and rounding."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene, mx2
from ase.geometry import cellpar_to_cell
from ase.io import write
from ase.spacegroup import crystal
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from matscipy.neighbours import neighbour_list

from ptychobasis.core.errors import StudyError
from ptychobasis.simulation.crystal import from_file, plan_block, substitute, write_atoms
from ptychobasis.simulation.dislocation import coordination
from ptychobasis.simulation.geometry import thickness
from ptychobasis.simulation.settings import Crystal, CrystalFile
from ptychobasis.simulation.zone_axis import direction, fill, orthogonal_cell

AXES = [(0, 0, 1), (1, 0, 0), (0, 1, 0), (1, 1, 0), (1, -1, 0), (1, 0, 1), (1, 1, 1), (1, 1, 2)]


def block_of(
    path: Path, axis: tuple[int, ...], repeats: int, size: tuple[float, float], **keys: Any
) -> Atoms:
    return from_file(CrystalFile(path=path, zone_axis=axis, **keys), repeats, size)


@pytest.fixture(scope="module")
def perovskite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("structures") / "SrTiO3.cif"
    basis = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)]
    unit = crystal(["Sr", "Ti", "O"], basis, spacegroup=221, cellpar=[3.905] * 3 + [90] * 3)
    write(path, unit)
    return path


def common_structures() -> dict[str, Atoms]:
    """Crystals of many structure types, in the cells that files have."""
    fcc, layer = (0, 0, 0), graphene(vacuum=8.0)
    layer.pbc = True
    sulphide = mx2("MoS2", vacuum=8.0)
    sulphide.pbc = True
    return {
        "diamond": bulk("Si", cubic=True),
        "primitive diamond": bulk("Si"),
        "fcc": bulk("Au", cubic=True),
        "bcc": bulk("W", cubic=True),
        "primitive bcc": bulk("W"),
        "hcp": bulk("Mg"),
        "rocksalt": bulk("MgO", "rocksalt", a=4.21, cubic=True),
        "zincblende": bulk("GaAs", "zincblende", a=5.65, cubic=True),
        "primitive zincblende": bulk("GaAs", "zincblende", a=5.65),
        "caesium chloride": bulk("CsCl", "cesiumchloride", a=4.12),
        "wurtzite": bulk("GaN", "wurtzite", a=3.19, c=5.19),
        "fluorite": bulk("CaF2", "fluorite", a=5.46, cubic=True),
        "rutile": crystal(
            ["Ti", "O"], [fcc, (0.305, 0.305, 0)], spacegroup=136,
            cellpar=[4.6, 4.6, 2.95, 90, 90, 90],
        ),
        "perovskite": crystal(
            ["Sr", "Ti", "O"], [fcc, (0.5, 0.5, 0.5), (0.5, 0.5, 0)], spacegroup=221,
            cellpar=[3.905] * 3 + [90] * 3,
        ),
        "MoS2": crystal(
            ["Mo", "S"], [(1 / 3, 2 / 3, 0.25), (1 / 3, 2 / 3, 0.621)], spacegroup=194,
            cellpar=[3.16, 3.16, 12.3, 90, 90, 120],
        ),
        "corundum": crystal(
            ["Al", "O"], [(0, 0, 0.352), (0.306, 0, 0.25)], spacegroup=167,
            cellpar=[4.76, 4.76, 12.99, 90, 90, 120],
        ),
        "monoclinic zirconia": crystal(
            ["Zr", "O", "O"],
            [(0.275, 0.04, 0.208), (0.07, 0.332, 0.345), (0.45, 0.757, 0.479)], spacegroup=14,
            cellpar=[5.15, 5.21, 5.31, 90, 99.2, 90],
        ),
        "graphene": layer,
        "MoS2 layer": sulphide,
    }  # fmt: skip


def held(unit: Atoms, block: Atoms) -> None:
    """The block has the unit cell's composition, density and shortest distance."""
    cells = block.get_volume() / unit.cell.volume
    assert cells == pytest.approx(round(cells), rel=2e-4)
    wanted = {symbol: n * round(cells) for symbol, n in Counter(unit.symbols).items()}
    assert Counter(block.symbols) == wanted
    assert ((block.positions >= 0) & (block.positions < block.cell.lengths())).all()
    nearest = [neighbour_list("d", atoms, 6.0).min(initial=6.0) for atoms in (unit, block)]
    assert nearest[1] == pytest.approx(nearest[0], rel=5e-3)  # 0.1° of shear


@pytest.mark.parametrize("name", common_structures())
def test_noise_of_a_millionth_loses_no_atom(name: str, tmp_path: Path) -> None:
    unit, made = common_structures()[name], 0
    for number, axis in enumerate(AXES):
        noisy = unit.copy()
        noise = np.random.default_rng(number).normal(scale=1e-6, size=unit.positions.shape)
        noisy.positions += noise
        path = tmp_path / f"{number}.vasp"
        write(path, noisy, direct=True)
        try:
            block = block_of(path, axis, 1, (4.0, 4.0))
        except StudyError as error:
            assert "right angles to the zone axis" in str(error)  # noqa: PT017
            continue
        held(unit, block)
        made += 1
    assert made > 0


cells = st.sampled_from(["cubic", "tetragonal", "orthorhombic", "hexagonal", "rhombohedral",
                         "monoclinic", "triclinic"])  # fmt: skip


@st.composite
def units(draw: st.DrawFn) -> Atoms:
    """Random cells of every crystal system, with atoms at and near the cell's faces."""
    a, b, c = (draw(st.floats(3, 9)) for _ in range(3))
    alpha, beta, gamma = (draw(st.floats(65, 115)) for _ in range(3))
    shapes = {
        "cubic": [a, a, a, 90, 90, 90],
        "tetragonal": [a, a, c, 90, 90, 90],
        "orthorhombic": [a, b, c, 90, 90, 90],
        "hexagonal": [a, a, c, 90, 90, 120],
        "rhombohedral": [a, a, a, alpha, alpha, alpha],
        "monoclinic": [a, b, c, 90, beta, 90],
        "triclinic": [a, b, c, alpha, beta, gamma],
    }
    cell = cellpar_to_cell(shapes[draw(cells)])
    if draw(st.booleans()):
        cell = cell[[1, 0, 2]]  # left-handed
    nearly = st.sampled_from([0.0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1.0])
    shift = st.sampled_from([0.0, *(sign * 10.0**-n for sign in (1, -1) for n in range(5, 17))])
    places = draw(st.lists(st.tuples(*[nearly] * 3), min_size=1, max_size=6, unique=True))
    moved = [[x + draw(shift) for x in place] for place in places]
    symbols = [draw(st.sampled_from(["Si", "O", "Sr"])) for _ in places]
    return Atoms(symbols, scaled_positions=moved, cell=cell, pbc=True)


@pytest.mark.slow
@given(units(), st.tuples(*[st.integers(-3, 3)] * 3).filter(any))
@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_any_cell_along_any_axis_keeps_every_atom(unit: Atoms, axis: tuple[int, int, int]) -> None:
    beam = direction(axis, unit.cell.array)
    try:
        vectors = orthogonal_cell(unit.cell.array, beam)
    except StudyError:
        assume(False)
    block = fill(unit, vectors)
    assert np.linalg.det(vectors @ unit.cell.array) > 0
    assert (vectors[2] == beam).all()
    assert len(block) == abs(round(np.linalg.det(vectors))) * len(unit)
    held(unit, block)


@given(units(), st.lists(st.integers(-4, 4), min_size=9, max_size=9))
@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_lattice_points_are_as_many_as_the_determinant(unit: Atoms, numbers: list[int]) -> None:
    """The filling itself, with any whole numbers; angles play no part in it."""
    vectors = np.array(numbers).reshape(3, 3)
    count = abs(round(np.linalg.det(vectors)))
    assume(0 < count < 200)
    block = fill(unit, vectors)
    assert len(block) == count * len(unit)
    fractions = unit.cell.scaled_positions(unit.positions) @ np.linalg.inv(vectors)
    found = block.positions / block.cell.lengths()
    for fraction, number in zip(fractions, unit.numbers, strict=True):  # each atom is there
        away = found[block.numbers == number] - fraction
        assert np.abs(away - np.rint(away)).max(axis=1).min() < 1e-9
    back = found @ vectors  # and each is an atom of the unit cell
    away = back[:, None] - unit.cell.scaled_positions(unit.positions)
    assert np.abs(away - np.rint(away)).max(axis=2).min(axis=1).max() < 1e-9


def test_fractions_just_below_zero_are_kept(tmp_path: Path, perovskite: Path) -> None:
    """A strontium titanate that `ase.build.cut` makes SrTiO2 of."""
    basis = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, -1e-9), (0.5, -1e-9, 0.5), (-1e-9, 0.5, 0.5)]
    unit = Atoms("SrTiO3", scaled_positions=basis, cell=[3.905] * 3, pbc=True)
    write(tmp_path / "minus.vasp", unit, direct=True)
    block = block_of(tmp_path / "minus.vasp", (0, 0, 1), 2, (7.0, 7.0))
    clean = block_of(perovskite, (0, 0, 1), 2, (7.0, 7.0))
    assert block.symbols.formula.count() == {"Sr": 8, "Ti": 8, "O": 24}
    away = block.get_scaled_positions()[:, None] - clean.get_scaled_positions()
    same = np.abs(away - np.rint(away)).max(axis=2) < 1e-6
    assert (block.numbers == clean.numbers[same.argmax(axis=1)]).all()
    assert (same.sum(axis=1) == 1).all()  # the same planes at the surface, too


def test_four_indices_are_those_of_a_hexagonal_cell(tmp_path: Path) -> None:
    write(tmp_path / "GaN.vasp", bulk("GaN", "wurtzite", a=3.19, c=5.19), direct=True)
    edges = {
        (1, 1, -2, 0): 3.19,
        (2, -1, -1, 0): 3.19,
        (1, 0, -1, 0): 3.19 * 3**0.5,
        (0, 0, 0, 1): 5.19,
    }
    for axis, period in edges.items():
        block = block_of(tmp_path / "GaN.vasp", axis, 1, (4, 4))
        assert block.cell[2, 2] == pytest.approx(period, abs=1e-6)
    cell = bulk("GaN", "wurtzite", a=3.19, c=5.19).cell.array
    along = direction((1, 1, -2, 0), cell) @ cell  # the sum of a1 + a2 - 2 a3, a3 = -(a1 + a2)
    a3 = -(cell[0] + cell[1])
    assert np.linalg.norm(np.cross(along, cell[0] + cell[1] - 2 * a3)) == pytest.approx(0, abs=1e-9)
    with pytest.raises(StudyError, match=r"whose third index is not .* allowed: \[1, 1, -2, 0\]"):
        block_of(tmp_path / "GaN.vasp", (1, 1, 2, 0), 1, (4, 4))


def test_four_indices_of_another_cell_are_refused(perovskite: Path) -> None:
    with pytest.raises(StudyError, match=r"not hexagonal \(3.905 x 3.905 x 3.905 Å, 90, 90, 90°\)"):
        block_of(perovskite, (1, 1, -2, 0), 1, (4, 4))


def test_axes_that_would_do_are_named(tmp_path: Path) -> None:
    unit = Atoms("Si", cell=[4.1, 4.1, 6.3], pbc=True)
    write_atoms(unit, tmp_path / "tetragonal.xyz")
    file = CrystalFile(path=tmp_path / "tetragonal.xyz", zone_axis=(1, 1, 1))
    with pytest.raises(StudyError, match=r"zone axes nearby that have them are \[") as error:
        plan_block(file, 1, (5, 5))
    named = str(error.value).split("are [")[-1].split("]")[0]
    axis = tuple(int(index) for index in named.split(","))
    held(unit, block_of(tmp_path / "tetragonal.xyz", axis, 1, (5, 5)))
    skew = Atoms("Si", cell=[[3, 0, 0], [0.4, 4, 0], [0.7, 0.3, 5]], pbc=True)
    write_atoms(skew, tmp_path / "skew.xyz")
    with pytest.raises(StudyError, match=r"skew\.xyz: .*no zone axis of this cell has them"):
        block_of(tmp_path / "skew.xyz", (0, 0, 1), 1, (5, 5))
    with pytest.raises(StudyError, match="is no direction"):
        block_of(tmp_path / "skew.xyz", (0, 0, 0), 1, (5, 5))


def test_axes_of_an_orthogonal_cell_stay_those_of_the_file(tmp_path: Path) -> None:
    unit = Atoms("SiGe", [[1, 2, 3], [5, 4, 3]], cell=[9, 7, 5], pbc=True)
    write_atoms(unit, tmp_path / "box.xyz")
    block = block_of(tmp_path / "box.xyz", (0, 0, 1), 1, (7, 9))  # (y, x)
    assert block.cell.lengths() == pytest.approx([9, 7, 5])
    assert block.positions[:, :2] == pytest.approx(unit.positions[:, :2])


def test_a_box_that_is_not_periodic_is_not_repeated(tmp_path: Path) -> None:
    particle = bulk("Au", cubic=True).repeat(2)
    particle.set_cell([30, 28, 20])
    particle.center()
    particle.pbc = False
    path = tmp_path / "particle.xyz"
    write_atoms(particle, path)
    block = block_of(path, (0, 0, 1), 1, (28, 30))
    assert len(block) == len(particle)
    assert block.positions.mean(axis=0) == pytest.approx([15, 14, 10])
    for size, repeats in (((29, 30), 1), ((28, 30), 2)):
        with pytest.raises(StudyError, match=r"not periodic along [bc], .* repeats it"):
            block_of(path, (0, 0, 1), repeats, size)


def test_vacuum_lies_above_and_below_and_counts_as_depth(perovskite: Path) -> None:
    plain = block_of(perovskite, (0, 0, 1), 2, (4, 4))
    block = block_of(perovskite, (0, 0, 1), 2, (4, 4), vacuum_angstrom=(60.0, 25.0))
    assert block.cell[2, 2] == pytest.approx(plain.cell[2, 2] + 85)
    assert block.positions == pytest.approx(plain.positions + np.array([0, 0, 60]))
    file = CrystalFile(path=perovskite, vacuum_angstrom=(60.0, 25.0))
    assert thickness(Crystal(file=file, repeats=2)) == pytest.approx(block.cell[2, 2])


def test_a_block_too_large_for_a_computer_is_refused(perovskite: Path) -> None:
    with pytest.raises(StudyError, match=r"would hold 1\.3\de\+10 atoms; allowed: up to 5e\+06"):
        block_of(perovskite, (0, 0, 1), 10_000, (2000, 2000))


def test_planes_stay_off_the_surfaces(perovskite: Path) -> None:
    block = block_of(perovskite, (0, 0, 1), 3, (8.0, 8.0))
    z, depth = block.positions[:, 2], block.cell[2, 2]
    assert z.min() == pytest.approx(depth / 12)
    assert depth - z.max() == pytest.approx(depth / 12)


@pytest.mark.parametrize(
    ("axis", "edges"),
    [
        ((0, 0, 1), (3.905, 3.905, 3.905)),
        ((1, 1, 0), (3.905, 3.905 * 2**0.5, 3.905 * 2**0.5)),
        ((-2, -2, 0), (3.905, 3.905 * 2**0.5, 3.905 * 2**0.5)),
        ((1, 1, 1), (3.905 * 2**0.5, 3.905 * 6**0.5, 3.905 * 3**0.5)),
    ],
)
def test_a_crystal_from_a_file_is_tiled_along_its_zone_axis(
    perovskite: Path, axis: tuple[int, int, int], edges: tuple[float, float, float]
) -> None:
    block = block_of(perovskite, axis, 3, (13.0, 20.0))
    assert block.cell.angles() == pytest.approx([90, 90, 90])
    assert block.pbc.all()
    assert block.cell.lengths()[2] == pytest.approx(3 * edges[2])
    tiles = block.cell.lengths()[:2] / edges[:2]
    assert tiles == pytest.approx(np.ceil(np.array([20, 13]) / edges[:2]))
    assert len(block) / block.get_volume() * 3.905**3 == pytest.approx(5)
    counts = block.symbols.formula.count()
    assert counts["O"] == 3 * counts["Sr"] == 3 * counts["Ti"]
    bonds = neighbour_list("d", block, 2.2)
    assert len(bonds) == 12 * counts["Ti"]  # six from titanium, and seen again from oxygen
    assert bonds == pytest.approx(3.905 / 2)
    assert ((block.positions >= 0) & (block.positions < block.cell.lengths())).all()


def test_the_cell_of_a_file_is_turned_not_mirrored(tmp_path: Path) -> None:
    """A chiral arrangement keeps the sign of its triple product."""
    chiral = Atoms(
        "CNOF", [[0, 0, 0], [1.5, 0, 0], [0, 1.7, 0], [0, 0, 1.9]], cell=[6, 7, 8], pbc=True
    )
    path = tmp_path / "chiral.xyz"
    write_atoms(chiral, path)
    for axis in ((0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, -1)):
        block = block_of(path, axis, 1, (5, 5))
        order = [block.symbols.search(symbol)[0] for symbol in ("C", "N", "O", "F")]
        vectors = block.get_distances(order[0], order[1:], mic=True, vector=True)
        assert np.linalg.det(vectors) == pytest.approx(1.5 * 1.7 * 1.9)


def test_silicon_along_110_from_a_file_has_four_bonds(tmp_path: Path) -> None:
    path = tmp_path / "Si.cif"
    write(path, bulk("Si", cubic=True))
    block = block_of(path, (1, 1, 0), 1, (10, 10))
    neighbours, _ = coordination(block, 5.43 * np.sqrt(3) / 4)
    assert (neighbours == 4).all()


def test_only_the_element_that_is_named_is_taken_out(perovskite: Path) -> None:
    block = block_of(perovskite, (0, 0, 1), 4, (8.0, 8.0))
    counts = substitute(block, ("Sr", "Ba"), 0.25, None, seed=3).symbols.formula.count()
    sites = block.symbols.formula.count()["Sr"]
    assert counts["Ba"] == round(0.25 * sites)
    assert counts["Ba"] + counts["Sr"] == counts["Ti"] == counts["O"] // 3 == sites
