"""The study on a real Slurm: what is killed there is tried again and goes on where it was.

`pytest tests/slurm` installs Slurm if it may, starts it on this machine, runs the miniature
study through profiles/slurm and does to its jobs what happens to jobs on clusters.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from cluster import CPUS, cluster, jobs, output, queued, why_not
from conftest import ROOT, skip_unless

from ptychobasis.bases.compressed_file import read_compressed
from ptychobasis.core.seeds import derived_seed
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.reconstruction.run import reconstruct
from ptychobasis.study.load import load_study

EPOCHS = 400  # enough to be caught between the first checkpoint and the end
PATIENT = {"epochs": EPOCHS, "step_rad": 0.01}
LONG = {"reconstruction": PATIENT}
OVERLAY: dict[str, Any] = {
    "sweeps": {"zernike": LONG, "binning": LONG},
    "reconstruction": {"checkpoint_seconds": 0},  # after each epoch
}
NO_MEMORY, NO_TIME, CANCELLED = "zernike/3", "zernike/6", "binning/3"
UNDISTURBED = ("svd/3", "bright-field/all", "uncompressed/all")
SHARED = "joint/6"  # by two processes, with a GPU each


def of_variant(variant: str) -> str:
    """How the job of a reconstruction is called in the queue."""
    return f"rule_reconstruct_wildcards_1_{variant.replace('/', '_')}"


@dataclass
class Run:
    """A run of the workflow on Slurm.

    Attributes:
        folder: in which it runs.
        process: of Snakemake.
        gpus: GPUs that Slurm allocated, by the number of the job.
    """

    folder: Path
    process: subprocess.Popen[bytes]
    gpus: dict[str, str] = field(default_factory=dict)

    @property
    def results(self) -> Path:
        return self.folder / "results/test"

    def look(self) -> None:
        """Note the GPUs of running jobs, which Slurm forgets when they end."""
        for job in jobs():
            if found := re.search(r"IDX:(\S+)\)", job.get("GRES", "")):
                self.gpus[job["JobId"]] = found[1]

    def attempts(self, comment: str) -> list[dict[str, str]]:
        """The jobs of one rule with its wildcards, the first one first."""
        return [job for job in jobs() if job["Comment"] == comment]

    def screen(self) -> str:
        return (self.folder / "screen").read_text()


def start(folder: Path, overlay: dict[str, Any]) -> Run:
    """Start the workflow in a folder whose reconstructions are yet to be made."""
    for name in ("seed_1/reconstructions", "seed_1/tables", "tables", "figures"):
        shutil.rmtree(folder / "results/test" / name)
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    command = ["setpriv", "--pdeathsig", "INT"]  # it must not outlive this process
    command += [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--profile", str(ROOT / "profiles/slurm")]
    command += ["--workflow-profile", str(ROOT / "tests/slurm/site")]
    command += ["--configfile", "config/test.yaml", "overlay.yaml"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder / "screen").open("wb") as screen:
        process = subprocess.Popen(
            command, cwd=folder, stdout=screen, stderr=screen, env=environment,
            start_new_session=True,
        )  # fmt: skip
    return Run(folder, process)


def pause_after_checkpoint(run: Run, variant: str) -> str | None:
    """Stop a reconstruction that has written a checkpoint; the number of its job."""
    if not (run.results / f"seed_1/checkpoints/{variant}.pt").exists():
        return None
    number = run.attempts(of_variant(variant))[0]["JobId"]
    for line in output("scontrol", "listpids", number).splitlines()[1:]:
        process = line.split()[0]
        command = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        if any(word.endswith(b".reconstruct.py") for word in command):
            os.kill(int(process), signal.SIGSTOP)
    assert not (run.results / f"seed_1/reconstructions/{variant}.h5").exists()
    return number


def cancel(number: str) -> None:
    subprocess.run(["scancel", number], check=True)


def end_its_time(number: str) -> None:
    """Move the time limit of a job to now; Slurm looks at time limits every half minute."""
    change = ["scontrol", "update", f"JobId={number}", "EndTime=now+1second"]
    subprocess.run(change, check=True)


def disturb(run: Run) -> None:
    """Let two reconstructions that have begun be killed; wait for the end of the run."""
    todo: dict[str, Callable[[str], None]] = {CANCELLED: cancel, NO_TIME: end_its_time}
    deadline = time.monotonic() + 900
    while run.process.poll() is None:
        assert time.monotonic() < deadline, run.screen()[-3000:]
        for variant in list(todo):
            if (number := pause_after_checkpoint(run, variant)) is not None:
                todo.pop(variant)(number)
        run.look()
        time.sleep(0.05)
    assert not todo, run.screen()[-3000:]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    reason = why_not()
    skip_unless(reason is None, f"no Slurm: {reason}")
    with cluster(tmp_path_factory.mktemp("slurm")):
        yield


@pytest.fixture(scope="module")
def run(slurm: None, miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The miniature study, some of whose jobs were killed."""
    folder = tmp_path_factory.mktemp("study") / "copy"
    shutil.copytree(miniature, folder)
    run = start(folder, OVERLAY)
    try:
        disturb(run)
        yield run
    finally:
        run.process.kill()
        run.process.wait()


