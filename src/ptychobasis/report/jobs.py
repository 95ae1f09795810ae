"""Time and memory of every job of a study, recorded or not."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ptychobasis.study.paths import Paths
from ptychobasis.study.schema import Study

_COLUMNS = {"s": "seconds", "cpu_time": "processor_seconds", "max_rss": "peak_memory_mb"}


def expected_jobs(study: Study) -> list[str]:
    """Names of all jobs of a study before its page of provenance.

    A job is called as its file in ``benchmarks``: ``seed_1/reconstruct/zernike/36``.
    """
    paths = Paths(study)
    names = ["crystal"] if study.is_simulated else []
    for seed in study.seeds:
        names += [f"seed_{seed}/{name}" for name in _of_a_seed(study, paths)]
    if not study.is_simulated:
        names += list(_of_the_data(study))
    names += ["gather", *["depth"] * study.resolves_depth, "figure_data", "claims"]
    return names + [f"figures/{name}" for name in paths.figure_names()]


def _of_a_seed(study: Study, paths: Paths) -> Iterator[str]:
    if study.simulation is not None and study.is_simulated:
        phonons = study.simulation.frozen_phonons.configurations
        yield from (f"simulate/phonon_{phonon}" for phonon in range(phonons))
        yield "average_phonons"
        yield from (f"count_electrons/{dose}" for dose in paths.doses)
        yield from _of_the_data(study)
    yield from (f"reconstruct/{variant}" for variant in paths.variants)
    yield "evaluate"


def _of_the_data(study: Study) -> Iterator[str]:
    """Jobs that are done once for a ready data set, and once for each seed of a simulated one."""
    yield "check_dataset"
    stored = dict.fromkeys(study.stored_by(variant) for variant in study.variants())
    yield from (f"compress/{variant}" for variant in stored)


def job_table(study: Study, folder: Path) -> pd.DataFrame:
    """Seconds and memory of every job of a study, from Snakemake's benchmarks.

    Args:
        study: Configuration.
        folder: Folder of the study's results.

    Returns:
        job, seconds, processor_seconds (of all threads; on a machine that others use too, this
        is what the job took) and peak_memory_mb. NaN where nothing was recorded: for a job whose
        files were brought from elsewhere, and for what was too short to be looked at.
    """
    rows = []
    for name in expected_jobs(study):
        where, _, own = name.partition("/") if name.startswith("seed_") else ("", "", name)
        file = folder / where / "benchmarks" / f"{own}.tsv"
        row = {"job": name} | dict.fromkeys(_COLUMNS.values(), float("nan"))
        if file.is_file():
            run = pd.read_csv(file, sep="\t", na_values="-").iloc[-1]
            row |= {column: float(run[key]) for key, column in _COLUMNS.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def not_recorded(table: pd.DataFrame) -> list[str]:
    """Jobs of a `job_table` of which there is no benchmark."""
    return [str(name) for name in table.loc[table["seconds"].isna(), "job"]]
