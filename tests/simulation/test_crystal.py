import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from scipy.spatial import cKDTree

from ptychobasis.core.errors import StudyError
from ptychobasis.simulation.crystal import describe, read_atoms, substitute, write_atoms
from ptychobasis.simulation.dislocation import dislocation
from ptychobasis.simulation.dislocation_checks import Report, burgers_vector, report, verify
from ptychobasis.simulation.settings import Dislocation

A = 5.431
BOND = A * np.sqrt(3) / 4
GLIDE = A * np.sqrt(6) / 4
SIZE = (48.0, 60.0)  # (y, x): not square, so that a mix-up of the axes shows
KEYS = Dislocation(relax_radius_angstrom=11, force_tolerance_ev_per_angstrom=0.02)


@pytest.fixture(scope="module")
def atoms() -> Atoms:
    return dislocation(SIZE, 6, KEYS)


@pytest.fixture(scope="module")
def measured(atoms: Atoms) -> Report:
    return report(atoms)


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
    ],
)
def test_keys_that_cannot_be_built_are_refused(
    repeats: int, changes: dict[str, Any], word: str
) -> None:
    with pytest.raises(StudyError, match=word):
        dislocation(SIZE, repeats, KEYS.model_copy(update=changes))


def test_forces_that_do_not_converge_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ptychobasis.simulation.dislocation._MAX_STEPS", 2)
    with pytest.raises(StudyError, match=r"force_tolerance_ev_per_angstrom = 0\.02"):
        dislocation(SIZE, 2, KEYS.model_copy(update={"relax_radius_angstrom": 6.0}))


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