def test_the_study_runs_to_its_end(run: Run) -> None:
    assert run.process.returncode == 0, run.screen()[-4000:]
    for name in ("masks", "fsc", "slices", "quality", "depth"):
        assert (run.results / f"figures/{name}.png").exists()
    assert not list(run.results.glob("seed_1/checkpoints/**/*.pt"))


def test_every_reconstruction_had_a_job_and_gpus_of_its_own(run: Run) -> None:
    for variant in (*UNDISTURBED, SHARED, NO_MEMORY, NO_TIME, CANCELLED):
        last = run.attempts(of_variant(variant))[-1]
        assert last["Partition"] == "gpu"
        assert last["JOB_GRES"] == f"gpu:{1 + (variant == SHARED)}"
        log = (run.results / f"seed_1/logs/reconstruct/{variant}.log").read_text()
        gpu = run.gpus[last["JobId"]].replace("-", ",")
        assert f"Slurm job {last['JobId']} on" in log
        assert f"CUDA_VISIBLE_DEVICES: {gpu}\n" in log
    assert len(set(run.gpus.values())) > 1


def test_other_jobs_take_no_gpu(run: Run) -> None:
    (evaluation,) = run.attempts("rule_evaluate_wildcards_1")
    assert evaluation["Partition"] == "cpu"
    assert "TresPerJob" not in evaluation
    assert evaluation["JobId"] not in run.gpus


def test_what_was_not_disturbed_ran_once_and_gave_the_same_bits(run: Run, miniature: Path) -> None:
    for variant in UNDISTURBED:
        assert [job["JobState"] for job in run.attempts(of_variant(variant))] == ["COMPLETED"]
        ours = read_reconstruction(run.results / f"seed_1/reconstructions/{variant}.h5")
        here = read_reconstruction(miniature / f"results/test/seed_1/reconstructions/{variant}.h5")
        np.testing.assert_array_equal(ours.phase, here.phase)


def test_processes_that_share_a_job_give_what_one_gives(run: Run, miniature: Path) -> None:
    log = (run.results / f"seed_1/logs/reconstruct/{SHARED}.log").read_text()
    assert "2 processes share the scan positions" in log
    path = f"seed_1/reconstructions/{SHARED}.h5"
    ours = read_reconstruction(run.results / path)
    here = read_reconstruction(miniature / "results/test" / path)
    assert ours.run.device == "2 x cpu"
    np.testing.assert_allclose(ours.loss, here.loss, rtol=1e-5)
    assert abs(ours.phase.array - here.phase.array).max() < 1e-4 * abs(here.phase.array).max()


