"""No two jobs hold one GPU, and a job that is killed gives its GPU back."""

import errno
import itertools
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ptychobasis.compute import devices
from ptychobasis.compute.devices import leased
from ptychobasis.compute.gpu_lease import lease
from ptychobasis.core.errors import StudyError

HOLDER = """
import sys, time
from pathlib import Path
from ptychobasis.compute.gpu_lease import lease
folder, count, seconds, wanted = Path(sys.argv[1]), int(sys.argv[2]), *map(float, sys.argv[3:])
with lease([f"gpu-{index}" for index in range(count)], folder, int(wanted)) as held:
    start = time.monotonic()
    print(*held, flush=True)
    time.sleep(seconds)
    print(start, time.monotonic(), flush=True)
"""


def hold(folder: Path, count: int, seconds: float, wanted: int = 1) -> subprocess.Popen[str]:
    """A process that holds one of `count` devices, or more, for a while."""
    command = [sys.executable, "-c", HOLDER, *map(str, (folder, count, seconds, wanted))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize(("jobs", "count", "wanted"), [(6, 2, 1), (4, 3, 1), (4, 3, 2), (3, 2, 2)])
def test_no_two_jobs_hold_one_gpu(tmp_path: Path, jobs: int, count: int, wanted: int) -> None:
    processes = [hold(tmp_path, count, 0.3, wanted) for _ in range(jobs)]
    held: dict[int, list[tuple[float, float]]] = {}
    for process in processes:
        indices, times = process.communicate(timeout=60)[0].splitlines()
        start, end = map(float, times.split())
        for index in indices.split():
            held.setdefault(int(index), []).append((start, end))
    assert sum(map(len, held.values())) == jobs * wanted
    assert set(held) <= set(range(count))
    for spans in held.values():
        spans.sort()
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_jobs_spread_over_the_gpus(tmp_path: Path) -> None:
    processes = [hold(tmp_path, 3, 60) for _ in range(3)]
    try:
        assert sorted(map(first_line, processes)) == ["0", "1", "2"]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_killed_job_frees_its_gpu(tmp_path: Path) -> None:
    first = hold(tmp_path, 1, 600)
    assert first_line(first) == "0"
    second = hold(tmp_path, 1, 0)
    with pytest.raises(subprocess.TimeoutExpired):  # it waits
        second.wait(timeout=2)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert second.communicate(timeout=60)[0].startswith("0\n")


def test_an_error_in_the_job_frees_its_gpu(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lease(["a"], tmp_path):
        raise ZeroDivisionError
    with lease(["a"], tmp_path) as held:
        assert held == [0]


def test_without_locks_any_gpus_are_taken(
    tmp_path: Path, without_locks: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    without_locks(errno.ENOLCK)
    for _ in range(2):
        with lease(["a", "b", "c"], tmp_path, 2) as held:
            assert len(set(held)) == 2
            assert set(held) <= {0, 1, 2}
    (said,) = caplog.messages
    assert said == (
        f"GPUs cannot be leased in {tmp_path} ([Errno 37] No locks available); going on, on any of "
        "them"
    )


def test_without_a_folder_any_gpu_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with lease(["a"], tmp_path / "file" / "folder") as held:
        assert held == [0]
    assert "GPUs cannot be leased" in caplog.text


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], None]:
    """Let torch say that there are GPUs."""

    class Properties:
        def __init__(self, index: int) -> None:
            self.uuid = f"uuid-{index}"

    def pretend(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    monkeypatch.setattr(torch.cuda, "get_device_properties", Properties)
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    pretend(2)
    return pretend


def test_a_gpu_becomes_one_of_them(two_gpus: Callable[[int], None]) -> None:
    with leased(torch.device("cuda")) as [one], leased(torch.device("cuda")) as [other]:
        assert {one.index, other.index} == {0, 1}


def test_a_job_may_have_several(two_gpus: Callable[[int], None]) -> None:
    with leased(torch.device("cuda"), 2) as both:
        assert [device.index for device in both] == [0, 1]
    with (
        pytest.raises(StudyError, match="is 3, but this job sees 2 GPUs"),
        leased(torch.device("cuda"), 3),
    ):
        pass


def test_the_cpu_and_a_chosen_gpu_need_no_lease(two_gpus: Callable[[int], None]) -> None:
    for device in map(torch.device, ("cpu", "cpu", "cpu", "cuda:1", "cuda:1")):
        with leased(device) as same:
            assert same == [device]
    with leased(torch.device("cpu"), 2) as same:
        assert same == [torch.device("cpu")] * 2


def test_slurm_has_chosen_already(
    two_gpus: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    two_gpus(1)
    with leased(torch.device("cuda")) as [one], leased(torch.device("cuda")) as [other]:
        assert one.index == other.index == 0
    two_gpus(2)  # an allocation of several, shared by jobs that run within it
    with leased(torch.device("cuda")) as [one], leased(torch.device("cuda")) as [other]:
        assert {one.index, other.index} == {0, 1}
    with leased(torch.device("cuda"), 2) as one, leased(torch.device("cuda"), 2) as other:
        assert one == other
