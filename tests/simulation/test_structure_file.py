"""Structure files: read rightly, or refused in one sentence that tells both numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.io import write
from ase.spacegroup import crystal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptychobasis.core.errors import StudyError
from ptychobasis.simulation.crystal import describe, from_file, read_atoms, write_atoms
from ptychobasis.simulation.settings import CrystalFile
from ptychobasis.simulation.structure_file import read_structure

SITE = ("label", "type_symbol", "fract_x", "fract_y", "fract_z")


def cif(path: Path, *sites: str, group: Any = ("F d -3 m", 227), **tags: Any) -> Path:
    """A CIF file of a cubic cell of 5.431 Å, unless `tags` say otherwise."""
    cell: dict[str, Any] = {f"_cell_length_{axis}": 5.431 for axis in "abc"}
    cell |= {f"_cell_angle_{name}": 90 for name in ("alpha", "beta", "gamma")}
    symbol, number = group
    cell |= {"_symmetry_space_group_name_H-M": f"'{symbol}'"} if symbol else {}
    cell |= {"_symmetry_Int_Tables_number": number} if number else {}
    columns = tags.pop("columns", ())
    operations = tags.pop("operations", ())
    cell |= {f"_{name}": value for name, value in tags.items()}
    lines = [f"data_{path.stem}", *(f"{tag} {value}" for tag, value in cell.items())]
    if operations:
        lines += ["loop_", "_symmetry_equiv_pos_as_xyz", *(f"'{each}'" for each in operations)]
    lines += ["loop_", *(f"_atom_site_{name}" for name in (*SITE, *columns)), *sites]
    path.write_text("\n".join(lines) + "\n")
    return path


def formula(path: Path, index: int | None = None) -> str:
    return str(read_structure(path, index).symbols.formula.format("metal"))


SILICON_1, SILICON_2 = "Si1 Si 0 0 0", "Si1 Si 0.125 0.125 0.125"


@pytest.mark.parametrize("site", [SILICON_1, SILICON_2])
@pytest.mark.parametrize(
    "said",
    [
        {"chemical_formula_sum": "Si", "cell_formula_units_Z": 8},
        {"chemical_formula_sum": "Si8", "cell_formula_units_Z": 8},  # as pymatgen writes it
        {"exptl_crystal_density_diffrn": 2.33},
        {},  # bonds of 1.92 Å are not silicon's
    ],
)
def test_the_origin_is_the_one_that_the_file_agrees_with(
    tmp_path: Path, site: str, said: dict[str, Any]
) -> None:
    atoms = read_structure(cif(tmp_path / "Si.cif", site, **said))
    assert str(atoms.symbols) == "Si8"
    bonds = atoms.get_all_distances(mic=True) + 10 * np.eye(8)
    assert bonds.min() == pytest.approx(5.431 * 3**0.5 / 4)
    assert f"setting {1 if site == SILICON_1 else 2}" in atoms.info["read_as"]


@pytest.mark.parametrize(
    ("group", "site"),
    [
        (("F d -3 m:1", 227), SILICON_1),
        (("F d -3 m:2", 227), SILICON_2),
        (("F d -3 m Z", 227), SILICON_2),
        (("Fd-3m S", 227), SILICON_1),
    ],
)
def test_an_origin_that_is_told_is_taken(tmp_path: Path, group: Any, site: str) -> None:
    atoms = read_structure(cif(tmp_path / "Si.cif", site, group=group))
    assert str(atoms.symbols) == "Si8"
    assert atoms.info == {}
    other = SILICON_1 if site == SILICON_2 else SILICON_2
    with pytest.raises(StudyError, match=r"formula Si1 and Z = 8, .* give Si16 in the cell"):
        read_structure(
            cif(tmp_path / "no.cif", other, group=group, chemical_formula_sum="Si",
                cell_formula_units_Z=8)
        )  # fmt: skip


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ({"chemical_formula_sum": "'Si O2'"}, r"formula O2 Si1, .* give Si8"),
        ({"chemical_formula_sum": "Si", "cell_formula_units_Z": 7}, r"Si1 and Z = 7, .* Si8"),
        ({"exptl_crystal_density_diffrn": 4.66}, r"density of 4\.66 g/cm³, .* 2\.329 g/cm³"),
        ({"cell_volume": 170}, r"cell of 170 Å³, .* one of 160\.19"),
        ({"cell_length_c": 8.0}, r"another shape than the symmetry"),
    ],
)
def test_what_a_file_says_twice_must_agree(tmp_path: Path, tags: Any, word: str) -> None:
    with pytest.raises(StudyError, match=word):
        read_structure(cif(tmp_path / "Si.cif", SILICON_1, group=("F d -3 m:1", 227), **tags))


def test_a_symbol_of_another_setting_is_not_read_as_the_standard_one(tmp_path: Path) -> None:
    """The standard setting of P b n m is P n m a, with other axes."""
    with pytest.raises(StudyError, match=r"'P b n m', number 62, .* allowed: 'P n m a'"):
        read_structure(cif(tmp_path / "pbnm.cif", "O1 O 0.1 0.2 0.3", group=("P b n m", 62)))
    with pytest.raises(StudyError, match="space group 999 is unknown"):
        read_structure(cif(tmp_path / "none.cif", "O1 O 0.1 0.2 0.3", group=(None, 999)))
    beta = {"cell_angle_beta": 99.0}
    for symbol, image in (("P 1 21/c 1", [-0.1, 0.7, 0.2]), ("P 21/n", [0.4, 0.7, 0.2])):
        path = cif(tmp_path / "m.cif", "O1 O 0.1 0.2 0.3", group=(symbol, 14), **beta)
        atoms = read_structure(path)
        away = atoms.get_scaled_positions() - image
        assert np.abs(away - np.rint(away)).max(axis=1).min() < 1e-6, symbol


def test_rhombohedral_axes_are_those_of_the_cell(tmp_path: Path) -> None:
    sites = ("Bi1 Bi 0.234 0.234 0.234", "Bi1 Bi 0 0 0.234")
    rhombohedral = {f"cell_angle_{name}": 57.23 for name in ("alpha", "beta", "gamma")}
    rhombohedral |= {f"cell_length_{axis}": 4.746 for axis in "abc"}
    hexagonal = {"cell_length_a": 4.546, "cell_length_b": 4.546, "cell_length_c": 11.862}
    hexagonal |= {"cell_angle_gamma": 120}
    group = ("R -3 m", 166)
    assert formula(cif(tmp_path / "r.cif", sites[0], group=group, **rhombohedral)) == "Bi2"
    assert formula(cif(tmp_path / "h.cif", sites[1], group=group, **hexagonal)) == "Bi6"


def test_listed_operations_are_the_symmetry(tmp_path: Path) -> None:
    both = ["x,y,z", "-x,-y,-z"]
    path = cif(tmp_path / "o.cif", "O1 O 0.1 0.2 0.3", group=(None, None), operations=both)
    assert formula(path) == "O2"
    turned = ["x,y,z", "y,z,x", "z,x,y"]
    with pytest.raises(StudyError, match="another shape than the symmetry"):
        read_structure(
            cif(tmp_path / "t.cif", "O1 O 0.1 0.2 0.3", operations=turned, cell_length_b=9.0)
        )


@pytest.mark.parametrize(
    ("occupancy", "word"),
    [
        ("?", r"occupancy of Si1 is unknown \('\?'\); allowed: 1"),
        ("0.5", r"Si1 has the occupancy 0\.5; .* fully occupied by one element"),
        ("0", r"has the occupancy 0"),
        ("much", r"has the occupancy much"),
    ],
)
def test_sites_are_full(tmp_path: Path, occupancy: str, word: str) -> None:
    for full in ("1", "1.0", "1.000(2)", "."):
        path = cif(tmp_path / "full.cif", f"{SILICON_1} {full}", columns=["occupancy"])
        assert formula(path) == "Si8"
    with pytest.raises(StudyError, match=word):
        read_structure(cif(tmp_path / "p.cif", f"{SILICON_1} {occupancy}", columns=["occupancy"]))


def test_mixed_sites_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="two elements share the place"):
        read_structure(cif(tmp_path / "two.cif", SILICON_1, "Ge1 Ge 0 0 0"))
    unit = crystal(["Sr", "Ti"], [(0, 0, 0), (0.5, 0.5, 0.5)], occupancies=[0.7, 1.0],
                   spacegroup=221, cellpar=[3.9] * 3 + [90] * 3)  # fmt: skip
    for name in ("mixed.cif", "mixed.xyz"):
        write(tmp_path / name, unit)
        with pytest.raises(StudyError, match="fully occupied by one element"):
            read_structure(tmp_path / name)


def test_a_site_that_symmetry_repeats_is_one(tmp_path: Path) -> None:
    repeated = cif(tmp_path / "Si.cif", SILICON_1, "Si2 Si 0.25 0.25 0.25", "Si3 Si 0.5 0.5 0")
    assert formula(repeated) == "Si8"


def test_one_of_several_structures_is_asked_for(tmp_path: Path) -> None:
    frames = [bulk("Si", cubic=True), bulk("Ge", cubic=True), bulk("C", cubic=True)]
    write(tmp_path / "md.xyz", frames)
    write(tmp_path / "many.xyz", frames * 3)
    both = [cif(tmp_path / f"{name}.cif", SILICON_1).read_text() for name in ("one", "two")]
    blocks = tmp_path / "blocks.cif"
    blocks.write_text("\n".join([both[0], both[1].replace("Si", "Ge")]))
    assert [formula(tmp_path / "md.xyz", i) for i in (0, 1, -1)] == ["Si8", "Ge8", "C8"]
    assert [formula(blocks, i) for i in (0, 1)] == ["Si8", "Ge8"]
    for path, word in (
        (
            tmp_path / "md.xyz",
            r"holds 3 structures \(0: Si8, 1: Ge8, 2: C8\); .* as crystal\.file\.index",
        ),
        (tmp_path / "many.xyz", r"holds more than 5 structures"),
        (blocks, r"holds 2 structures \(0: one \(Si listed\), 1: two \(Ge listed\)\)"),
    ):
        with pytest.raises(StudyError, match=word):
            read_structure(path)
    with pytest.raises(StudyError, match=r"index is 3, and the file holds 3 .* 0 to 2"):
        read_structure(tmp_path / "md.xyz", 3)


def silicon(**changes: Any) -> Atoms:
    atoms = bulk("Si", cubic=True)
    for name, value in changes.items():
        setattr(atoms, name, value)
    return atoms


@pytest.mark.parametrize(
    ("atoms", "word"),
    [
        (Atoms("Si", cell=[5, 5, 0]), r"no three cell vectors .*5 x 5 x 0 Å"),
        (molecule("H2O"), "no three cell vectors"),
        (Atoms("Si", cell=[[5, 0, 0], [0, 5, 0], [5, 5, 1e-7]]), "span a volume"),
        (Atoms("Si", cell=[5, 5, 1e7], pbc=True), r"edges of the cell are 5 x 5 x 1e\+07 Å"),
        (Atoms("XSi", [[0, 0, 0], [2, 2, 2]], cell=[4, 4, 4]), r"atom 0 of 2 .*no known element"),
        (Atoms("Si2", [[0, 0, 0], [0, 0, 0.1]], cell=[5, 5, 5], pbc=True), r"0 \(Si\) and 1 \(Si"),
        (Atoms("Si2", [[0, 0, 0]] * 2, cell=[5, 5, 5], pbc=True), r"0\.000 Å; .* each atom once"),
        (Atoms("Si2", [[0, 0, 0], [300, 0, 0]], cell=[543] * 3, pbc=True), "lengths in Å"),
        (Atoms("Si", [[1e9, 0, 0]], cell=[5] * 3, pbc=True), r"lies 2e\+08 cells away"),
        (Atoms("Si", [[-1, 0, 0]], cell=[5] * 3, pbc=False), r"along a \(fractions -0\.2"),
        (Atoms(cell=[5, 5, 5], pbc=True), "holds no atoms"),
    ],
)
def test_no_crystal_is_refused(tmp_path: Path, atoms: Atoms, word: str) -> None:
    write(tmp_path / "odd.json", atoms)
    with pytest.raises(StudyError, match=word) as error:
        read_structure(tmp_path / "odd.json")
    assert "\n" not in str(error.value)


def test_nothing_but_elements_places_and_cell_is_taken(tmp_path: Path) -> None:
    atoms = silicon()
    atoms.set_initial_magnetic_moments(np.arange(8))
    atoms.set_initial_charges(np.ones(8))
    atoms.info["comment"] = "made of Ge, they say"
    atoms.positions[3] -= 5.43 * 4  # four cells away
    write_atoms(atoms, tmp_path / "Si.xyz")
    found = read_structure(tmp_path / "Si.xyz")
    assert found.info == {}
    assert set(found.arrays) == {"numbers", "positions"}
    assert found.positions == pytest.approx(atoms.positions, abs=1e-7)


def test_deuterium_is_hydrogen(tmp_path: Path) -> None:
    path = cif(tmp_path / "D.cif", "Li1 Li 0 0 0", "D1 D 0.5 0.5 0.5", group=("F m -3 m", 225),
               chemical_formula_sum="'Li D'", cell_formula_units_Z=4,
               exptl_crystal_density_diffrn=0.372)  # fmt: skip
    assert formula(path) == "Li4H4"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("empty.cif", ""),
        ("empty.xyz", ""),
        ("words.cif", "data_x\nloop_\n_atom_site_label\n"),
        ("no_number.cif", "data_x\n_cell_length_a ?\n"),
        ("short.xyz", "3\n\nSi 0 0 0\n"),
        ("nan.vasp", "Si\n1\nnan 0 0\n0 5 0\n0 0 5\nSi\n1\nDirect\n0 0 0\n"),
        ("nan_place.vasp", "Si\n1\n5 0 0\n0 5 0\n0 0 5\nSi\n1\nDirect\nnan 0 0\n"),
        ("cut.vasp", "Si\n1\n5 0 0\n"),
        ("unknown.vasp", "Qq\n1\n5 0 0\n0 5 0\n0 0 5\nQq\n1\nDirect\n0 0 0\n"),
        ("binary.cif", "\x00\x01\x02"),
        ("picture.png", "no picture"),
        ("huge.xyz", '99999999999999\nLattice="5 0 0 0 5 0 0 0 5"\nSi 0 0 0\n'),
    ],
)
def test_what_ase_cannot_read_gives_one_sentence(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(StudyError, match=name) as error:
        read_structure(path)
    message = str(error.value)
    assert "\n" not in message
    assert "()" not in message
    assert len(message) < len(str(path)) + 450


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"absent\.cif: no crystal can be read \(No such file"):
        read_structure(tmp_path / "absent.cif")


@given(st.data())
@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_damaged_files_are_read_rightly_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    """Lines dropped, doubled or swapped, and characters changed: never a traceback."""
    good = {
        "Si.cif": cif(tmp_path / "Si.cif", SILICON_1, chemical_formula_sum="Si",
                      cell_formula_units_Z=8, exptl_crystal_density_diffrn=2.329),
        "Si.vasp": tmp_path / "Si.vasp", "Si.xyz": tmp_path / "Si.xyz",
    }  # fmt: skip
    write(good["Si.vasp"], silicon(), direct=True)
    write(good["Si.xyz"], silicon())
    name = data.draw(st.sampled_from(sorted(good)))
    lines = good[name].read_text().splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        kind = data.draw(st.sampled_from(["drop", "double", "character"]))
        if kind == "drop" and len(lines) > 1:
            del lines[at]
        elif kind == "double":
            lines.insert(at, lines[at])
        elif lines[at]:
            place = data.draw(st.integers(0, len(lines[at]) - 1))
            odd = data.draw(st.sampled_from(list("0159.-?'\"XZe_ \t#")))
            lines[at] = lines[at][:place] + odd + lines[at][place + 1 :]
    path = tmp_path / f"damaged_{name}"
    path.write_text("\n".join(lines))
    try:
        atoms = read_structure(path)
    except StudyError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    assert np.isfinite(atoms.positions).all()
    if name == "Si.cif" and all(tag in path.read_text() for tag in ("sum Si", "Z 8", "2.329")):
        assert len(atoms) == 8


def test_how_a_space_group_was_read_stands_in_the_checks(tmp_path: Path) -> None:
    path = cif(tmp_path / "Si.cif", SILICON_2, chemical_formula_sum="Si", cell_formula_units_Z=8)
    write_atoms(from_file(CrystalFile(path=path), 1, (5.0, 5.0)), tmp_path / "atoms.xyz")
    told = describe(read_atoms(tmp_path / "atoms.xyz"))
    assert told["read_as"] == "origin or setting 2"
    assert told["sheared_by_degrees"] == pytest.approx(0, abs=1e-6)
    assert told["composition"] == {"Si": 8, "substituted": 0}
