"""Structures in CIF files, each held against what the file says of itself.

ASE parses the file and knows the space groups. Which setting of the space group is meant is decided
here: by the listed operations, by the symbol, by the shape of the cell, and by the formula, the
number of formula units and the density in the file.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import IO, Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.io.cif import CIFBlock, parse_cif
from ase.spacegroup import Spacegroup
from ase.spacegroup.spacegroup import spacegroup_from_data
from matscipy.neighbours import neighbour_list

from ptychobasis.core.errors import StudyError

_OPERATIONS = (
    "_space_group_symop_operation_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
)
_NUMBERS = ("_space_group_it_number", "_space_group.it_number", "_symmetry_int_tables_number")
_SYMBOLS = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m")
_CODES = ("_space_group_it_coordinate_system_code", "_symmetry_space_group_setting")
_DENSITIES = ("_exptl_crystal_density_diffrn", "_exptl_crystal_density_meas")
_DALTON = 1.66053907  # g/cm³ of one atomic mass unit in 1 Å³
_BOND = 0.9  # of the sum of the covalent radii: nearer atoms are crowded


def structures(file: IO[bytes]) -> list[CIFBlock]:
    """Blocks of a CIF file that hold atoms."""
    return [block for block in parse_cif(file) if block.has_structure()]


def read_block(block: CIFBlock) -> Atoms:
    """The unit cell of a block.

    Args:
        block: One of `structures`.

    Returns:
        All atoms of the cell; ``info["read_as"]`` tells how the space group was understood.

    Raises:
        StudyError: Sites are not fully occupied, or the file contradicts itself.
    """
    _check_occupancies(block)
    readings = {name: _expand(block, group) for name, group in _groups(block).items()}
    doubts = {name: _contradiction(block, atoms) for name, atoms in readings.items()}
    sound = {name: atoms for name, atoms in readings.items() if doubts[name] is None}
    if not sound:
        raise StudyError(
            "; ".join(f"{name}: {doubt}" if name else f"{doubt}" for name, doubt in doubts.items())
        )
    name, atoms = _the_one(sound)
    atoms.info = {"read_as": name} if name else {}
    return atoms


def _the_one(sound: Mapping[str, Atoms]) -> tuple[str, Atoms]:
    """The only reading; where there are several, the only one without crowded atoms."""
    names = list(sound)
    first = sound[names[0]]
    if all(_same(first, sound[name]) for name in names[1:]):
        return names[0], first
    roomy = [name for name in names if not _crowded(sound[name])]
    if len(roomy) != 1:
        counts = ", ".join(f"{name} gives {len(atoms)} atoms" for name, atoms in sound.items())
        raise StudyError(
            f"the space group is not told in full: {counts}; allowed: a file that lists the "
            "symmetry operations, or gives formula and Z"
        )
    return f"{roomy[0]}, the one with the lengths of bonds", sound[roomy[0]]


def _check_occupancies(block: CIFBlock) -> None:
    """Every site is fully occupied; a dot stands for the default, which is 1."""
    given = block.get("_atom_site_occupancy")
    if given is None:
        return
    values = given if isinstance(given, list) else [given]
    labels = block.get("_atom_site_label") or block.get("_atom_site_type_symbol")
    unknown = [str(label) for label, n in zip(labels, values, strict=True) if n == "?"]
    if unknown:
        raise StudyError(
            f"the occupancy of {', '.join(unknown[:5])} is unknown ('?'); allowed: 1, so write it "
            "into the file if the sites are full"
        )
    for label, value in zip(labels, values, strict=True):
        if value != "." and not (isinstance(value, int | float) and abs(value - 1) <= 1e-3):
            raise StudyError(
                f"site {label} has the occupancy {value}; allowed are sites fully occupied by one "
                "element, so write out an ordered supercell"
            )


def _groups(block: CIFBlock) -> dict[str, Spacegroup]:
    """Space groups that the file may mean, by a name for messages; '' where there is no doubt."""
    operations = _first(block, _OPERATIONS)
    cell = block.get_cell().array
    if operations:
        listed = operations if isinstance(operations, list) else [operations]
        group = spacegroup_from_data(no=1, setting=1, sitesym=listed, subtrans=[(0, 0, 0)])
        _check_shape({"": group}, cell)
        return {"": group}
    number, symbol = _first(block, _NUMBERS), _first(block, _SYMBOLS)
    if number is None and symbol is None:
        return {"": Spacegroup(1)}
    symbol, code = _split_code(symbol, _first(block, _CODES))
    named = {setting: group for setting, group in _settings(number, symbol) if group is not None}
    if symbol is not None and symbol not in ("?", "."):
        matching = {s: g for s, g in named.items() if _plain(g.symbol) == _plain(symbol)}
        if not matching:
            known = " or ".join(dict.fromkeys(f"'{group.symbol}'" for group in named.values()))
            raise StudyError(
                f"the space group is '{symbol}', number {number}, without listed operations; "
                f"allowed: {known or 'a known symbol'}, or a file that lists the operations"
            )
        named = matching
    if code in named and len(named) > 1:
        named = {code: named[code]}
    fitting = _check_shape({str(setting): group for setting, group in named.items()}, cell)
    if len(fitting) == 1:
        return {"": next(iter(fitting.values()))}
    return {f"origin or setting {setting}": group for setting, group in fitting.items()}


def _settings(number: Any, symbol: Any) -> Iterator[tuple[int, Spacegroup | None]]:
    """Both settings that ASE knows of a space group."""
    for setting in (1, 2):
        try:
            yield setting, Spacegroup(int(number) if number is not None else symbol, setting)
        except Exception as error:  # ASE's own kinds, of which one is a NameError
            if setting == 1 and symbol is None:
                raise StudyError(
                    f"the space group {number} is unknown; allowed: 1 to 230"
                ) from error
            yield setting, None


def _split_code(symbol: Any, code: Any) -> tuple[str | None, int | None]:
    """Symbol without what is behind it, and the setting that this or the `code` tells.

    Origins are told as :1 and :2, or S and Z by ICSD; axes of rhombohedral groups as :H and :R.
    """
    codes = {"1": 1, "2": 2, "s": 1, "z": 2, "h": 1, "r": 2}
    found = codes.get(str(code).lower().strip())
    if symbol is None:
        return None, found
    match = re.fullmatch(r"(.*?)(?:\s*:\s*([12hr])|\s+([szhr]))", str(symbol).strip(), re.I)
    if match:
        return match[1], codes[(match[2] or match[3]).lower()]
    return str(symbol), found


def _plain(symbol: str) -> str:
    """A symbol free of spaces, signs and ones that say nothing: 'P 1 21/c 1' is 'p21/c'."""
    words = [word for word in symbol.replace("_", "").lower().split() if word != "1"]
    text = "".join(words).replace("-", "").replace("(", "").replace(")", "")
    short = re.fullmatch(r"([pcaif])1(2.*|[mcand])1", text)
    return short[1] + short[2] if short else text


def _check_shape(groups: dict[str, Spacegroup], cell: Any) -> dict[str, Spacegroup]:
    """The groups whose operations carry the cell's lattice into itself, within 1 %."""
    metric = cell @ cell.T
    scale = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))

    def keeps(group: Spacegroup) -> bool:
        turned = [(rotation.T @ metric @ rotation - metric) / scale for rotation in group.rotations]
        return bool(np.abs(turned).max() < 0.02)

    fitting = {name: group for name, group in groups.items() if keeps(group)}
    if groups and not fitting:
        lengths = " x ".join(f"{edge:.4g}" for edge in np.sqrt(np.diag(metric)))
        symbol = next(iter(groups.values())).symbol if "" not in groups else "its operations"
        raise StudyError(
            f"the cell of {lengths} Å has another shape than the symmetry that the file gives "
            f"({symbol}); allowed: a cell with that symmetry"
        )
    return fitting


