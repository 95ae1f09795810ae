"""What a GPU would take for the reconstructions at the paper's scale: an estimate, not measured.

FFTs of this size are limited by memory: each reads and writes an array of complex numbers of 8
bytes twice, once along either axis. An epoch makes 4 S - 3 of them on the waves of each position
and 2 on its pattern, S being the slices, and may take as many times longer as the slowest row of
`engine.csv` says; besides, each of some 30 S kernels per batch takes 5 microseconds to start.
Bandwidths are the makers' figures, 3.35 TB/s of an H100 SXM and 1.01 TB/s of an RTX 4090.

`cpu_s` is the mean processor time of the same reconstructions, from
`results/reference/paper/summary.csv`. Python's and Snakemake's start, a few seconds for each job,
comes on top of either.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.common import RESULTS
from ptychobasis.reconstruction.schedule import first_batch
from ptychobasis.study.load import load_study

TABLES = ("gpu",)
ROOT = Path(__file__).parents[1]
BANDWIDTH = {"h100_s": 3.35e12, "rtx4090_s": 1.01e12}  # [bytes/s]
BYTES = 32  # read and written by the FFT of one pixel
KERNELS, LAUNCH = 30, 5e-6  # per slice and batch; [s]


def run() -> dict[str, list[dict[str, Any]]]:
    """One row for each size of the model that the paper's study used."""
    study = load_study(ROOT / "config" / "paper.yaml")
    runs = pd.read_csv(ROOT / "results" / "reference" / "paper" / "summary.csv")
    runs = runs[(runs["slice"] == "volume") & (runs["against"] == "truth")]
    slowest = pd.read_csv(RESULTS / "engine.csv")["ratio"].max()
    slices = len(study.reconstruction.slice_depths_angstrom)
    assert study.scan is not None
    positions = study.scan.shape[0] * study.scan.shape[1]
    sizes = ["pattern_pixels", "wave_pixels", "epochs"]
    groups = runs.groupby(sizes)["processor_seconds_per_epoch"].agg(["size", "mean"])
    rows: list[dict[str, Any]] = []
    for row in groups.reset_index().to_dict("records"):
        epochs = row["epochs"]
        ffts = (4 * slices - 3) * row["wave_pixels"] + 2 * row["pattern_pixels"]
        moved = positions * BYTES * ffts * slowest
        starts = (
            positions
            / first_batch(study.reconstruction.batch, positions)
            * KERNELS
            * slices
            * LAUNCH
        )
        rows.append(
            {name: row[name] for name in sizes}
            | {"reconstructions": row["size"], "cpu_s": epochs * row["mean"]}
            | {name: epochs * (moved / rate + starts) for name, rate in BANDWIDTH.items()}
        )
    return {"gpu": rows}
