"""Checks between the keys of a study, made before any job."""

import os
import re
from bisect import bisect
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from ptychobasis.bases.kind import BasisKind
from ptychobasis.bases.registry import BASES, named
from ptychobasis.core.errors import StudyError, nearest
from ptychobasis.core.variant import Variant
from ptychobasis.study import comparison_checks as compared
from ptychobasis.study import geometry_checks as geometric
from ptychobasis.study import idle_checks as idle
from ptychobasis.study import sample_checks as sample
from ptychobasis.study.explain import shown
from ptychobasis.study.geometry import geometry
from ptychobasis.study.schema import Study, Sweep

# the rest of a study describes the simulation, which a ready data set replaces
_SIMULATED = ("crystal", "microscope", "scan", "detector", "simulation")


def problems(study: Study) -> list[str]:
    """All that does not go together, each as 'key is ...; allowed: ...'.

    Checks that compute with the geometry wait until everything else is sound, and bases are built
    last.
    """
    for stage in _STAGES:
        found = list(dict.fromkeys(problem for check in stage for problem in check(study)))
        if found:
            return found
    try:
        shape = geometry(study)
    except StudyError as error:
        return [f"dataset.file: {error}"]
    for last in _LAST:
        found = list(dict.fromkeys(problem for each in last for problem in each(study, shape)))
        if found:
            return found
    return []


def _parts(study: Study) -> Iterator[str]:
    present = [name for name in _SIMULATED if getattr(study, name) is not None]
    if study.dataset.file is not None:
        for name in present:
            yield (
                f"{name} is given beside dataset.file, which brings its own calibration; "
                f"allowed: one of the two, the other null"
            )
        return
    for name in _SIMULATED:
        if name not in present:
            yield f"{name} is missing; allowed: its keys, or a ready data set in dataset.file"
    if study.crystal and bool(study.crystal.dislocation) == bool(study.crystal.file):
        both = study.crystal.file is not None
        which = "both dislocation and file" if both else "neither dislocation nor file"
        yield (
            f"crystal holds {which}; allowed: exactly one "
            "(an overlay switches the other off with null)"
        )


def _names(study: Study) -> Iterator[str]:
    """Names of folders that are taken, by this project or by Windows."""
    if study.study == "reference":
        yield (
            "study is 'reference', whose folder results/reference holds published results; "
            "allowed: another name"
        )
    for key, name in (("study", study.study), *((f"sweeps.{name}", name) for name in study.sweeps)):
        if re.fullmatch(r"con|prn|aux|nul|com\d|lpt\d", name):
            yield f"{key} is '{name}', a device of Windows; allowed: another name"


def _files(study: Study) -> Iterator[str]:
    paths = {"dataset.file": study.dataset.file}
    if study.crystal and study.crystal.file:
        paths["crystal.file.path"] = study.crystal.file.path
    for name, sweep in study.sweeps.items():
        paths[f"sweeps.{name}.masks_file"] = sweep.masks_file
    for key, path in paths.items():
        if path is None:
            continue
        odd = sorted({c for c in str(path) if c in "{}" or not c.isprintable()})
        if odd:
            yield (
                f"{key} is {shown(str(path))}, with {' and '.join(map(repr, odd))}; allowed: a "
                "path without braces, which Snakemake takes for wildcards, and without control "
                "characters"
            )
        elif not os.path.isfile(path):  # noqa: PTH113  (False, too, where a name is too long)
            yield (
                f"{key} is '{path}', which is no file; allowed: a path that starts at "
                f"the folder where snakemake is run{_near_file(path)}"
            )


def _near_file(path: Path) -> str:
    try:
        return nearest(path.name, [other.name for other in path.parent.iterdir()])
    except OSError:
        return ""


def _sweeps(study: Study) -> Iterator[str]:
    for name, sweep in study.sweeps.items():
        yield from _sweep(f"sweeps.{name}", sweep)
        if sweep.dose_electrons_per_angstrom2 is not None:
            yield from _dose(study, f"sweeps.{name}.dose_electrons_per_angstrom2")


