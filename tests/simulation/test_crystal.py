import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from ase.spacegroup import crystal
from matscipy.neighbours import neighbour_list
from scipy.spatial import cKDTree

from ptychobasis.core.errors import StudyError
from ptychobasis.simulation.crystal import describe, from_file, read_atoms, substitute, write_atoms
from ptychobasis.simulation.dislocation import DislocationRecipe, coordination, dislocation
from ptychobasis.simulation.dislocation_checks import Report, burgers_vector, report, verify

A = 5.431
BOND = A * np.sqrt(3) / 4
GLIDE = A * np.sqrt(6) / 4
SIZE = (48.0, 60.0)  # (y, x): not square, so that a mix-up of the axes shows
RECIPE = DislocationRecipe(relax_radius_angstrom=11, force_tolerance_ev_per_angstrom=0.02)


@pytest.fixture(scope="module")
def atoms() -> Atoms:
    return dislocation(SIZE, 6, RECIPE)


@pytest.fixture(scope="module")
def measured(atoms: Atoms) -> Report:
    return report(atoms)


@pytest.fixture(scope="module")
def perovskite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("structures") / "SrTiO3.cif"
    basis = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)]
    unit = crystal(["Sr", "Ti", "O"], basis, spacegroup=221, cellpar=[3.905] * 3 + [90] * 3)
    write(path, unit)
    return path


def test_the_block_is_what_was_asked_for(atoms: Atoms) -> None:
    edges = atoms.cell.lengths()
    assert edges == pytest.approx([60, 48, 6 * A / np.sqrt(2)])
    assert atoms.pbc.tolist() == [False, False, True]
    assert (atoms.positions >= 0).all()
    assert (atoms.positions < edges).all()
    density = len(atoms) / atoms.get_volume() * A**3
    assert density == pytest.approx(8, rel=0.03)  # half a layer may fall outside a free edge
    assert atoms.info["partials"].mean(axis=0) == pytest.approx([30, 24])
    assert np.diff(atoms.info["partials"][:, 0]) == pytest.approx(4 * GLIDE)


def test_the_projected_block_has_no_hole_up_to_its_corners(atoms: Atoms) -> None:
    """Along [110] no point of silicon is further than the middle of a channel from an atom."""
    x, y = np.meshgrid(np.arange(0, 60.1, 0.5), np.arange(0, 48.1, 0.5))
    points = np.column_stack([x.ravel(), y.ravel()])
    inside = ((points > 4) & (points < [56, 44])).all(axis=1)
    distance, _ = cKDTree(atoms.positions[:, :2]).query(points)
    assert distance[inside].max() < 2.4
    assert distance.max() < 3.5


def test_forces_converge_and_the_relaxed_region_joins_the_block(measured: Report) -> None:
    assert 0 < measured["relaxed_force_ev_per_angstrom"] <= 0.02
    assert measured["seam_force_ev_per_angstrom"] < 1
    assert measured["bond_length"]["seam"] == pytest.approx([BOND, BOND], rel=0.02)


def test_every_atom_has_four_bonds_even_in_the_cores(measured: Report) -> None:
    assert set(measured["coordination"]["bulk"]) == {"4"}
    assert set(measured["coordination"]["core"]) == {"4"}
    assert measured["coordination"]["core"]["4"] > 100


def test_bonds_have_silicon_s_length(measured: Report) -> None:
    bonds = measured["bond_length"]
    assert bonds["equilibrium"] == pytest.approx(BOND)
    assert bonds["mean"] == pytest.approx(BOND, rel=2e-3)
    assert bonds["min"] > 0.96 * BOND
    assert bonds["max"] < 1.05 * BOND


