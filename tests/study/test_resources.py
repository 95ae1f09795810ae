"""What jobs ask for, against what they used at the scale of the demo and of the paper."""

from functools import cache
from typing import Any

import pandas as pd
import pytest

from benchmarks.common import RESULTS
from benchmarks.usage import reference_jobs, scattering, study
from ptychobasis.study import resources
from ptychobasis.study.load import load_study
from ptychobasis.study.resources import (
    LEAST_MIN,
    OTHERS,
    SNAKEMAKE_MB,
    Job,
    memory,
    minutes,
    seconds,
)
from ptychobasis.study.schema import Study

MOST = 1.5  # times what was used,
SHORT_S = 60.0 * LEAST_MIN  # or the least that is asked for
SAMPLED_S = 30.0  # Snakemake looks at a job this often, and misses what comes after the last time
USAGE = pd.read_csv(RESULTS / "usage.csv", dtype={"size": str}).fillna({"sweep": "", "size": ""})
JOBS = USAGE[USAGE["rule"] != "snakemake"]
STUDIES = ("demo", "paper")


# the model that usage.csv and the paper's reference were made with
EARLIER = {
    "epochs": 40, "batch": 32, "probe": "known", "propagation_step_angstrom": None,
}  # fmt: skip
WINDOWS = {"demo": (19.14, 19.14), "paper": (19.25, 19.25)}  # which auto was [Å]


@cache
def earlier(name: str) -> Study:
    """A study with the reconstruction that its usage was measured with."""
    now = study(name)
    keys = now.reconstruction.model_copy(update=EARLIER | {"window_angstrom": WINDOWS[name]})
    return now.model_copy(update={"reconstruction": keys})


def asked(row: Any, by: Study) -> tuple[int, float]:
    """Memory [MB] and time [s] that the model asks for a job of a table."""
    job = Job(row.rule, row.sweep, row.size, scattering(row.study))
    return memory(by, job), seconds(by, job)


def reference(name: str) -> pd.DataFrame:
    """Jobs of a reference whose rule is queued and whose sweep is still in the study."""
    table = reference_jobs(name).assign(study=name)
    known = table["rule"].isin(JOBS["rule"]) & table["sweep"].isin(["", *study(name).sweeps])
    return table[known]


REFERENCE = pd.concat(map(reference, STUDIES))


@pytest.mark.parametrize(
    "row", list(JOBS.itertuples()), ids=lambda row: "-".join(filter(None, row[1:5]))
)
def test_jobs_ask_for_what_they_use_and_little_more(row: Any) -> None:
    mb, time = asked(row, earlier(row.study))
    assert row.used_mb + SNAKEMAKE_MB <= mb
    assert row.used_s <= time
    if row.rule not in OTHERS:  # whose constants are those of the larger study
        assert mb <= MOST * (row.used_mb + SNAKEMAKE_MB)
        assert time <= max(SHORT_S, MOST * row.used_s)


@pytest.mark.parametrize("rule", OTHERS)
def test_constants_are_no_larger_than_the_paper_needs(rule: str) -> None:
    used = JOBS["used_mb"][JOBS["rule"] == rule].max() + SNAKEMAKE_MB
    assert memory(study("demo"), Job(rule)) == memory(study("paper"), Job(rule)) <= MOST * used


@pytest.mark.parametrize(
    "row", list(REFERENCE.itertuples()), ids=lambda row: f"{row.study}-{row.job}"
)
def test_jobs_ask_for_what_whole_runs_used(row: Any) -> None:
    mb, time = asked(row, study("demo") if row.study == "demo" else earlier(row.study))
    assert row.peak_memory_mb + SNAKEMAKE_MB <= mb
    most = min(row.seconds, row.processor_seconds + SAMPLED_S)
    assert row.processor_seconds <= time
    assert row.rule in OTHERS or time <= max(SHORT_S, MOST * most)


def test_the_tables_hold_every_rule_that_is_queued() -> None:
    for name in STUDIES:
        found = set(JOBS["rule"][JOBS["study"] == name])
        assert found == {
            "crystal", "simulate_phonon", "average_phonons", "check_dataset", "count_electrons",
            "compress", "reconstruct", "evaluate", "depth", "figure_data",
        }  # fmt: skip
        assert {"simulate_phonon", "reconstruct"} <= set(reference(name)["rule"])