def _expand(block: CIFBlock, group: Spacegroup) -> Atoms:
    """All atoms of the cell, each once."""
    sites = block.get_unsymmetrized_structure()
    places = sites.cell.scaled_positions(sites.positions)
    expanded, kinds = group.equivalent_sites(places, onduplicates="keep")
    atoms = Atoms(sites.numbers[kinds], cell=sites.cell, pbc=True, scaled_positions=expanded)
    atoms.set_masses(sites.get_masses()[kinds])
    for number, place in zip(sites.numbers, places, strict=True):
        away = expanded - place
        nearest = int(np.abs(away - np.rint(away)).max(axis=1).argmin())
        if atoms.numbers[nearest] != number:
            raise StudyError(
                f"two elements share the place {np.round(place, 4).tolist()}; allowed are sites "
                "fully occupied by one element"
            )
    return atoms


def _contradiction(block: CIFBlock, atoms: Atoms) -> str | None:
    """In how far the atoms are not what the file says, with both numbers; None if they are."""
    volume = _number(block.get("_cell_volume"))
    if volume is not None and abs(atoms.get_volume() / volume - 1) > 0.01:
        return (
            f"the file gives a cell of {volume:g} Å³, its edges and angles one of "
            f"{atoms.get_volume():.6g} Å³; allowed: one cell"
        )
    stated = _formula(block.get("_chemical_formula_sum"))
    units = _number(block.get("_cell_formula_units_z"))
    read = Counter(atoms.get_chemical_symbols())
    if stated and not _agree(read, stated, units):
        times = f" and Z = {units:g}" if units is not None else ""
        return (
            f"the file gives the formula {_written(stated)}{times}, its sites and symmetry give "
            f"{_written(read)} in the cell; allowed: a file that agrees with itself"
        )
    density = next((n for tag in _DENSITIES if (n := _number(block.get(tag))) is not None), None)
    found = float(atoms.get_masses().sum()) * _DALTON / atoms.get_volume()
    if density is not None and abs(found / density - 1) > 0.05:
        return (
            f"the file gives a density of {density:g} g/cm³, its atoms have {found:.4g} g/cm³; "
            "allowed: a file that agrees with itself"
        )
    return None


