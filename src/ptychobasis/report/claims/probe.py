"""Findings about the probe: C4 and C5."""

from collections.abc import Iterator, Mapping
from typing import Any

from ptychobasis.report.claims.findings import (
    Finding,
    Tables,
    column,
    largest_common,
    plain,
    sweeps_of,
    text_of,
    volume,
)
from ptychobasis.study.schema import Study

_KEPT = 0.01  # share of the probe's energy outside the aperture that counts as none,
_DIVERGED = 0.05  # and as diverged
_FOCUS = 2.0  # [Å] of the true focus


def _is_joint(keys: Mapping[str, Any]) -> bool:
    return keys.get("probe") == "joint" and "probe_defocus_angstrom" not in keys


def joint_probe(study: Study, tables: Tables) -> Iterator[Finding]:
    """What a probe that is optimised with the object does, free and with each constraint."""
    base, names = plain(study, "zernike"), sweeps_of(study, "zernike", _is_joint)
    free = [name for name in names if not _constraints(study, name)]
    for name in free + [name for name in names if name not in free] if base else ():
        size, rows = largest_common(study, [base[0], name]), volume(tables, name)
        if not size or "probe_outside" not in rows:
            continue
        outside, distance = (column(rows, f"probe_{key}", size) for key in ("outside", "distance"))
        known = column(volume(tables, base[0]), "mean_fsc", size)
        norm, score = column(rows, "probe_norm", size), column(rows, "mean_fsc", size)
        lost = known - score
        details = (
            f"FSC {text_of(score)}, known probe {text_of(known)}; distance to the true probe "
            f"{text_of(distance)}, size {text_of(norm)}"
        )
        if name in free:
            yield Finding(
                "C4", "a joint probe without dark-field masks diverges",
                "share of its energy outside the aperture", outside.tolist(),
                f"more than {_DIVERGED:g}", (outside > _DIVERGED).tolist(), "probe", details,
            )  # fmt: skip
            continue
        good = (outside < _KEPT) & (lost < study.claims.tolerance)
        for other in free[:1]:
            good &= distance < column(volume(tables, other), "probe_distance", size)
        yield Finding(
            "C5", f"it does not with {' and '.join(_constraints(study, name))}",
            "mean FSC less than the known probe's", lost.tolist(),
            f"less than {study.claims.tolerance:g}, at most {_KEPT:g} of the energy outside, and "
            "nearer to the true probe than without", good.tolist(), "probe",
            f"outside: {text_of(outside)}; {details}",
        )  # fmt: skip


def _constraints(study: Study, sweep: str) -> list[str]:
    settings = study.recon(sweep)
    kept = [f"dark field ({settings.dark_field})"] * (settings.dark_field != "none")
    return kept + ["band limit"] * settings.probe_band_limit


def focus(study: Study, tables: Tables) -> Iterator[Finding]:
    """Whether a start out of focus is put right, by a search of the focus or without."""
    names = sweeps_of(study, "zernike", lambda keys: "probe_defocus_angstrom" in keys)
    base = plain(study, "zernike")
    for name in names if base and study.microscope else ():
        settings, rows = study.recon(name), volume(tables, name)
        size = largest_common(study, [base[0], name])
        if not size or "probe_defocus" not in rows or study.microscope is None:
            continue
        start = (settings.probe_defocus_angstrom or 0.0) - study.microscope.defocus_angstrom
        error, score = column(rows, "probe_defocus", size), column(rows, "mean_fsc", size)
        lost = column(volume(tables, base[0]), "mean_fsc", size) - score
        how = "a search of the focus" if settings.focus_search_angstrom else "its own steps alone"
        details = f"focus {text_of(error, '.1f')} Å from the true one; FSC {text_of(score)}"
        if settings.probe == "known":
            yield Finding(
                "C5", f"a start {start:g} Å out of focus is put right by {how}",
                "focus found, from the true one [Å]", error.tolist(), f"within {_FOCUS:g} Å",
                (error.abs() < _FOCUS).tolist(), "probe", details,
            )  # fmt: skip
            continue
        yield Finding(
            "C5", f"a joint probe {start:g} Å out of focus comes right with {how}",
            "mean FSC less than the known probe's", lost.tolist(),
            f"less than {study.claims.tolerance:g}", (lost < study.claims.tolerance).tolist(),
            "probe", details,
        )  # fmt: skip
