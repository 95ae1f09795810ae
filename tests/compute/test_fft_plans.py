"""FFT plans are measured once and then remembered, and nothing breaks where they cannot be."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyfftw
import pytest

from ptychobasis.compute import fft_plans as plans
from ptychobasis.compute.fft_plans import remembered_plans


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plans, "user_cache_path", lambda name: tmp_path / name)
    return tmp_path / "ptychobasis"


def plan(*, wisdom_only: bool = False) -> pyfftw.FFTW:
    array = pyfftw.zeros_aligned((3, 36, 44), np.complex64)
    flags = ("FFTW_MEASURE", "FFTW_WISDOM_ONLY") if wisdom_only else ("FFTW_MEASURE",)
    return pyfftw.FFTW(array, array, axes=(1, 2), flags=flags)


def test_a_plan_is_measured_once(cache: Path) -> None:
    pyfftw.forget_wisdom()
    with remembered_plans():
        plan()
    pyfftw.forget_wisdom()
    with pytest.raises(RuntimeError):  # what follows can only be made from what is remembered
        plan(wisdom_only=True)
    with remembered_plans():
        plan(wisdom_only=True)


@pytest.mark.parametrize("damage", ["", "no JSON", '["wisdom"]', "[1, 2, 3]", '["a", "b", "c"]'])
def test_a_damaged_file_is_told_and_replaced(
    cache: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    pyfftw.forget_wisdom()
    with remembered_plans():
        plan()
    (path,) = cache.glob("*.json")
    path.write_text(damage)
    pyfftw.forget_wisdom()
    with remembered_plans():
        plan()
    assert "damaged; measuring them anew" in caplog.text
    assert len(json.loads(path.read_text())) == 3


def test_without_a_folder_for_it_the_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(plans, "user_cache_path", lambda name: tmp_path / "file" / name)
    pyfftw.forget_wisdom()
    for _ in range(2):
        with remembered_plans():
            done = plan()
    assert done.input_shape == (3, 36, 44)
    (said,) = caplog.messages  # once
    assert said.startswith(f"FFT plans in {tmp_path / 'file' / 'ptychobasis'} cannot be locked or")


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_locks_plans_are_remembered_all_the_same(
    cache: Path,
    without_locks: Callable[[int], None],
    caplog: pytest.LogCaptureFixture,
    error: int,
) -> None:
    without_locks(error)
    pyfftw.forget_wisdom()
    with remembered_plans():
        plan()
    pyfftw.forget_wisdom()
    with remembered_plans():
        plan(wisdom_only=True)
    (said,) = caplog.messages
    assert os.strerror(error) in said


def test_a_cache_that_can_only_be_read_is_read(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pyfftw.forget_wisdom()
    with remembered_plans():
        plan()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "write_text", refuse)
    monkeypatch.setattr(plans, "FileLock", refuse)
    pyfftw.forget_wisdom()
    with remembered_plans():
        plan(wisdom_only=True)
        pyfftw.FFTW(*[pyfftw.zeros_aligned(45, np.complex64)] * 2, flags=("FFTW_MEASURE",))
    (said,) = caplog.messages
    assert "Read-only file system" in said
    assert len(list(cache.glob("*.json"))) == 1
    assert not [each for each in cache.iterdir() if each.suffix not in (".json", ".lock")]


def test_one_process_at_a_time(cache: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ptychobasis.compute import fft_plans as plans\n"
        "plans.user_cache_path = lambda name: Path(sys.argv[1]) / name\n"
        "print('waiting', flush=True)\n"
        "with plans.remembered_plans(): print('in', flush=True)"
    )
    with remembered_plans():
        other = subprocess.Popen(
            [sys.executable, "-c", code, str(cache.parent)], stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "waiting\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.5)
    assert other.communicate(timeout=60)[0] == "in\n"
