"""The miniature study through real Snakemake, from its atoms to the report in a browser."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from conftest import ROOT, skip_unless, snakemake
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from skimage.io import imread

from ptychobasis.bases.compressed_file import read_compressed
from ptychobasis.data.dataset import read_dataset
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.report.jobs import expected_jobs
from ptychobasis.report.tables import read_csv
from ptychobasis.study.layers import read_layers
from ptychobasis.study.load import load_study

FIGURES = ("masks", "fsc", "slices", "quality", "depth", "probe", "claims")
MINIATURE = ("--configfile", "config/test.yaml")


def jobs(dry_run: str) -> set[str]:
    """Rules that a dry run names in its table of jobs."""
    table = dry_run.split("Job stats:", 1)[1].split("total", 1)[0].splitlines()[3:]
    return {line.split()[0] for line in table if line.strip()} - {"all"}


def files_of(results: Path, kind: str) -> set[str]:
    """Names of the jobs that wrote a file of a kind, 'logs' or 'benchmarks'."""
    files = (path.relative_to(results) for path in results.rglob(f"{kind}/**/*.*"))
    return {str(file.with_suffix("")).replace(f"{kind}/", "") for file in files}


def test_all_figures_are_drawn(miniature: Path) -> None:
    for name in FIGURES:
        picture = imread(miniature / f"results/test/figures/{name}.png")[..., :3]
        assert min(picture.shape[:2]) > 300, name
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20, name


def test_tables_hold_every_variant(miniature: Path) -> None:
    summary = read_csv(miniature / "results/test/tables/summary.csv")
    assert set(summary["seed"]) == {1}
    variants = set(summary["sweep"] + "/" + summary["size"])
    expected = {"zernike/3", "zernike/6", "binning/3", "svd/3"}
    assert variants == expected | {"joint/6", "bright-field/all", "uncompressed/all"}
    assert set(summary["against"]) == {"reference", "truth"}
    itself = summary[(summary["sweep"] == "uncompressed") & (summary["against"] == "reference")]
    np.testing.assert_allclose(itself["mean_fsc"], 1, atol=1e-6)
    assert (summary["bytes_on_disk"] > 0).all()
    assert (summary["unknowns_per_pattern"] > 2).all()  # two slices
    masks = summary[summary["basis"].isin(["zernike", "binning", "svd", "bright-field"])]
    assert (masks["knowns"] == 20 * masks["stored_values"]).all()
    exact = 100 * (1 - summary["stored_values"] / 1600)
    np.testing.assert_allclose(summary["reduction_percent"], exact, rtol=1e-6)


def test_results_are_complete_and_say_how_they_were_made(miniature: Path) -> None:
    folder = miniature / "results/test"
    dataset = read_dataset(folder / "seed_1/dataset.h5")
    assert dataset.scan_shape == (4, 5)
    assert dataset.truth is not None
    result = read_reconstruction(folder / "seed_1/reconstructions/zernike/6.h5")
    assert result.run.stored_values == 6
    assert len(result.loss) == result.config["epochs"] == 4
    assert result.loss[-1] < result.loss[0]
    with h5py.File(folder / "seed_1/compressed/zernike/6.h5") as file:
        assert file["coefficients"].shape == (4, 5, 6)
    checks = json.loads((folder / "crystal/checks.json").read_text())
    assert checks
    page = (folder / "provenance.html").read_text()
    for text in ("torch", "seed_1/reconstruct/zernike/6", "s per epoch", "sigma_angstrom", "seeds"):
        assert text in page


def test_logs_and_benchmarks_are_written_for_every_job(miniature: Path) -> None:
    folder = miniature / "results/test"
    assert files_of(folder, "logs") == files_of(folder, "benchmarks")
    assert "epoch 4 of 4: loss" in (folder / "seed_1/logs/reconstruct/zernike/6.log").read_text()


def check_table_of_jobs(folder: Path, *files: str) -> None:
    """`jobs.csv` of a study that was run in a folder names every job that Snakemake ran."""
    study = load_study(read_layers([folder / name for name in files]), checked=True)
    results = folder / "results" / study.study
    expected = expected_jobs(study)
    ran = files_of(results, "benchmarks") - {"crate"}  # for which another test asks
    assert ran == {*expected, "provenance"}
    assert read_csv(results / "tables/jobs.csv")["job"].tolist() == expected


def test_the_table_of_jobs_names_all_that_snakemake_ran(miniature: Path) -> None:
    check_table_of_jobs(miniature, "config/test.yaml")


def test_a_second_run_has_nothing_to_do(miniature: Path) -> None:
    again = snakemake(miniature, *MINIATURE)
    assert again.returncode == 0, again.stderr[-2000:]
    assert "Nothing to be done" in again.stderr


@pytest.mark.parametrize(
    ("change", "rerun"),
    [
        (
            {"sweeps": {"zernike": {"reconstruction": {"epochs": 5}}}},
            {"reconstruct", "evaluate", "gather", "provenance", "figure_fsc", "figure_slices"}
            | {"figure_quality", "depth", "figure_depth", "claims", "figure_claims"},
        ),
        (
            {"evaluation": {"apodisation_angstrom": 0.8}},
            {"evaluate", "gather", "depth", "figure_fsc", "figure_quality", "figure_depth"}
            | {"claims", "figure_claims", "provenance"},
        ),
    ],
)
def test_a_changed_key_reruns_what_depends_on_it(
    miniature: Path, tmp_path: Path, change: dict[str, Any], rerun: set[str]
) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(yaml.safe_dump(change))
    dry = snakemake(miniature, *MINIATURE, str(overlay), "--dry-run")
    assert dry.returncode == 0, dry.stderr[-2000:]
    assert jobs(dry.stdout) == rerun


def test_one_slice_has_no_depth_to_resolve(miniature: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("reconstruction: {slice_depths_angstrom: [0]}\n")
    dry = snakemake(miniature, *MINIATURE, str(overlay), "--dry-run")
    assert dry.returncode == 0, dry.stderr[-2000:]
    assert "figure_slices" in jobs(dry.stdout)
    assert not {"depth", "figure_depth"} & jobs(dry.stdout)


def test_how_often_checkpoints_are_written_changes_no_result(
    miniature: Path, tmp_path: Path
) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("reconstruction: {checkpoint_seconds: 0}\n")
    dry = snakemake(miniature, *MINIATURE, str(overlay), "--dry-run")
    assert dry.returncode == 0, dry.stderr[-2000:]
    assert "Nothing to be done" in dry.stdout + dry.stderr


def test_bytes_and_doses_are_drawn_where_sweeps_differ_in_them(
    miniature: Path, tmp_path: Path
) -> None:
    shutil.copytree(miniature, tmp_path / "copy")
    (tmp_path / "copy/overlay.yaml").write_text(
        "sweeps:\n"
        "  svd-int8: {basis: svd, sizes: [3], store: int8, dose_electrons_per_angstrom2: 1e4}\n"
        "  noisy: {basis: pixels, dose_electrons_per_angstrom2: 1e4}\n"
    )
    done = snakemake(tmp_path / "copy", *MINIATURE, "overlay.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    results = tmp_path / "copy/results/test"
    check_table_of_jobs(tmp_path / "copy", "config/test.yaml", "overlay.yaml")
    assert min(imread(results / "figures/rate.png").shape[:2]) > 300
    read = {name: read_compressed(results / f"seed_1/compressed/{name}.h5") for name in (
        "svd-int8/3", "noisy/all", "uncompressed/all",
    )}  # fmt: skip
    counts = read["noisy/all"].coefficients * 1e4 * 1.5**2  # electrons of one pattern
    np.testing.assert_allclose(counts, np.rint(counts), atol=0.01)
    # the masks come from the noisy patterns, and so do the stored numbers
    noisy = read["noisy/all"].basis.adjoint(read["noisy/all"].coefficients)
    seen = noisy[:, read["svd-int8/3"].basis.support]
    vectors = np.linalg.svd(seen.astype(float), full_matrices=False)[2][:3]
    masks = read["svd-int8/3"].basis.matrix
    assert masks is not None
    np.testing.assert_allclose(np.abs(np.sum(masks * vectors, axis=1)), 1, atol=1e-4)
    exact, stored = seen @ np.asarray(masks).T, read["svd-int8/3"].coefficients
    assert (np.abs(stored - exact) <= 0.51 / 127 * np.abs(exact).max(axis=0)).all()
    summary = read_csv(results / "tables/summary.csv").groupby("sweep").first()
    assert summary["raw_bytes_per_pattern"]["noisy"] == 3200
    assert 0 < summary["lossless_bytes_per_pattern"]["noisy"] < 1600
    assert summary["store"]["svd-int8"] == "int8"
    assert summary["bytes_per_pattern"]["svd-int8"] < summary["bytes_per_pattern"]["svd"]


def test_phonon_configurations_that_are_there_are_kept(miniature: Path, tmp_path: Path) -> None:
    """So a simulation that was stopped goes on with the configurations that are missing."""
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("simulation: {frozen_phonons: {configurations: 3}}\n")
    dry = snakemake(miniature, *MINIATURE, str(overlay), "--dry-run")
    assert dry.returncode == 0, dry.stderr[-2000:]
    simulated = re.findall(r"the patterns of phonon configuration (\d+), seed 1", dry.stdout)
    assert sorted(simulated) == ["1", "2"]


def test_a_study_starts_from_anyones_data_set(miniature: Path, tmp_path: Path) -> None:
    study = yaml.safe_load((ROOT / "config/test.yaml").read_text())
    for block in ("crystal", "microscope", "scan", "detector", "simulation"):
        del study[block]
    study |= {"study": "mine", "seeds": [1, 2], "dataset": {"file": "mine.h5"}}
    shutil.copy(miniature / "results/test/seed_1/dataset.h5", tmp_path / "mine.h5")
    with h5py.File(tmp_path / "mine.h5", "a") as file:
        del file["truth"]  # nobody knows the truth of a measurement
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(study))
    done = snakemake(tmp_path, "--configfile", "mine.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    ours = read_reconstruction(miniature / "results/test/seed_1/reconstructions/svd/3.h5")
    check_table_of_jobs(tmp_path, "mine.yaml")
    results = tmp_path / "results/mine"
    first, second = (
        read_reconstruction(results / f"seed_{seed}/reconstructions/svd/3.h5") for seed in (1, 2)
    )
    np.testing.assert_array_equal(first.phase, ours.phase)
    assert (second.phase.array != ours.phase.array).any()  # another start, another order
    drawn = {path.stem for path in (results / "figures").glob("*.png")}
    # nobody knows what these would be compared with
    assert drawn == set(FIGURES) - {"depth", "probe"}
    # patterns that are the same for every seed are compressed once
    assert [path.parent.parent for path in results.rglob("compressed/svd/3.h5")] == [
        results / "compressed"
    ]
    summary = read_csv(results / "tables/summary.csv")
    itself = summary[summary["sweep"] == "uncompressed"]
    assert set(itself["seed"]) == {1, 2}
    np.testing.assert_allclose(itself["mean_fsc"], 1, atol=1e-6)  # each with that of its own seed
    page = (results / "tables/summary.html").read_text()
    assert "Means over 2 seeds" in page
    assert " ± " in page


def test_another_seed_leaves_the_first_as_it_is(miniature: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("seeds: [1, 2]\n")
    dry = snakemake(miniature, *MINIATURE, str(overlay), "--dry-run")
    assert dry.returncode == 0, dry.stderr[-2000:]
    made = re.findall(r"^Job \d+: (.*)", dry.stdout, re.MULTILINE)
    assert not [message for message in made if "seed 1" in message]
    again = [message for message in made if message.startswith("Reconstruct")]
    assert len([message for message in again if message.endswith(", seed 2")]) == len(again) == 7
    assert jobs(dry.stdout) == {
        "simulate_phonon", "average_phonons", "check_dataset", "compress", "reconstruct",
        "evaluate", "gather", "depth", "provenance", "figure_fsc", "figure_quality",
        "claims", "figure_claims", "figure_depth",
    }  # fmt: skip


def test_a_crystal_from_a_file_is_built_and_described(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    target = "results/oxide/crystal/atoms.xyz"
    done = snakemake(tmp_path, target, "--configfile", "config/oxide.yaml")
    assert done.returncode == 0, done.stderr[-2000:]
    checks = json.loads((tmp_path / "results/oxide/crystal/checks.json").read_text())
    assert checks["formula"] == "O3SrTi"
    assert checks["shortest_distance_angstrom"] == pytest.approx(3.905 / 2, abs=1e-3)


def test_a_broken_data_set_stops_with_one_sentence(miniature: Path, tmp_path: Path) -> None:
    study = yaml.safe_load((ROOT / "config/test.yaml").read_text())
    for block in ("crystal", "microscope", "scan", "detector", "simulation"):
        del study[block]
    study["dataset"] = {"file": "mine.h5"}
    shutil.copy(miniature / "results/test/seed_1/dataset.h5", tmp_path / "mine.h5")
    with h5py.File(tmp_path / "mine.h5", "a") as file:
        file["patterns"][1, 2, 3, 4] = -1
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(study))
    done = snakemake(tmp_path, "--configfile", "mine.yaml")
    assert done.returncode != 0
    assert "mine.h5: the pattern (1, 2) of 'patterns' holds negative intensities" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results/test/compressed").exists()


def test_a_wrong_key_is_refused_before_any_job(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("sweeps: {zernike: {sizes: [36, 37]}}\n")
    shutil.copytree(ROOT / "config", tmp_path / "config")
    done = snakemake(tmp_path, "--dry-run", "--configfile", "config/test.yaml", "mine.yaml")
    assert done.returncode != 0
    message = done.stderr + done.stdout
    assert "sweeps.zernike.sizes" in message
    assert "Traceback" not in message
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("name", ["demo", "paper", "oxide"])
def test_shipped_studies_plan_their_jobs(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    dry = snakemake(tmp_path, "--dry-run", "--configfile", f"config/{name}.yaml")
    assert dry.returncode == 0, dry.stderr[-2000:]
    assert {"crystal", "simulate_phonon", "reconstruct", "figure_depth"} <= jobs(dry.stdout)


@pytest.mark.parametrize("files", [["depth"], ["demo", "depth"]])
def test_the_alloy_is_the_same_alone_and_over_the_default(files: list[str], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    named = [f"config/{name}.yaml" for name in files]
    dry = snakemake(tmp_path, "--dry-run", "--configfile", *named)
    assert dry.returncode == 0, dry.stderr[-2000:]
    assert "results/depth/figures/depth.png" in dry.stdout
    assert "reconstructions/svd" not in dry.stdout


def test_lists_on_the_command_line_hold_numbers(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    given = ("seeds=[4]", "scan={shape: [5, 5]}")
    dry = snakemake(tmp_path, "--dry-run", *MINIATURE, "--config", *given)
    assert dry.returncode == 0, dry.stderr[-2000:]
    assert "results/test/seed_4/dataset.h5" in dry.stdout
    assert "seed_1/" not in dry.stdout


def test_a_file_that_snakemake_reads_otherwise_is_refused_with_its_line(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "mine.yaml").write_text("study: mine\nseeds: [1]\nseeds: [010]\n")
    done = snakemake(tmp_path, "--dry-run", "--configfile", "config/test.yaml", "mine.yaml")
    assert done.returncode != 0
    message = done.stderr + done.stdout
    assert "mine.yaml, line 3: 'seeds' is given a second time, after line 2" in message
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"seeds: &s [*s]\n", "demo.yaml, line 1: the alias *s stands before the end of its"),
        (b"study: " + b"[" * 3000, "demo.yaml, line 1: blocks lie within one another"),
        ("study: ä\n".encode("latin-1"), "demo.yaml, line 1: is not UTF-8"),
    ],
)
def test_the_default_file_is_read_before_snakemake_reads_it(
    tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/demo.yaml").write_bytes(content)
    done = snakemake(tmp_path, "--dry-run")
    assert done.returncode != 0
    message = done.stderr + done.stdout
    assert told in message
    assert "Traceback" not in message


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    skip_unless(chromium and driver, "the Debian packages chromium and chromium-driver are needed")
    options = webdriver.ChromeOptions()
    options.binary_location = str(chromium)
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--window-size=1400,1000",
    ):  # fmt: skip
        options.add_argument(flag)
    session = webdriver.Chrome(service=Service(str(driver)), options=options)
    session.implicitly_wait(10)
    yield session
    session.quit()


def test_the_report_shows_the_figures(miniature: Path, browser: Any) -> None:
    report = miniature / "report.html"
    made = snakemake(miniature, *MINIATURE, "--report", str(report))
    assert made.returncode == 0, made.stderr[-2000:]
    browser.get(report.as_uri())
    browser.find_element("xpath", "//*[text()='Figures']").click()
    rows = browser.find_elements("xpath", "//tbody/tr")
    assert [row.text.split()[0] for row in rows] == ["1", "2", "3", "4", "6", "7", "8"]
    for row in rows:
        row.find_element("css selector", "a[iconname=eye]").click()
        frame = browser.find_element("css selector", "img[src^='data:image/png'], iframe")
        picture = browser.execute_script(
            "const e = arguments[0]; const i = e.tagName == 'IMG' ? e :"
            " e.contentDocument.querySelector('img'); return [i.naturalWidth, i.naturalHeight]",
            frame,
        )
        assert min(picture) > 300
    browser.save_screenshot(str(miniature / "report.png"))


def test_the_package_runs_outside_the_checkout(tmp_path: Path) -> None:
    code = "from ptychobasis.bases.registry import BASES; print(len(BASES))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) >= 6