def test_short_jobs_ask_for_time_to_start() -> None:
    assert minutes(study("demo"), Job("crystal")) == LEAST_MIN
    assert minutes(study("demo"), Job("compress", "zernike", "36")) == LEAST_MIN
    whole = Job("reconstruct", "whole", "36")
    assert minutes(study("paper"), whole) * 60 >= seconds(study("paper"), whole) > LEAST_MIN * 60


def test_snakemakes_own_processes_are_asked_for() -> None:
    (used,) = USAGE["used_mb"][USAGE["rule"] == "snakemake"]
    assert used <= SNAKEMAKE_MB <= MOST * used


def changed(**blocks: dict[str, Any]) -> Study:
    """The demo with other keys."""
    keys = study("demo").model_dump(mode="json", exclude_unset=True)
    for name, block in blocks.items():
        keys[name] |= block
    return load_study(keys, checked=True)


DEPTHS = {"slice_depths_angstrom": [0, 15, 30, 45, 60, 75, 92]}
LARGE = {"shape": [240, 300]}
ZERNIKE, PIXELS = ("zernike", "36"), ("uncompressed", "all")


@pytest.mark.parametrize(
    ("blocks", "rule", "variant", "what"),
    [
        ({"scan": LARGE}, "simulate_phonon", (), "memory seconds"),
        ({"scan": LARGE}, "reconstruct", ZERNIKE, "memory seconds"),
        ({"scan": LARGE}, "compress", PIXELS, "memory seconds"),
        ({"detector": {"pixels": [250, 250]}}, "reconstruct", PIXELS, "memory seconds"),
        ({"reconstruction": DEPTHS}, "reconstruct", ZERNIKE, "memory"),
        ({"reconstruction": DEPTHS | {"epochs": 400}}, "reconstruct", ZERNIKE, "seconds"),
        ({"reconstruction": {"propagation_step_angstrom": 2}}, "reconstruct", ZERNIKE, "memory"),
        ({"reconstruction": {"propagation_step_angstrom": 5}}, "reconstruct", ZERNIKE, "seconds"),
        ({"reconstruction": {"epochs": 400, "batch": 4}}, "reconstruct", ZERNIKE, "seconds"),
        ({"reconstruction": {"absorption": True}}, "reconstruct", ZERNIKE, "memory seconds"),
        ({"simulation": {"batch": 64}}, "simulate_phonon", (), "memory"),
        ({"simulation": {"sampling_angstrom": 0.07}}, "simulate_phonon", (), "memory seconds"),
        ({"crystal": {"repeats": 48}}, "simulate_phonon", (), "memory seconds"),
    ],
)
def test_more_work_asks_for_more(
    blocks: dict[str, Any], rule: str, variant: tuple[str, str], what: str
) -> None:
    job, before, after = Job(rule, *variant), study("demo"), changed(**blocks)
    for name in what.split():
        ask = getattr(resources, name)
        assert ask(after, job) > ask(before, job)


def test_more_masks_ask_for_more() -> None:
    large = changed(scan={"shape": [512, 512]})
    few, many = (Job("reconstruct", "zernike", size) for size in ("6", "45"))
    assert memory(large, many) > memory(large, few) + 512**2 * 4 * (45 - 6) / 1e6


def test_a_detector_that_the_sample_does_not_reach_asks_for_less() -> None:
    known, unknown = Job("reconstruct", *ZERNIKE, scattering("paper")), Job("reconstruct", *ZERNIKE)
    assert minutes(study("paper"), known) < minutes(study("paper"), unknown)
    assert memory(study("paper"), known) < memory(study("paper"), unknown)


def test_a_scan_of_512_by_512_positions_asks_for_what_its_model_weighs() -> None:
    """Against a process of `benchmarks.scaling`, which reads nothing and stores 36 numbers."""
    large = changed(
        scan={"shape": [512, 512]},
        detector={"window_angstrom": [19.25, 19.25], "pixels": [88, 88]},
        reconstruction={"window_angstrom": None},
    )
    table = pd.read_csv(RESULTS / "memory.csv")
    (used,) = table["peak_mb"][table["positions"] == 512**2]
    assert memory(large, Job("reconstruct", *ZERNIKE)) > used + SNAKEMAKE_MB
