"""Processes that share the scan positions find what one finds, and none outlives its job."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import shared
import torch

from ptychobasis.reconstruction.processes import Team
from ptychobasis.reconstruction.result_file import Reconstruction, read_reconstruction
from ptychobasis.reconstruction.settings import ReconstructionSettings
from ptychobasis.reconstruction.task import ReconstructionTask

pytestmark = pytest.mark.slow  # processes that start torch

CPU = torch.device("cpu")
DRIVER = """
import logging, sys
import torch
from ptychobasis.core.errors import StudyError
from ptychobasis.core.logs import start_log
from ptychobasis.reconstruction.task import ReconstructionTask
task = ReconstructionTask.model_validate_json(sys.argv[1])
start_log(task.name, task.log, "w")
try:
    task.run([torch.device("cpu")] * 2)
except StudyError as error:
    logging.error("error: %s", error)
    raise SystemExit(1)
"""
# what Python reads at its start: an error in the second process alone
FAULT = """
import os
if os.environ.get("RANK") == "1":
    from ptychobasis.reconstruction.descent import Descent
    def fail(*arguments):
        raise MemoryError("nothing left")
    Descent.epoch = fail
"""


@pytest.fixture
def task(tmp_path: Path) -> ReconstructionTask:
    """Discs to be explained with a joint probe."""
    shared.discs(tmp_path / "data.h5", shared.optics((32, 28), (0.3, 0.34)))
    settings = ReconstructionSettings(
        left_out=0, slice_depths_angstrom=(0.0, 15.0), epochs=6, batch=5, probe="joint",
        probe_start_epoch=2,
        device="cpu",
    )  # fmt: skip
    return ReconstructionTask(
        compressed=tmp_path / "data.h5",
        output=tmp_path / "result.h5",
        settings=settings,
        seed=1,
        checkpoint=tmp_path / "state.pt",
        code="mine",
        log=tmp_path / "log",
    )


def changed(task: ReconstructionTask, **keys: Any) -> ReconstructionTask:
    """The same with other settings."""
    return task.model_copy(update={"settings": task.settings.model_copy(update=keys)})


def found_by(task: ReconstructionTask, processes: int) -> Reconstruction:
    task.run([CPU] * processes)
    return read_reconstruction(task.output)


def assert_close(one: Reconstruction, other: Reconstruction) -> None:
    """The same within what single precision rounds off in so many steps."""
    np.testing.assert_allclose(one.loss, other.loss, rtol=1e-5)
    for found, wanted in ((one.phase.array, other.phase.array), (one.probe, other.probe)):
        assert np.abs(found - wanted).max() < 1e-4 * np.abs(wanted).max()


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_every_position_has_one_process(size: int) -> None:
    batch = np.arange(5)
    shares = [Team(rank, size).share(batch) for rank in range(size)]
    np.testing.assert_array_equal(np.concatenate(shares), batch)


@pytest.mark.parametrize("absorption", [False, True])
def test_two_processes_find_what_one_finds(task: ReconstructionTask, absorption: bool) -> None:
    task = changed(task, absorption=absorption)
    one = found_by(task, 1)
    both = found_by(task, 2)
    assert_close(both, one)
    assert not np.array_equal(one.phase, np.zeros_like(one.phase))
    assert (one.run.device, both.run.device) == ("cpu", "2 x cpu")


def test_more_processes_than_positions_in_a_batch(task: ReconstructionTask) -> None:
    few = changed(task, batch=2, epochs=3)
    assert_close(found_by(few, 3), found_by(few, 1))


def run_as_job(task: ReconstructionTask, **environment: str) -> subprocess.CompletedProcess[str]:
    """As the workflow's script does, with the log that it begins."""
    command = [sys.executable, "-c", DRIVER, task.model_dump_json()]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_an_error_of_all_is_in_the_log(task: ReconstructionTask, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("of an earlier run")
    assert run_as_job(changed(task, loss="amplitude")).returncode == 1
    said = (tmp_path / "log").read_text()
    assert "earlier" not in said
    assert "reconstruct: error: loss 'amplitude' needs pixels" in said
    assert re.search(r"reconstruct: error: process \d of 2 failed, see above\n$", said)
    assert not task.output.exists()


def test_an_error_of_one_ends_all_and_is_in_the_log(
    task: ReconstructionTask, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(FAULT)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    assert run_as_job(task, PYTHONPATH=path).returncode == 1
    said = (tmp_path / "log").read_text()
    assert "reconstruct [process 1]: error" in said
    assert "MemoryError: nothing left" in said
    assert "error: process 1 of 2 failed" in said
    assert not task.output.exists()


def test_killed_they_leave_nothing_running_and_go_on(
    task: ReconstructionTask, tmp_path: Path
) -> None:
    long = changed(task, epochs=150, checkpoint_seconds=0.0)
    command = [sys.executable, "-c", DRIVER, long.model_dump_json()]
    running = subprocess.Popen(command)
    while not long.checkpoint.exists():
        assert running.poll() is None
        time.sleep(0.01)
    members = psutil.Process(running.pid).children()
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert len(members) >= 2
    _, alive = psutil.wait_procs(members, timeout=60)
    assert not alive
    assert not long.output.exists()
    subprocess.run(command, check=True)
    assert "going on after epoch" in (tmp_path / "log").read_text()
    again = read_reconstruction(long.output)
    subprocess.run(command, check=True)
    assert_close(again, read_reconstruction(long.output))
