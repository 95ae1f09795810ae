"""The default study before and after reconstructions were made fast, run one after the other.

Two commits of this repository, between which the engine, the model's grids, the descent and its
step changed, not the sample nor what is asked: 15 reconstructions of one seed. Later ones ask for
three seeds and more variants. Each runs by its own code and the libraries installed here, on all
cores; `minutes` is the time of `snakemake` by the clock. The FSC is the mean of the volume's with
the truth.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

TABLES = ("demo", "demo_fsc")
ROOT = Path(__file__).parents[1]
COMMITS = {"before": "efad5f2", "after": "8501a23"}


def run() -> dict[str, Any]:
    """Check both commits out, run their default studies, and compare."""
    rows, tables = [], {}
    for name, commit in COMMITS.items():
        with tempfile.TemporaryDirectory() as folder:
            checkout, began = _checked_out(commit, Path(folder) / "study"), time.perf_counter()
            _study(checkout)
            minutes = (time.perf_counter() - began) / 60
            found = checkout / "results/demo"
            rows.append({"run": name, "commit": commit, "minutes": minutes})
            tables[name] = _fsc(found / "tables/summary.csv")
    compared = pd.DataFrame(tables).reset_index()
    compared["gain"] = compared["after"] - compared["before"]
    return {"demo": rows, "demo_fsc": compared}


def _checked_out(commit: str, folder: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", commit], check=True)
    return folder


def _study(checkout: Path) -> None:
    """Run the default study of a checkout by its own package, which stands first on the path."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "snakemake", "--cores", "all"]
    subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True)


def _fsc(path: Path) -> pd.Series:
    """Mean FSC of the volumes with the truth by variant."""
    summary = pd.read_csv(path)
    chosen = summary[(summary["slice"] == "volume") & (summary["against"] == "truth")]
    return chosen.set_index(["sweep", "size"])["mean_fsc"].astype(float)
