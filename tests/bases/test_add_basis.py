"""One function and one entry add a basis: done here in a copy of the package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ptychobasis.study.layers import read_layers

ROOT = Path(__file__).parents[2]

FUNCTION = '''

def cross(request: Request) -> Basis:
    """The pixels of the disc along the two axes, in bars of `size` pixels: two masks."""
    disc = request.optics.bright_field()
    y, x = (np.abs(np.arange(n) - n // 2) < request.size / 2 for n in disc.shape)
    masks = np.stack([y[:, None] & disc, x[None, :] & disc])
    support = masks.any(axis=0)
    return Basis("cross", support, masks[:, support].astype(np.float32))
'''
ENTRY = '    "cross": BasisKind(detectors.cross, "bars along y and x", count=lambda _: 2),\n'
USE = """
import sys
import numpy as np
from ptychobasis.bases.basis import Request
from ptychobasis.bases.registry import BASES, build_basis
from ptychobasis.report.figures.style import pretty
from ptychobasis.study.load import load_study
from ptychobasis.study.schema import Study
from ptychobasis.study.sizes import numbers, sizes

study = load_study(sys.argv[1])
basis = build_basis("cross", Request(study.optics(), 3))
seen = basis.masks()[:, basis.support].astype(float)
np.testing.assert_allclose(seen @ seen.T, np.eye(2), atol=1e-6)  # though the bars meet
assert set(np.unique(np.round(basis.as_given().masks(), 5))) == {0, 1}
assert pretty(basis.name) == "bars along y and x"
assert ("bars", "3") in study.variants()
assert numbers(study, sizes(study), "bars", "3") == 2
assert "cross" in str(Study.model_json_schema())
"""


def run(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_one_function_and_one_entry_add_a_basis(tmp_path: Path) -> None:
    package = tmp_path / "src/ptychobasis"
    shutil.copytree(ROOT / "src/ptychobasis", package, ignore=shutil.ignore_patterns("__pycache__"))
    with (package / "bases/detectors.py").open("a", encoding="utf-8") as file:
        file.write(FUNCTION)
    registry = package / "bases/registry.py"
    text = registry.read_text(encoding="utf-8")
    assert text.count("\n}\n") == 1  # where the table ends
    registry.write_text(text.replace("\n}\n", f"\n{ENTRY}}}\n"), encoding="utf-8")

    study = read_layers([ROOT / "config/test.yaml"])
    study["sweeps"]["bars"] = {"basis": "cross", "sizes": [1, 3]}
    config = tmp_path / "mine.yaml"
    config.write_text(yaml.safe_dump(study), encoding="utf-8")
    done = run(package, "-c", USE, str(config))
    assert done.returncode == 0, done.stderr

    study["sweeps"]["bars"] = {"basis": "cross"}
    config.write_text(yaml.safe_dump(study), encoding="utf-8")
    done = run(package, "-c", USE, str(config))
    assert "sweeps.bars.sizes is missing; allowed: at least one size for the basis 'cross'" in (
        done.stderr
    )
