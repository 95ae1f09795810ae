"""What several tests share: the checkout, and the miniature study run once by Snakemake."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ptychobasis.core import logs

ROOT = Path(__file__).parents[1]


def snakemake(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the workflow of this checkout in `directory`."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--cores", "2", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=directory, capture_output=True, text=True, env=environment, check=False
    )


def skip_unless(found: object, reason: str) -> None:
    """Skip a test on a user's machine that lacks a package; in CI nothing is skipped."""
    if not found:
        if os.environ.get("PTYCHOBASIS_NOTHING_SKIPPED"):
            pytest.fail(reason)
        pytest.skip(reason)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what a folder or a fixture tells; other slow tests say so themselves."""
    for item in items:
        room = item.path.parent.name
        needed = getattr(item, "fixturenames", ())
        if room == "workflow" or "miniature" in needed:
            item.add_marker("slow")
        if room == "slurm":
            item.add_marker("slurm")
        if "browser" in needed:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which the miniature study was run from its atoms to its figures."""
    folder = tmp_path_factory.mktemp("miniature")
    shutil.copytree(ROOT / "config", folder / "config")
    done = snakemake(folder, "--configfile", "config/test.yaml")
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(autouse=True)
def _nothing_warned_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_warned", set())


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the system refuse to lock files with an error, as shared disks without a daemon do."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(error: int) -> None:
        def flock(*_: object) -> None:
            raise OSError(error, os.strerror(error))

        monkeypatch.setattr(fcntl, "flock", flock)

    return refuse
