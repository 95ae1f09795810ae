"""What runs again after a change, asked of real Snakemake by dry runs on the finished miniature."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
import yaml
from conftest import ROOT, snakemake

MINIATURE = ("--configfile", "config/test.yaml")
# what draws or tells of reconstructions
SHOWN = {
    "evaluate", "gather", "depth", "claims", "provenance", "figure_fsc", "figure_quality",
    "figure_slices", "figure_depth", "figure_probe", "figure_claims",
}  # fmt: skip
REDONE = SHOWN | {"reconstruct", "figure_data", "figure_masks"}
ALL = REDONE | {
    "crystal", "simulate_phonon", "average_phonons", "check_dataset", "compress",
}  # fmt: skip


def jobs(output: str) -> set[str]:
    """Rules that a dry run names in its table of jobs."""
    if "Nothing to be done" in output:
        return set()
    table = output.split("Job stats:", 1)[1].split("total", 1)[0].splitlines()[3:]
    return {line.split()[0] for line in table if line.strip()} - {"all"}


def planned(folder: Path, *arguments: str) -> str:
    done = snakemake(folder, "--dry-run", *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout, whose code may be changed; dates of files stay as they are."""
    for name in ("workflow", "src", "envs"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=ignored)
    shutil.copy2(ROOT / "Snakefile", tmp_path / "copy/Snakefile")
    return tmp_path / "copy"