def test_a_job_killed_for_memory_is_tried_again_with_more(run: Run) -> None:
    first, second = run.attempts(of_variant(NO_MEMORY))
    assert (first["Mem"], second["Mem"]) == ("300", "2400")
    assert first["JobState"] in {"FAILED", "OUT_OF_MEMORY"}
    assert second["JobState"] == "COMPLETED"
    assert "exceeded memory limit" in Path(first["StdOut"]).read_text()


@pytest.mark.parametrize(
    ("variant", "state", "limits"),
    [(CANCELLED, "CANCELLED", ["00:05:00", "00:10:00"]), (NO_TIME, "TIMEOUT", [None, "00:10:00"])],
)
def test_a_killed_job_goes_on_from_its_checkpoint(
    run: Run, variant: str, state: str, limits: list[str | None]
) -> None:
    found = run.attempts(of_variant(variant))
    assert [job["JobState"] for job in found] == [state, "COMPLETED"]
    for job, limit in zip(found, limits, strict=True):
        assert job["TimeLimit"] == limit or limit is None  # the test shortened that one
    log = (run.results / f"seed_1/logs/reconstruct/{variant}.log").read_text()
    epoch = re.search(r"going on after epoch (\d+), from", log)
    assert epoch, log
    assert 1 <= int(epoch[1]) < EPOCHS


@pytest.mark.parametrize("variant", [CANCELLED, NO_TIME, NO_MEMORY])
def test_a_killed_job_ends_with_the_same_bits(run: Run, variant: str) -> None:
    study = load_study(ROOT / "config/test.yaml")
    settings = study.reconstruction.model_copy(update=PATIENT)
    seed = derived_seed(1, *variant.split("/"))
    data = read_compressed(run.results / f"seed_1/compressed/{variant}.h5")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as jobs have
    try:
        undisturbed = reconstruct(data, settings, seed)
    finally:
        torch.set_num_threads(threads)
    ours = read_reconstruction(run.results / f"seed_1/reconstructions/{variant}.h5")
    np.testing.assert_array_equal(ours.phase, undisturbed.phase)
    np.testing.assert_array_equal(ours.loss, undisturbed.loss)


def test_logs_name_rule_and_wildcards(run: Run) -> None:
    for variant in UNDISTURBED:
        log = (run.results / f"seed_1/logs/reconstruct/{variant}.log").read_text()
        assert re.search(rf"^\S+ reconstruct/1/{variant}: epoch 4 of 4", log, re.MULTILINE)
        slurms = Path(run.attempts(of_variant(variant))[0]["StdOut"])
        assert slurms.parts[-3:-1] == ("rule_reconstruct", f"1_{variant.replace('/', '_')}")
        assert "epoch 4 of 4" in slurms.read_text()


def test_an_interrupted_run_empties_the_queue(slurm: None, miniature: Path, tmp_path: Path) -> None:
    before = {job["JobId"] for job in jobs()}
    shutil.copytree(miniature, tmp_path / "copy")
    run = start(tmp_path / "copy", {"reconstruction": {"epochs": 10_000}})
    try:
        deadline = time.monotonic() + 60
        states: list[str] = []
        # one may have two of the GPUs, of which there are as many as CPUs
        while states.count("RUNNING") < CPUS - 1 or "PENDING" not in states:
            assert run.process.poll() is None, run.screen()[-3000:]
            assert time.monotonic() < deadline, f"{states}\n{run.screen()[-3000:]}"
            time.sleep(0.2)
            states = [job["JobState"] for job in jobs() if job["JobId"] not in before]
        run.process.send_signal(signal.SIGINT)
        # it ends after its pause between two looks at the queue, each 10 s longer than the last
        assert run.process.wait(120) != 0
        deadline = time.monotonic() + 20
        while queued() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert queued() == []
        ours = [job["JobState"] for job in jobs() if job["JobId"] not in before]
        assert len(ours) == 7
        assert set(ours) == {"CANCELLED"}
    finally:
        run.process.kill()
        run.process.wait()