def test_burgers_circuits_close_around_the_whole_and_around_each_partial(measured: Report) -> None:
    burgers = measured["burgers_angstrom"]
    whole = np.array(burgers["whole"])
    assert np.linalg.norm(whole) == pytest.approx(A / np.sqrt(2))
    assert measured["angle_to_line_deg"] == pytest.approx(60)
    assert whole[1] == pytest.approx(0, abs=1e-9)  # it lies in the glide plane
    line = np.array([0, 0, 1])
    for side, angle in {"left": 30, "right": 90}.items():
        length = np.linalg.norm(burgers[side])
        assert length == pytest.approx(A / np.sqrt(6))
        assert np.degrees(np.arccos(burgers[side] @ line / length)) == pytest.approx(angle)
    assert np.add(burgers["left"], burgers["right"]) == pytest.approx(whole)
    asked = measured["burgers_asked_angstrom"]
    assert burgers["left"] == pytest.approx(asked[0])
    assert burgers["right"] == pytest.approx(asked[1])


def test_a_circuit_around_perfect_crystal_finds_no_burgers_vector(atoms: Atoms) -> None:
    period = atoms[atoms.positions[:, 2] < 2 * A / np.sqrt(2)]
    period.set_cell([60, 48, 2 * A / np.sqrt(2)])
    assert burgers_vector(period, np.array([15.0, 12.0]), 6.0, BOND) == pytest.approx([0, 0, 0])
    assert burgers_vector(period, np.array([5.0, 5.0]), 6.0, BOND) is None


def test_the_fault_is_as_wide_as_asked(measured: Report) -> None:
    assert measured["fault_width_angstrom"] == pytest.approx(4 * GLIDE, abs=GLIDE / 2)


def test_the_30_degree_core_doubles_its_period(atoms: Atoms) -> None:
    """Dimers along the line make neighbouring bonds differ; each period repeats exactly."""
    period = 2 * A / np.sqrt(2)
    z = atoms.positions[:, 2]
    layers = [atoms.positions[(z >= n * period) & (z < (n + 1) * period)] for n in range(3)]
    ordered = [
        layer[np.lexsort(layer.round(4).T)] - [0, 0, n * period] for n, layer in enumerate(layers)
    ]
    assert ordered[1] == pytest.approx(ordered[0], abs=1e-9)
    assert ordered[2] == pytest.approx(ordered[0], abs=1e-9)
    near = np.hypot(*(atoms.positions[:, :2] - atoms.info["partials"][0]).T) < 3
    shifted = atoms.copy()
    shifted.positions[:, 2] += period / 2
    shifted.wrap()
    moved = np.sort(shifted.positions[near, 2]) - np.sort(atoms.positions[near, 2])
    assert np.abs(moved).max() > 0.2


def test_the_report_is_json_and_passes(measured: Report) -> None:
    verify(measured)
    assert json.loads(json.dumps(measured)) == measured


@pytest.mark.parametrize(
    ("part", "value", "word"),
    [
        ("coordination", {"bulk": {"3": 1, "4": 9}, "core": {}}, "coordination"),
        ("fault_width_angstrom", 3.0, "13.3 Å within"),
        ("relaxed_force_ev_per_angstrom", 0.5, "0.5 eV"),
        ("bond_length", {"equilibrium": BOND, "min": 1.5, "max": 2.4}, "strained by"),
        ("burgers_angstrom", {"whole": [0, 0, 0], "left": None, "right": None}, "'whole'"),
    ],
)
def test_a_wrong_dislocation_is_refused(measured: Report, part: str, value: Any, word: str) -> None:
    with pytest.raises(StudyError, match=word):
        verify({**measured, part: value})


def test_a_vacancy_is_found(atoms: Atoms) -> None:
    broken = atoms.copy()
    del broken[np.hypot(*(atoms.positions[:, :2] - [15, 12]).T).argmin()]
    with pytest.raises(StudyError, match="coordination"):
        verify(report(broken))


