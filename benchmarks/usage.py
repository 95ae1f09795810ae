"""Memory and time that jobs use, beside what `ptychobasis.resources` makes the rules ask for.

The scripts of the rules, each in a process of its own with one thread, at the scale of the demo and
of the paper. The patterns are one simulated pattern times noise, which takes as much memory and
time as true ones. Memory is the largest resident set; what Snakemake's own processes take beside
it on a cluster is the first row and part of what jobs ask for. Times are processor time,
extrapolated from a few probes of a simulation and from the last of a few epochs of a
reconstruction, or that of the same job in results/reference if it was longer: there two jobs ran
side by side, which takes up to twice as long. Whatever `asked_s` says, five minutes are asked for
at least. A joint probe moves from the start; evaluations read one of the few reconstructions for
each that they ask for.
"""

import importlib
import json
import math
import resource
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import yaml

from ptychobasis.core.variant import Variant
from ptychobasis.study import resources
from ptychobasis.study.load import load_study
from ptychobasis.study.resources import Job
from ptychobasis.study.schema import Study
from ptychobasis.study.sizes import Scattering

ROOT = Path(__file__).parents[1]
TABLES = ("usage",)
STUDIES = ("demo", "paper")
COMPRESSED = ("zernike/36", "binning/5", "svd/36", "bright-field/all", "uncompressed/all")
# an ordinary one, bins and a joint probe with dark-field masks, and those with large grids
RECONSTRUCTED = {
    "demo": ("zernike/36", "binning-bins/7", "both/36", "uncompressed/all"),
    "paper": ("zernike/36", "binning-bins/7", "both/36", "uncompressed/all", "whole/36"),
}
PROBES, EPOCHS = 48, 3  # that are computed
DOSE = 1e4  # [electrons/Å²]


@cache
def study(name: str) -> Study:
    """That of ``config/{name}.yaml``; `benchmarks.data` imports more than jobs do."""
    return load_study(ROOT / "config" / f"{name}.yaml")


class _Wildcards(dict[str, str]):
    """As Snakemake gives them to scripts: by name and in order."""

    __getattr__ = dict.__getitem__

    def __iter__(self) -> Iterator[str]:
        return iter(self.values())


def run() -> dict[str, list[dict[str, Any]]]:
    """Run a job of each kind of both studies."""
    rows = [_snakemake()]
    for name in STUDIES:
        with tempfile.TemporaryDirectory() as folder:
            rows += [_row(name, folder, job) for job in _jobs(name)]
    return {"usage": rows}


@cache
def scattering(name: str) -> Scattering:
    """One that makes the model's patterns as large as those of the reference."""
    table = pd.read_csv(ROOT / "results" / "reference" / name / "summary.csv")
    window = study(name).optics().detector.extent[0]
    return (math.sqrt(table["pattern_pixels"].min()) / 2 / window,), (1.0,)


def reference_jobs(name: str) -> pd.DataFrame:
    """Jobs of the reference, with their rule, sweep and size."""
    table = pd.read_csv(ROOT / "results" / "reference" / name / "jobs.csv")
    form = r"(?:seed_\d+/)?(?P<rule>\w+)(?:/(?P<sweep>[\w-]+))?(?:/(?P<size>\w+))?$"
    table = table.join(table["job"].str.extract(form).fillna(""))
    simulated = table["rule"] == "simulate"
    table.loc[simulated, ["rule", "sweep"]] = ["simulate_phonon", ""]
    return table


def _row(name: str, folder: str, job: Job) -> dict[str, Any]:
    print(*job[:3], file=sys.stderr)
    command = [sys.executable, "-m", "benchmarks.usage", name, folder, *job[:3]]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    used_mb, used_s = json.loads(done.stdout.splitlines()[-1])
    jobs = reference_jobs(name)
    same = jobs[(jobs["rule"] == job.rule) & (jobs["sweep"] == job.sweep)
                & (jobs["size"] == job.size)]  # fmt: skip
    job = job._replace(scattering=scattering(name))
    return {
        "rule": job.rule,
        "study": name,
        "sweep": job.sweep,
        "size": job.size,
        "asked_mb": resources.memory(study(name), job),
        "used_mb": used_mb,
        "asked_s": resources.seconds(study(name), job),
        "used_s": max(used_s, same["processor_seconds"].max() if len(same) else 0.0),
    }


def _jobs(name: str) -> Iterator[Job]:
    """Jobs in an order in which each finds the files that it reads."""
    first = ("crystal", "simulate_phonon", "average_phonons", "check_dataset", "count_electrons")
    yield from map(Job, first)
    for rule, variants in (("compress", COMPRESSED), ("reconstruct", RECONSTRUCTED[name])):
        for variant in variants:
            yield Job(rule, *Variant.parse(variant))
    yield from map(Job, ("evaluate", "depth", "figure_data"))