def _agree(read: Mapping[str, float], stated: Mapping[str, float], units: float | None) -> bool:
    """Whether the cell holds Z formula units, or any number of them where Z is not given.

    Some programs write the content of the whole cell as the formula, beside its Z.
    """
    if set(read) != set(stated):
        return False
    ratios = np.array([read[symbol] / stated[symbol] for symbol in stated])
    if np.ptp(ratios) > 0.02 * ratios.mean():
        return False
    whole = units is not None and all(
        abs(n / units - round(n / units)) < 1e-3 for n in stated.values()
    )
    count = float(ratios.mean())
    return units is None or abs(count - units) < 0.02 * units or (whole and abs(count - 1) < 0.01)


def _formula(text: Any) -> dict[str, float]:
    """Numbers of atoms in a formula such as 'Sr Ti O3'; empty where it is of another form."""
    found: dict[str, float] = {}
    compact = "".join(str(text).split())
    parts = re.findall(r"([A-Z][a-z]?)(\d+(?:\.\d*)?|\.\d+)?", compact)
    if text is None or "".join(symbol + count for symbol, count in parts) != compact:
        return {}
    for symbol, count in parts:
        element = "H" if symbol == "D" else symbol
        found[element] = found.get(element, 0) + float(count or 1)
    return found


def _written(counts: Mapping[str, float]) -> str:
    return " ".join(f"{symbol}{n:g}" for symbol, n in sorted(counts.items()))


def _same(first: Atoms, second: Atoms) -> bool:
    """Whether two readings have the same distances, so that they differ by a shift at most."""
    if sorted(first.numbers) != sorted(second.numbers):
        return False
    a, b = (np.sort(neighbour_list("d", atoms, 5.0)) for atoms in (first, second))
    return len(a) == len(b) and bool(np.allclose(a, b, atol=0.02))


def _crowded(atoms: Atoms) -> bool:
    i, j, distances = neighbour_list("ijd", atoms, 3.5)
    bonds = covalent_radii[atoms.numbers[i]] + covalent_radii[atoms.numbers[j]]
    return bool((distances < _BOND * bonds).any())


def _number(value: Any) -> float | None:
    """A number of a file; None for '?', '.' and text."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _first(block: CIFBlock, tags: tuple[str, ...]) -> Any:
    found = (block.get(tag) for tag in tags)
    return next((value for value in found if value not in (None, "?", ".")), None)
