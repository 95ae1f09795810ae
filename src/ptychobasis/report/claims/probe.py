"""Findings about the probe: C4 and C5."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from ptychobasis.core.variant import Variant
from ptychobasis.report.claims.evidence import same_runs
from ptychobasis.report.claims.findings import (
    Finding,
    Tables,
    column,
    differences,
    largest_common,
    score,
    sweeps_of,
    text_of,
    volume,
)
from ptychobasis.study.schema import Study

_KEPT = 0.01  # share of the probe's energy outside the aperture that counts as none,
_DIVERGED = 0.05  # and as diverged
_LONGER = 2  # times as many epochs, at least, tell growth
_GROWS = 2.0  # times the share outside of the shorter run
_FOCUS = 2.0  # [Å] of the true focus
_PROBE_KEYS = {"probe", "probe_pull", "probe_step", "probe_start_epoch", "probe_band_limit"}
_CHANGED = _PROBE_KEYS | {"dark_field", "epochs"}  # by a run that says something about its probe


def joint_probe(study: Study, tables: Tables) -> Iterator[Finding]:
    """Findings about a probe that is optimised with the object, free and with each constraint."""
    base = _with_known_probe(study)
    names = [name for name in sweeps_of(study, "zernike", lambda keys: set(keys) <= _CHANGED)
             if study.recon(name).probe == "joint"]  # fmt: skip
    runs = [run for name in names if base for run in _runs(study, tables, name, base)]
    free = [run for run in runs if not run.constraints]
    for others in dict.fromkeys(run.others for run in free):
        yield _free([run for run in free if run.others == others])
    for run in runs:
        if run.constraints and run.epochs == study.reconstruction.epochs:
            yield _constrained(study, tables, run, free)


def _with_known_probe(study: Study) -> str:
    """The first Zernike sweep that differs from the study at most in that its probe is known."""
    names = sweeps_of(study, "zernike", lambda keys: set(keys) <= _PROBE_KEYS)
    return next((name for name in names if study.recon(name).probe == "known"), "")


@dataclass(frozen=True)
class _Run:
    """A joint probe, and the known one that it is compared with."""

    variant: Variant
    known: Variant
    epochs: int
    constraints: tuple[str, ...]
    others: str  # what it sets beside the epochs, as text
    rows: pd.DataFrame
    known_score: pd.Series
    missing: str

    def of_probe(self, key: str) -> pd.Series:
        """One of the numbers of `ptychobasis.evaluation.probe_error.ProbeError`, by seed."""
        return column(self.rows, f"probe_{key}", self.variant.size)

    @property
    def score(self) -> pd.Series:
        """Mean FSC with the truth, by seed."""
        return column(self.rows, "mean_fsc", self.variant.size)

    @property
    def details(self) -> str:
        """Quality and distance in words."""
        return (
            f"FSC {text_of(self.score)}, known probe {text_of(self.known_score)}; distance to "
            f"the true probe {text_of(self.of_probe('distance'))}, size "
            f"{text_of(self.of_probe('norm'))}"
        )


def _runs(study: Study, tables: Tables, name: str, base: str) -> Iterator[_Run]:
    size, rows = largest_common(study, [base, name]), volume(tables, name)
    if not size or "probe_outside" not in rows:
        return
    settings = study.recon(name)
    own, known = Variant(name, size), Variant(base, size)
    others = {key: value for key, value in differences(study, name).items() if key != "epochs"}
    missing = ""
    if settings.probe_start_epoch >= settings.epochs:
        missing = (
            f"the probe of {name} never moves: probe_start_epoch is "
            f"{settings.probe_start_epoch} of {settings.epochs} epochs"
        )
    elif same_runs(tables, own, known):
        missing = f"{own} came out as {known}, so its probe never moved"
    yield _Run(
        own, known, settings.epochs, _constraints(study, name), str(sorted(others.items())), rows,
        score(tables, known), missing,
    )  # fmt: skip


def _constraints(study: Study, sweep: str) -> tuple[str, ...]:
    settings = study.recon(sweep)
    kept = (f"dark field ({settings.dark_field})",) * (settings.dark_field != "none")
    limit = ("band limit",) * settings.probe_band_limit
    return (*kept, *limit, *("a pull to the optics' probe",) * (settings.probe_pull > 0))


def _free(runs: list[_Run]) -> Finding:
    """C4, from the growth with the length of the run where there are two lengths."""
    moved = sorted((run for run in runs if not run.missing), key=lambda run: run.epochs)
    statement = "a joint probe without dark-field masks diverges"
    if len(moved) > 1 and moved[-1].epochs >= _LONGER * moved[0].epochs:
        short, long = moved[0], moved[-1]
        outside, before = long.of_probe("outside"), short.of_probe("outside")
        growth = outside / before
        return Finding(
            "C4", statement,
            f"share of its energy outside the aperture after {long.epochs} epochs, over that "
            f"after {short.epochs}", growth.tolist(),
            f"more than {_GROWS:g}, and more than {_KEPT:g} outside at the end",
            ((growth > _GROWS) & (outside > _KEPT)).tolist(), "probe",
            f"outside: {text_of(before)}, then {text_of(outside)}; {long.details}",
            rests_on=[short.variant, long.variant],
        )  # fmt: skip
    run = moved[-1] if moved else runs[0]
    outside = run.of_probe("outside")
    return Finding(
        "C4", statement, "share of its energy outside the aperture", outside.tolist(),
        f"more than {_DIVERGED:g}", (outside > _DIVERGED).tolist(), "probe",
        f"after {run.epochs} epochs; no run twice as long or longer tells whether it grows; "
        f"{run.details}", rests_on=[run.variant], missing=run.missing,
    )  # fmt: skip


def _constrained(study: Study, tables: Tables, run: _Run, free: list[_Run]) -> Finding:
    """C5, of one joint probe with constraints."""
    outside, lost = run.of_probe("outside"), run.known_score - run.score
    good = (outside < _KEPT) & (lost < study.claims.tolerance)
    criterion = f"less than {study.claims.tolerance:g}, at most {_KEPT:g} of the energy outside"
    rivals = [each for each in free if not each.missing and each.epochs == run.epochs][:1]
    rivals = [each for each in rivals if run.variant.size in set(each.rows["size"])]
    missing = run.missing
    for rival in rivals:
        other = Variant(rival.variant.sweep, run.variant.size)
        good &= run.of_probe("distance") < column(rival.rows, "probe_distance", other.size)
        criterion += ", and nearer to the true probe than without"
        if not missing and same_runs(tables, run.variant, other):
            missing = f"{run.variant} came out as {other}, so its constraints did nothing"
    return Finding(
        "C5", f"it does not with {' and '.join(run.constraints)}",
        "mean FSC less than the known probe's", lost.tolist(), criterion, good.tolist(), "probe",
        f"outside: {text_of(outside)}; {run.details}", rests_on=[run.variant, run.known],
        missing=missing,
    )  # fmt: skip


def focus(study: Study, tables: Tables) -> Iterator[Finding]:
    """Whether a start out of focus is put right, by a search of the focus or without."""
    names = sweeps_of(study, "zernike", lambda keys: "probe_defocus_angstrom" in keys)
    base = _with_known_probe(study)
    for name in names if base and study.microscope else ():
        settings, rows = study.recon(name), volume(tables, name)
        size = largest_common(study, [base, name])
        if not size or "probe_defocus" not in rows or study.microscope is None:
            continue
        start = (settings.probe_defocus_angstrom or 0.0) - study.microscope.defocus_angstrom
        error, found = column(rows, "probe_defocus", size), column(rows, "mean_fsc", size)
        lost = score(tables, Variant(base, size)) - found
        how = "a search of the focus" if settings.focus_search_angstrom else "its own steps alone"
        details = f"focus {text_of(error, '.1f')} Å from the true one; FSC {text_of(found)}"
        missing = "" if abs(start) > _FOCUS else f"the start is {start:g} Å from the true focus"
        rests_on = [Variant(name, size)]
        if settings.probe == "known":
            yield Finding(
                "C5", f"a start {start:g} Å out of focus is put right by {how}",
                "focus found, from the true one [Å]", error.tolist(), f"within {_FOCUS:g} Å",
                (error.abs() < _FOCUS).tolist(), "probe", details, rests_on, missing,
            )  # fmt: skip
            continue
        if not settings.focus_search_angstrom and settings.probe_start_epoch >= settings.epochs:
            missing = missing or f"the probe of {name} never moves"
        yield Finding(
            "C5", f"a joint probe {start:g} Å out of focus comes right with {how}",
            "mean FSC less than the known probe's", lost.tolist(),
            f"less than {study.claims.tolerance:g}", (lost < study.claims.tolerance).tolist(),
            "probe", details, rests_on, missing,
        )  # fmt: skip
