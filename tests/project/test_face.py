"""The public names of the package: what they load, and that they give what the study gives."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ROOT

import ptychobasis as pb
from ptychobasis.core.seeds import derived_seed
from ptychobasis.report.tables import read_csv


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    stub = (ROOT / "src/ptychobasis/__init__.pyi").read_text()
    names = re.findall(r" as (\w+)$", stub, re.MULTILINE)
    assert sorted(names) == sorted(dir(pb))
    for name in names:
        assert getattr(pb, name).__doc__, name
    assert pb.__version__[0].isdigit()


def test_the_package_itself_imports_in_no_time() -> None:
    code = "import sys, ptychobasis; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "ptychobasis" in loaded
    assert not loaded & {"numpy", "torch", "abtem", "pandas", "pydantic", "h5py"}


@pytest.fixture
def seed_1(miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of the miniature's seed 1, in a copy that the current folder holds."""
    for name in ("config", "results"):
        shutil.copytree(miniature / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return Path("results/test/seed_1")


def test_the_ten_lines_of_the_readme_run(seed_1: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(code.strip().splitlines()) <= 12
    assert "results/demo/" in code
    space: dict[str, Any] = {}
    exec(code.replace("demo", "test"), space)
    table = space["table"]
    printed = capsys.readouterr().out
    for against in ("reference", "truth"):
        assert against in printed
    assert len(table) == 6  # two slices and the volume, with the reference and with the truth
    assert table["mean_fsc"].between(-1, 1).all()


def test_in_python_as_in_the_study(seed_1: Path) -> None:
    """The same stored numbers, the same phase to the bit, the same correlation."""
    dataset = pb.read_dataset(seed_1 / "dataset.h5")
    settings = pb.load_study("config/test.yaml").reconstruction
    basis = pb.make_basis(dataset, "zernike", 6)
    stored = pb.compress_dataset(dataset, basis)
    file = pb.read_compressed(seed_1 / "compressed/zernike/6.h5")
    np.testing.assert_array_equal(stored.coefficients, file.coefficients)
    np.testing.assert_array_equal(stored.scattering, file.scattering)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the study's job; more of them sum up in another order
    found = pb.reconstruct(stored, settings, seed=derived_seed("1", "zernike", "6"))
    torch.set_num_threads(threads)
    expected = pb.read_reconstruction(seed_1 / "reconstructions/zernike/6.h5")
    np.testing.assert_array_equal(found.phase, expected.phase)
    reference = pb.read_reconstruction(seed_1 / "reconstructions/uncompressed/all.h5")
    rows = pb.compare_reconstructions(found, dataset, reference, (0.15, 1.2), 1.0).summary
    made = read_csv(seed_1 / "tables/summary.csv")
    made = made[(made["sweep"] == "zernike") & (made["size"] == "6")]
    np.testing.assert_allclose(rows["mean_fsc"], made["mean_fsc"], rtol=1e-6)


def test_a_compressed_file_is_kept_where_it_is_asked_for(seed_1: Path, tmp_path: Path) -> None:
    dataset = pb.read_dataset(seed_1 / "dataset.h5")
    for name, size in (("svd", 3), ("pixels", 0)):
        basis = pb.make_basis(dataset, name, size)
        kept = pb.compress_dataset(dataset, basis, tmp_path / "kept.h5", "int8")
        again = pb.read_compressed(tmp_path / "kept.h5")
        np.testing.assert_array_equal(kept.coefficients, again.coefficients)


def test_a_basis_of_ones_own_needs_no_registry(seed_1: Path) -> None:
    """Halves of the disc sum up to the disc."""
    dataset = pb.read_dataset(seed_1 / "dataset.h5")
    disc = dataset.optics.bright_field()
    left = np.zeros_like(disc)
    left[:, : disc.shape[1] // 2] = True
    halves = np.stack([(disc & left)[disc], (disc & ~left)[disc]]).astype(np.float32)
    stored = pb.compress_dataset(dataset, pb.Basis("halves", disc, halves))
    whole = dataset.pattern(0, 0)[disc].sum()
    assert stored.coefficients.shape == (dataset.size, 2)
    assert stored.basis.mixing is not None
    given = stored.coefficients[0] @ stored.basis.mixing.T  # of the halves themselves
    assert given.sum() == pytest.approx(whole, rel=1e-5)