def planned_by(checkout: Path, folder: Path) -> set[str]:
    """Rules that the code of another checkout would run on the finished miniature."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(checkout / "Snakefile")]
    command += ["--cores", "2", "--dry-run", *MINIATURE]
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return jobs(done.stdout + done.stderr)


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_another_place_of_the_same_code_reruns_nothing(miniature: Path, checkout: Path) -> None:
    assert planned_by(checkout, miniature) == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "rerun"),
    [
        (  # the derivation of seeds
            "core/seeds.py", "zlib.crc32(", "zlib.adler32(", REDONE,
        ),
        (  # the optics: its sign of the defocus
            "simulation/geometry.py", "microscope.defocus_angstrom", "-microscope.defocus_angstrom",
            ALL,
        ),
        (  # the scan
            "simulation/geometry.py", "(n - 1) / 2) * step", "n / 2) * step", ALL,
        ),
        (  # a loss
            "reconstruction/losses.py", "total = (predicted", "total = 1.0 * (predicted",
            REDONE,
        ),
        (  # a figure
            "report/figures/slices.py", "import", "import json\nimport", {"figure_slices"},
        ),
        (  # what reads a configuration changes no result
            "study/checks.py", "import", "import json\nimport", set(),
        ),
    ],
)  # fmt: skip
def test_changed_code_reruns_what_depends_on_it(
    miniature: Path, checkout: Path, file: str, old: str, new: str, rerun: set[str]
) -> None:
    change(checkout / "src/ptychobasis" / file, old, new)
    found = planned_by(checkout, miniature)
    if file.startswith("report"):  # figures share a module or two
        others = {name for name in ALL if name.startswith("figure")} | {"provenance"}
        assert rerun <= found <= others
        return
    assert found == rerun


def test_another_basis_reruns_nothing(miniature: Path, checkout: Path) -> None:
    functions = checkout / "src/ptychobasis/bases/disc_functions.py"
    change(functions, "def hadamard(", "def another(request):\n    return None\n\n\ndef hadamard(")
    registry = checkout / "src/ptychobasis/bases/registry.py"
    text = registry.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "disc_functions.hadamard" in line)
    if text.count("disc_functions.hadamard") != 1 or not line.rstrip().endswith(("),", ",")):
        pytest.fail("the registry has changed its form; this test has to follow")
    change(registry, line, line + "\n" + line.replace("hadamard", "another"))
    assert planned_by(checkout, miniature) == set()
    known = subprocess.run(
        [sys.executable, "-c", "from ptychobasis.bases.registry import BASES; print(*BASES)"],
        env={**os.environ, "PYTHONPATH": str(checkout / "src")}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert "another" in known.stdout.split()


@pytest.mark.parametrize(
    "change",
    [
        {"reconstruction": {"device": "auto", "checkpoint_seconds": 5}},
        {"simulation": {"device": "auto"}},
    ],
)
def test_where_to_compute_reruns_nothing(
    miniature: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(yaml.safe_dump(change))
    assert jobs(planned(miniature, *MINIATURE, str(overlay))) == set()


@pytest.fixture
def with_masks(miniature: Path, tmp_path: Path) -> Path:
    """A study of a ready data set and of masks from a file, compressed and checked."""
    study = yaml.safe_load((ROOT / "config/test.yaml").read_text())
    for block in ("crystal", "microscope", "scan", "detector", "simulation"):
        study.pop(block, None)
    study |= {"study": "mine", "dataset": {"file": "mine.h5"}}
    study["sweeps"] = {
        "own": {"basis": "file", "masks_file": "masks.npy"},
        "zernike": {"basis": "zernike", "sizes": [3]},
        "uncompressed": {"basis": "pixels"},
    }
    study["figures"]["compare"] = ["own/all", "uncompressed/all"]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(study))
    shutil.copy(miniature / "results/test/seed_1/dataset.h5", tmp_path / "mine.h5")
    np.save(tmp_path / "masks.npy", masks(1))
    done = snakemake(
        tmp_path, "--configfile", "mine.yaml", "--",
        *(f"results/mine/compressed/{name}.h5" for name in ("own/all", "zernike/3")),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return tmp_path


def masks(order: int) -> np.ndarray:
    """Two smooth masks on the disc of the miniature."""
    y, x = np.mgrid[-20:20, -20:20] / 8
    return np.stack([np.exp(-(y**2) - x**2), x**order * np.exp(-(y**2) - x**2)])


def replace(path: Path, other: Path) -> None:
    """Put a file of an older date in the place of another."""
    os.utime(other, (1e9, 1e9))
    shutil.move(other, path)


def test_other_masks_of_an_older_date_are_seen(with_masks: Path) -> None:
    target = [f"results/mine/compressed/{name}.h5" for name in ("own/all", "zernike/3")]
    arguments = ("--configfile", "mine.yaml", "--", *target)
    assert jobs(planned(with_masks, *arguments)) == set()
    np.save(with_masks / "other.npy", masks(3))
    replace(with_masks / "masks.npy", with_masks / "other.npy")
    plan = planned(with_masks, *arguments)
    assert jobs(plan) == {"compress"}
    assert "Compress the patterns to own/all" in plan
    assert "Compress the patterns to zernike/3" not in plan


def test_another_data_set_of_an_older_date_is_seen(with_masks: Path) -> None:
    arguments = ("--configfile", "mine.yaml", "--", "results/mine/compressed/zernike/3.h5")
    assert jobs(planned(with_masks, *arguments)) == set()
    shutil.copy(with_masks / "mine.h5", with_masks / "other.h5")
    assert hdf5plugin.FILTERS  # imported for its filters
    with h5py.File(with_masks / "other.h5", "a") as file:
        file["patterns"][0, 0] = file["patterns"][0, 1]
    replace(with_masks / "mine.h5", with_masks / "other.h5")
    assert jobs(planned(with_masks, *arguments)) == {"check_dataset", "compress"}


def test_another_structure_of_an_older_date_is_seen(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    target = ("--configfile", "config/oxide.yaml", "--", "results/oxide/crystal/atoms.xyz")
    done = snakemake(tmp_path, *target)
    assert done.returncode == 0, done.stderr[-2000:]
    assert jobs(planned(tmp_path, *target)) == set()
    structure = tmp_path / "config/structures/SrTiO3.cif"
    other = tmp_path / "other.cif"
    other.write_text(structure.read_text().replace("3.905", "3.915"))
    assert other.read_text() != structure.read_text()
    replace(structure, other)
    assert jobs(planned(tmp_path, *target)) == {"crystal"}


def test_every_rule_is_described(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    listed = snakemake(tmp_path, "--list", *MINIATURE)
    assert listed.returncode == 0, listed.stderr
    rules = [line for line in listed.stdout.splitlines() if line and not line.startswith("Using")]
    assert len(rules) > 15
    assert [line for line in rules if "(" not in line] == []
