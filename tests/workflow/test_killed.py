"""A run that is killed is gone on with: by --unlock, and without half-written files."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from conftest import ROOT, snakemake

TARGET = ("--configfile", "config/test.yaml", "--", "results/test/seed_1/dataset.h5")


def hidden(folder: Path) -> list[Path]:
    return [
        path for path in (folder / "results").rglob(".*") if path.name != ".snakemake_timestamp"
    ]


def kill_while_it_writes(folder: Path) -> None:
    """Run the target, and kill all its processes at once while one of them writes patterns."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    with subprocess.Popen(
        [*command, "--cores", "1", *TARGET], cwd=folder, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        while not list(folder.glob("results/test/seed_1/simulation/.phonon_0-*.h5")):
            assert running.poll() is None
            time.sleep(0.001)
        os.killpg(running.pid, signal.SIGKILL)


def test_after_a_kill_the_readme_is_right(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    kill_while_it_writes(tmp_path)
    left = hidden(tmp_path)
    assert [path.suffix for path in left] == [".h5"]
    other = left[0].with_name(".gone-0123abcd.h5")  # of a file that nothing makes any more
    other.write_text("half")
    mine = left[0].with_name(".mine.h5")
    mine.write_text("whole")

    locked = snakemake(tmp_path, *TARGET)
    assert locked.returncode != 0
    assert "Directory cannot be locked" in locked.stderr
    assert "--unlock" in locked.stderr
    planned = snakemake(tmp_path, "--dry-run", *TARGET)
    assert planned.returncode == 0, planned.stderr
    assert set(hidden(tmp_path)) == {*left, other, mine}

    unlocked = snakemake(tmp_path, "--unlock", *TARGET)
    assert unlocked.returncode == 0, unlocked.stderr
    done = snakemake(tmp_path, *TARGET)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / TARGET[-1]).is_file()
    assert hidden(tmp_path) == [mine]