def test_atoms_survive_the_round_trip(atoms: Atoms, tmp_path: Path) -> None:
    path = tmp_path / "atoms.xyz"
    write_atoms(atoms, path)
    back = read_atoms(path)
    assert [file.name for file in tmp_path.iterdir()] == ["atoms.xyz"]
    assert back.positions == pytest.approx(atoms.positions, abs=1e-7)
    assert back.cell.array == pytest.approx(atoms.cell.array)
    assert (back.numbers == atoms.numbers).all()
    assert back.pbc.tolist() == atoms.pbc.tolist()
    assert back.info.keys() == atoms.info.keys()
    assert report(back)["burgers_angstrom"]["whole"] == pytest.approx(
        report(atoms)["burgers_angstrom"]["whole"], abs=1e-6
    )


@pytest.mark.parametrize(
    ("repeats", "changes", "word"),
    [
        (5, {}, r"repeats is 5; .*did you mean 4"),
        (6, {"lattice_constant_angstrom": 3.9}, "lattice_constant_angstrom is 3.9"),
        (6, {"partial_separation": 0}, "whole numbers from 1"),
    ],
)
def test_a_recipe_that_cannot_be_built_is_refused(
    repeats: int, changes: dict[str, Any], word: str
) -> None:
    with pytest.raises(StudyError, match=word):
        dislocation(SIZE, repeats, replace(RECIPE, **changes))


def test_forces_that_do_not_converge_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ptychobasis.simulation.dislocation._MAX_STEPS", 2)
    with pytest.raises(StudyError, match=r"force_tolerance_ev_per_angstrom = 0\.02"):
        dislocation(SIZE, 2, replace(RECIPE, relax_radius_angstrom=6))


def test_planes_stay_off_the_surfaces(perovskite: Path) -> None:
    block = from_file(perovskite, (0, 0, 1), 3, (8.0, 8.0))
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
    block = from_file(perovskite, axis, 3, (13.0, 20.0))
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
        "SrTiOF", [[0, 0, 0], [1.5, 0, 0], [0, 1.7, 0], [0, 0, 1.9]], cell=[6, 7, 8], pbc=True
    )
    path = tmp_path / "chiral.xyz"
    write_atoms(chiral, path)
    for axis in ((0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, -1)):
        block = from_file(path, axis, 1, (5, 5))
        order = [block.symbols.search(symbol)[0] for symbol in ("Sr", "Ti", "O", "F")]
        vectors = block.get_distances(order[0], order[1:], mic=True, vector=True)
        assert np.linalg.det(vectors) == pytest.approx(1.5 * 1.7 * 1.9)


def test_silicon_along_110_from_a_file_has_four_bonds(tmp_path: Path) -> None:
    path = tmp_path / "Si.cif"
    write(path, bulk("Si", cubic=True))
    block = from_file(path, (1, 1, 0), 1, (10, 10))
    neighbours, _ = coordination(block, 5.43 * np.sqrt(3) / 4)
    assert (neighbours == 4).all()


def test_files_that_hold_no_usable_crystal_are_refused(perovskite: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"absent\.cif: no crystal can be read"):
        from_file(tmp_path / "absent.cif", (0, 0, 1), 1, (5, 5))
    with pytest.raises(StudyError, match="is no direction"):
        from_file(perovskite, (0, 0, 0), 1, (5, 5))
    skew = Atoms("Si", cell=[[3, 0, 0], [0.4, 4, 0], [0.7, 0.3, 5]], pbc=True)
    write_atoms(skew, tmp_path / "skew.xyz")
    with pytest.raises(StudyError, match=r"skew\.xyz: no two lattice vectors are at right angles"):
        from_file(tmp_path / "skew.xyz", (0, 0, 1), 1, (5, 5))
    write_atoms(Atoms("Si", cell=[5, 5, 0]), tmp_path / "flat.xyz")
    with pytest.raises(StudyError, match="no three cell vectors"):
        from_file(tmp_path / "flat.xyz", (0, 0, 1), 1, (5, 5))
    twice = Atoms("Si2", [[0, 0, 0], [0, 0, 0.1]], cell=[5, 5, 5], pbc=True)
    write_atoms(twice, tmp_path / "twice.xyz")
    with pytest.raises(StudyError, match=r"nearer than 0\.7"):
        from_file(tmp_path / "twice.xyz", (0, 0, 1), 1, (5, 5))