def _snakemake() -> dict[str, Any]:
    """What Snakemake takes of a job on a cluster: one process in the job, one in its step."""
    command = [sys.executable, "-c", _WEIGH, sys.executable, "-m", "snakemake", "--dry-run"]
    command += ["--quiet", "all", "--configfile", "config/demo.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    used_mb, used_s = json.loads(done.stdout.splitlines()[-1])
    row = {"rule": "snakemake", "study": "demo", "sweep": "", "size": ""}
    asked = {"asked_mb": resources.SNAKEMAKE_MB, "asked_s": 60 * resources.LEAST_MIN}
    return row | asked | {"used_mb": 2 * used_mb, "used_s": 2 * used_s}


_WEIGH = """
import json, resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_maxrss / 1024, used.ru_utime + used.ru_stime]))
"""


def _work(name: str, folder: Path, job: Job) -> None:
    """Run the script of a rule as Snakemake would, and print what this process used."""
    extra = [0.0]  # processor seconds of what was left out
    keys = yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())
    if job.rule == "simulate_phonon":
        _shorten_simulation(extra)
    if job.rule == "reconstruct":
        _shorten_reconstruction(extra, study(name).recon(job.sweep).epochs)
        own = keys["sweeps"][job.sweep].setdefault("reconstruction", {})
        own |= {"epochs": EPOCHS, "probe_start_epoch": 0}
    importlib.import_module("snakemake.iocontainers")  # as every script does
    script = ROOT / "workflow" / "scripts" / f"{job.rule}.py"
    runpy.run_path(str(script), {"snakemake": _told(name, folder, job, keys)})
    peak = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line
    )  # unlike ru_maxrss it does not begin with the peak of the process that started this one
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([int(peak.split()[1]) / 1024, used.ru_utime + used.ru_stime + extra[0]]))


def _told(name: str, folder: Path, job: Job, keys: dict[str, Any]) -> SimpleNamespace:
    """What Snakemake would tell the script of a job."""
    chosen, seed = study(name), study(name).seeds[0]
    variants = list(map(str, chosen.variants()))
    made, full = RECONSTRUCTED[name], folder / "dataset.h5"
    found = {v: str(folder / f"{v if v in made else made[0]}.result.h5") for v in variants}
    stored = {v: folder / f"{v if v in COMPRESSED else COMPRESSED[0]}.h5" for v in variants}
    own = Variant(job.sweep, job.size)
    base = str(chosen.stored_by(own)) if job.sweep else ""
    assert chosen.simulation is not None
    phonons = chosen.simulation.frozen_phonons.configurations
    links = [folder / f"phonon_{i}.h5" for i in range(phonons)]
    for link in links[1:]:
        if not link.is_symlink():
            link.symlink_to(links[0])
    inputs = {
        "atoms": folder / "atoms.xyz",
        "configurations": links,
        "dataset": full,
        "datasets": [full] * len(chosen.seeds),
        "checks": folder / "checks.json",
        "compressed": folder / f"{base if base in COMPRESSED else COMPRESSED[0]}.h5",
        "reconstructions": [found[v] for v in variants],
        "reconstruction": found[chosen.figures.compare[-1]],
        "counts": [],
    }
    if job.rule == "depth":
        inputs["reconstructions"] = [found[v] for v in variants for _ in chosen.seeds]
    if job.rule == "evaluate":
        inputs["compressed"] = [stored[v] for v in variants]
    if job.rule == "figure_data":
        inputs["compressed"] = [stored[v] for v in chosen.figures.compare]
    outputs = {
        "atoms": folder / "atoms.xyz",
        "patterns": links[0],
        "dataset": full,
        "checks": folder / ("checks.json" if job.rule == "check_dataset" else "crystal.json"),
        "counts": folder / "counts.h5",
        "compressed": folder / f"{own}.h5",
        "reconstruction": folder / f"{own}.result.h5",
        "figure_data": folder / "figure_data.h5",
        **{table: folder / f"{table}.csv" for table in ("fsc", "summary", "depth")},
    }
    wildcards = {"seed": str(seed)}
    wildcards |= {"sweep": job.sweep, "size": job.size} if job.sweep else {"phonon": "0"}
    params = {"dose": DOSE, "settings": {}, "code": "", "variants": variants}
    params |= {"checkpoint": folder / "checkpoint.pt"}
    return SimpleNamespace(
        rule=job.rule, log=[], config=keys, threads=1, resources={"gpu": 0},
        wildcards=_Wildcards(wildcards), params=SimpleNamespace(**params),
        input=SimpleNamespace(**inputs), output=SimpleNamespace(**outputs),
    )  # fmt: skip


def _shorten_simulation(extra: list[float]) -> None:
    """Compute a few probes alone; the patterns of the others are the first one times noise."""
    from ptychobasis.simulation import abtem_scan as simulation  # noqa: PLC0415

    scan = simulation.scan

    def few(potential: Any, optics: Any, positions: Any, keys: Any, **others: Any) -> Iterator[Any]:
        times = []
        for block in scan(potential, optics, positions[:PROBES], keys, **others):
            times.append(time.process_time())
            first = block[0]
            yield block
        batches = math.ceil(len(positions) / keys.batch) - len(times)
        extra[0] = batches * (times[-1] - times[0]) / (len(times) - 1)
        generator = np.random.default_rng(0)
        for _ in range(PROBES, len(positions)):
            noise = generator.uniform(0.5, 1.5, first.shape)
            yield (first * noise)[None].astype(np.float32)

    simulation.scan = few


def _shorten_reconstruction(extra: list[float], epochs: int) -> None:
    """Count the last epoch for those that are left out."""
    from ptychobasis.reconstruction.descent import Descent, State  # noqa: PLC0415

    epoch = Descent.epoch

    def timed(descent: Descent, state: State) -> None:
        began = time.process_time()
        epoch(descent, state)
        extra[0] = (epochs - EPOCHS) * (time.process_time() - began)

    setattr(Descent, "epoch", timed)  # noqa: B010  (mypy would not have a method assigned)


if __name__ == "__main__":
    _work(sys.argv[1], Path(sys.argv[2]), Job(sys.argv[3], sys.argv[4], sys.argv[5]))
