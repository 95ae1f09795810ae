"""What others do with the study: import it, archive it, redraw its figures from the archive."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from conftest import ROOT, snakemake
from rocrate.rocrate import ROCrate

from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.report.crate import write_crate
from ptychobasis.report.figures.data import read_figure_data
from ptychobasis.study.load import load_study

FIGURES = ("masks", "fsc", "slices", "quality", "depth", "probe", "claims")
OUTER = """
import yaml

with open("theirs.yaml") as file:
    THEIRS = yaml.safe_load(file)


module ptychobasis:
    snakefile:
        {snakefile!r}
    config:
        THEIRS


use rule * from ptychobasis as pb_*


use rule reconstruct from ptychobasis as pb_reconstruct with:
    threads: 2


rule best:
    default_target: True
    input:
        "results/test/tables/summary.csv",
    output:
        "best.txt",
    shell:
        "sort -t, -k8 {{input}} | tail -n 1 > {{output}}"
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake on whatever workflow stands in `folder`."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def crate(miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder in which the crate of the miniature was unpacked."""
    made = snakemake(miniature, "--configfile", "config/test.yaml", "--", "crate")
    assert made.returncode == 0, made.stderr[-3000:]
    folder = tmp_path_factory.mktemp("reader")
    with zipfile.ZipFile(miniature / "results/test/crate.zip") as packed:
        packed.extractall(folder)
    return folder


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file that the crate's metadata lists."""
    entities = ROCrate(folder).data_entities
    return {entity.id: entity["sha256"] for entity in entities}


def test_a_crate_holds_what_it_says(crate: Path) -> None:
    listed = hashes(crate)
    for name, digest in listed.items():
        assert hashlib.sha256((crate / name).read_bytes()).hexdigest() == digest
    there = {str(path.relative_to(crate)) for path in crate.rglob("*") if path.is_file()}
    assert there - set(listed) == {"ro-crate-metadata.json", "ro-crate-preview.html"}
    expected = [f"results/test/figures/{name}.png" for name in FIGURES]
    expected += [f"results/test/tables/{name}" for name in ("fsc.csv", "summary.csv", "depth.csv")]
    expected += ["config.yaml", "results/test/seed_1/reconstructions/uncompressed/all.h5"]
    assert set(expected) <= set(listed)


def test_a_crate_says_from_what_and_with_what_it_was_made(crate: Path) -> None:
    assert load_study(crate / "config.yaml") == load_study(ROOT / "config/test.yaml")
    (action,) = ROCrate(crate).get_by_type("CreateAction")
    made_with = {entity["name"]: entity["softwareVersion"] for entity in action["instrument"]}
    recon = read_reconstruction(crate / "results/test/seed_1/reconstructions/svd/3.h5")
    assert made_with == recon.versions
    assert {"ptychobasis", "commit", "torch"} <= set(made_with)
    assert action["object"].id == "config.yaml"
    root = ROCrate(crate).root_dataset
    for required in ("name", "description", "datePublished", "license"):
        assert root[required]


def test_a_reader_redraws_every_figure_from_the_crate_alone(crate: Path) -> None:
    listed = hashes(crate)
    for name in FIGURES:
        (crate / f"results/test/figures/{name}.png").unlink()
    done = run(crate, "--snakefile", str(ROOT / "workflow/redraw.smk"), "--forceall")
    assert done.returncode == 0, done.stderr[-3000:]
    for name in FIGURES:
        path = f"results/test/figures/{name}.png"
        assert hashlib.sha256((crate / path).read_bytes()).hexdigest() == listed[path]
    assert not (crate / "results/test/dataset.h5").exists()


def test_files_from_elsewhere_go_into_a_folder_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    files = [Path("near.npy"), tmp_path / "far.npy", Path("../up.cif")]
    monkeypatch.chdir(tmp_path / "here")
    for file in files:
        file.write_text("masks")
    study = load_study(ROOT / "config/test.yaml")
    write_crate("crate.zip", study, files, [("torch", "2")])
    names = set(zipfile.ZipFile("crate.zip").namelist())
    assert {"config.yaml", "near.npy", "given/far.npy", "given/up.cif"} <= names


def test_figure_data_is_what_the_large_files_hold(miniature: Path) -> None:
    results = miniature / "results/test"
    data = read_figure_data(results / "figure_data.h5")
    with h5py.File(results / "seed_1/dataset.h5") as file:
        np.testing.assert_array_equal(data.pattern, file["patterns"][2, 2])
        np.testing.assert_array_equal(data.positions, file["positions"][()])
    assert [basis.size for basis in data.bases.values()] == [6, 37, 1600]
    assert list(map(str, data.bases)) == ["zernike/6", "binning/3", "uncompressed/all"]
    assert data.truth is not None
    assert data.truth.array.max() > 0.1


@pytest.fixture
def outer(miniature: Path, tmp_path: Path) -> Path:
    """A workflow that imports this one, with the first stages done."""
    study = yaml.safe_load((ROOT / "config/test.yaml").read_text())
    study["reconstruction"]["epochs"] = 3
    (tmp_path / "theirs.yaml").write_text(yaml.safe_dump(study))
    (tmp_path / "Snakefile").write_text(OUTER.format(snakefile=str(ROOT / "Snakefile")))
    (tmp_path / "results/test/seed_1").mkdir(parents=True)
    made = ("simulation", "dataset.h5", "dataset_checks.json", "compressed")
    for name in ("crystal", *(f"seed_1/{name}" for name in made)):
        source = miniature / "results/test" / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, tmp_path / "results/test" / name)
    return tmp_path


def test_another_workflow_imports_this_one(outer: Path) -> None:
    dry = run(outer, "--dry-run", "--forceall")
    assert dry.returncode == 0, dry.stderr[-3000:]
    for rule in (
        "best",
        "pb_crystal",
        "pb_simulate_phonon",
        "pb_reconstruct",
        "pb_evaluate",
        "pb_gather",
    ):
        assert f"\n{rule} " in dry.stdout


def test_an_imported_rule_runs_its_script_on_its_own_configuration(outer: Path) -> None:
    target = "results/test/seed_1/reconstructions/svd/3.h5"
    done = run(outer, "--rerun-triggers", "mtime", "--", target)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Reconstruct svd/3, seed 1" in done.stderr
    assert len(read_reconstruction(outer / target).loss) == 3
    log = (outer / "results/test/seed_1/logs/reconstruct/svd/3.log").read_text()
    assert "pb_reconstruct/1/svd/3: epoch 3 of 3" in log