def _sweep(key: str, sweep: Sweep) -> Iterator[str]:
    if sweep.basis not in BASES:
        yield (
            f"{key}.basis is '{sweep.basis}'; allowed: {', '.join(BASES)}"
            f"{nearest(sweep.basis, BASES)}"
        )
        return
    kind = BASES[sweep.basis]
    if sweep.sizes and not kind.sized:
        yield f"{key}.sizes is given; allowed: no sizes for the basis '{sweep.basis}'"
    if not sweep.sizes and kind.sized:
        yield f"{key}.sizes is missing; allowed: at least one size for the basis '{sweep.basis}'"
    if len(set(sweep.sizes)) < len(sweep.sizes):
        yield f"{key}.sizes is {list(sweep.sizes)}; allowed: each size once"
    if (sweep.masks_file is None) == kind.needs_masks_file:
        state = "given" if sweep.masks_file else "missing"
        own = _quoted(lambda each: each.needs_masks_file)
        yield f"{key}.masks_file is {state}; allowed: a file of masks with the basis {own} only"
    if sweep.complete_orders:
        yield from _incomplete(key, sweep)
    elif kind.complete_sizes is None:
        ordered = _quoted(lambda each: each.complete_sizes)
        yield f"{key}.complete_orders is false; allowed: true, except for the basis {ordered}"


def _incomplete(key: str, sweep: Sweep) -> Iterator[str]:
    """Sizes that end within an order, where the basis has orders."""
    complete_sizes = BASES[sweep.basis].complete_sizes
    if complete_sizes is None:
        return
    for size in sweep.sizes:
        complete = complete_sizes(2 * size + 50)
        if size not in complete:
            near = bisect(complete, size)
            yield (
                f"{key}.sizes holds {size}, which ends within a radial order; allowed: "
                f"{', '.join(map(str, complete[:5]))}, ... (nearest: "
                f"{', '.join(map(str, complete[max(0, near - 1) : near + 1]))}), "
                "or complete_orders: false"
            )


def _quoted(has: Callable[[BasisKind], object]) -> str:
    """Names of the bases that have a property, for a sentence."""
    return " or ".join(f"'{name}'" for name in named(has))


def _dose(study: Study, key: str) -> Iterator[str]:
    if study.simulation is None:
        yield f"{key} is given for a ready data set, which has its own noise; allowed: null"
    elif study.simulation.dose_electrons_per_angstrom2 is not None:
        yield (
            f"{key} is given beside simulation.dose_electrons_per_angstrom2, which adds noise to "
            "the data of all sweeps; allowed: one of the two, the other null"
        )


def _labels(study: Study) -> Iterator[str]:
    known = study.variants()
    asked = {"evaluation.reference": study.evaluation.reference}
    asked |= {f"figures.compare[{i}]": label for i, label in enumerate(study.figures.compare)}
    for key, label in asked.items():
        try:
            Variant.parse(label, known, key)
        except StudyError as error:
            yield str(error)


def _slices(study: Study) -> Iterator[str]:
    for name in study.sweeps:
        depths = study.recon(name).slice_depths_angstrom
        if any(above >= below for above, below in pairwise(depths)):
            key = study.owner(name, "slice_depths_angstrom")
            yield f"{key} is {list(depths)}; allowed: ascending depths"
    drawn = {variant.sweep for variant in (study.reference, *study.compared)}
    count = min((len(study.recon(name).slice_depths_angstrom) for name in drawn), default=1)
    if study.figures.slice > count:
        yield f"figures.slice is {study.figures.slice}; allowed: 1 to {count}, the slices there are"


def _losses(study: Study) -> Iterator[str]:
    for name, sweep in study.sweeps.items():
        pixels = sweep.basis in BASES and BASES[sweep.basis].stores_pixels
        if study.recon(name).loss == "amplitude" and not pixels:
            yield (
                f"{study.owner(name, 'loss')} is 'amplitude' for sweeps.{name}, whose masks can "
                f"give negative numbers; allowed: intensity, except for the bases "
                f"{' and '.join(named(lambda kind: kind.stores_pixels))}"
            )
        elif study.recon(name).loss == "amplitude" and study.recon(name).dark_field != "none":
            yield (
                f"{study.owner(name, 'dark_field')} is '{study.recon(name).dark_field}' for "
                f"sweeps.{name} with the loss 'amplitude', where it would weigh nothing; allowed: "
                "none, or the loss intensity"
            )


_STAGES = (
    (_parts, _files, _names),
    (sample.crystal, sample.atoms, _sweeps, _labels, _losses),
    (_slices,),
    (idle.repeated, idle.probes, idle.regularisation, idle.motion),
)
_LAST = (
    (geometric.detector, geometric.simulation, geometric.block, compared.slices),
    (geometric.steps,),
    (geometric.probe, geometric.aberrations, compared.bands, compared.field),
    (compared.bases,),
)