def test_partly_occupied_sites_are_refused(tmp_path: Path, perovskite: Path) -> None:
    unit = crystal(
        ["Sr", "Ti"],
        [(0, 0, 0), (0.5, 0.5, 0.5)],
        occupancies=[0.7, 1.0],
        spacegroup=221,
        cellpar=[3.9] * 3 + [90] * 3,
    )
    path = tmp_path / "mixed.cif"
    write(path, unit)
    text = path.read_text()
    assert "0.7" in text
    with pytest.raises(StudyError, match="fully occupied by one element"):
        from_file(path, (0, 0, 1), 1, (5, 5))


def substituted(atoms: Atoms, **changes: Any) -> Atoms:
    chosen = {"elements": ("Si", "Ge"), "share": 0.25, "depths": (5.0, 17.0), "seed": 3}
    return substitute(atoms, **{**chosen, **changes})


def test_an_exact_share_is_substituted_within_its_depths_alone(atoms: Atoms) -> None:
    before, alloy = atoms.copy(), substituted(atoms)
    z, new = atoms.positions[:, 2], alloy.symbols == "Ge"
    layer = (z >= 5) & (z < 17)
    assert new.sum() == round(0.25 * layer.sum()) > 100
    assert not (new & ~layer).any()
    assert (alloy.positions == atoms.positions).all()
    assert (atoms.numbers == before.numbers).all()
    assert atoms.info.keys() == before.info.keys()
    assert (substituted(atoms, share=1.0, depths=None).symbols == "Ge").all()


def test_sites_are_random_and_fixed_by_the_seed(atoms: Atoms) -> None:
    first = substituted(atoms).numbers
    assert (substituted(atoms).numbers == first).all()
    assert (substituted(atoms, seed=4).numbers != first).any()
    # four quarters of the area get their quarters of the atoms, within four standard deviations
    new = atoms.positions[first == 32] / atoms.cell.lengths()
    quarters = np.histogram2d(new[:, 0], new[:, 1], bins=2, range=[[0, 1], [0, 1]])[0]
    assert np.abs(quarters - len(new) / 4).max() < 4 * np.sqrt(len(new) * 3 / 16)


def test_only_the_element_that_is_named_is_taken_out(perovskite: Path) -> None:
    block = from_file(perovskite, (0, 0, 1), 4, (8.0, 8.0))
    counts = substituted(block, elements=("Sr", "Ba"), depths=None).symbols.formula.count()
    sites = block.symbols.formula.count()["Sr"]
    assert counts["Ba"] == round(0.25 * sites)
    assert counts["Ba"] + counts["Sr"] == counts["Ti"] == counts["O"] // 3 == sites


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"elements": ("O", "Ge")}, "none of 0 O atoms between 5 and 17 Å"),
        ({"depths": (30.0, 40.0)}, "none of 0 Si atoms between 30 and 23.0"),
        ({"share": 1e-5}, "a larger share"),
    ],
)
def test_a_substitution_of_nothing_is_refused(
    atoms: Atoms, changes: dict[str, Any], word: str
) -> None:
    with pytest.raises(StudyError, match=word):
        substituted(atoms, **changes)


def test_reports_count_what_was_substituted(atoms: Atoms, tmp_path: Path) -> None:
    alloy = substituted(atoms)
    write_atoms(alloy, tmp_path / "atoms.xyz")
    back = read_atoms(tmp_path / "atoms.xyz")
    measured = report(back)
    verify(measured)
    count = int((alloy.symbols == "Ge").sum())
    expected = {"Ge": count, "Si": len(atoms) - count, "substituted": count}
    assert measured["composition"] == describe(back)["composition"] == expected
    assert report(atoms)["composition"] == {"Si": len(atoms), "substituted": 0}
