"""``python -m benchmarks.costs``: write docs/scaling.md, what very large data would cost.

Every number of that page is computed here from tables of measurements; its text is costs.md.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.common import RESULTS
from benchmarks.page import as_markdown

ROOT = Path(__file__).parents[1]
TEXT = Path(__file__).with_name("costs.md")
PAGE = ROOT / "docs" / "scaling.md"
PAPER = ROOT / "results" / "reference" / "paper"
SIDE, MASKS, SCANS = 512, 36, 1000
PATTERNS = PIXELS = SIDE**2
WORKERS = (1, 16, 64)
CORES = 2
HOUR = 3600.0  # [s]


@dataclass(frozen=True)
class Tables:
    """Where the measurements are: tables of the benchmarks, and of the paper's study."""

    benchmarks: Path = RESULTS
    paper: Path = PAPER

    def volume(self, sweep: str, size: str) -> Any:
        """The row of the summary of one reconstruction of the paper's study."""
        table = pd.read_csv(self.paper / "summary.csv", dtype={"size": str})
        found = table[(table["sweep"] == sweep) & (table["size"] == size)]
        return found[(found["slice"] == "volume") & (found["against"] == "truth")].iloc[0]

    def job(self, name: str) -> Any:
        """The row of one job of the paper's study."""
        return pd.read_csv(self.paper / "jobs.csv", index_col="job").loc[f"seed_1/{name}"]

    def positions(self) -> int:
        """Scan positions of the paper's study."""
        row = self.volume("zernike", "36")
        return round(row["knowns"] / row["stored_values"])

    def benchmark(self, name: str) -> pd.DataFrame:
        """One table of the benchmarks."""
        return pd.read_csv(self.benchmarks / f"{name}.csv")


def page(tables: Tables | None = None) -> str:
    """The whole page, as it follows from the tables."""
    tables = tables or Tables()
    simulated = tables.benchmark("simulation")
    windowed = simulated[(simulated["method"] == "windowed") & (simulated["threads"] == 1)]
    probe = float(windowed["s_per_probe"].iloc[0])
    rates, compression = _compression(tables)
    return TEXT.read_text(encoding="utf-8").format(
        side=SIDE,
        processor=json.loads((tables.paper / "machine.json").read_text())["processor"],
        measured=tables.positions(),
        pixels=PIXELS / 500**2,
        storage=_storage(tables),
        rates=rates,
        compression=compression,
        epochs=tables.volume("zernike", "36")["epochs"],
        reconstruction=_reconstruction(tables),
        probe=probe,
        simulated=_number(probe * PATTERNS / HOUR),
        memory=_memory(tables),
        whole=_bytes(4.0 * PIXELS * PATTERNS),
        copies=_copies(tables),
        **_proportions(tables),
    )


def main() -> None:
    """Write the page anew."""
    PAGE.write_text(page(), encoding="utf-8")


def _proportions(tables: Tables) -> dict[str, float]:
    """What is linear, and how nearly."""
    scaling, masks = tables.benchmark("scaling"), tables.benchmark("masks")
    positions = scaling[scaling["what"] == "positions"]
    workers = tables.benchmark("workers").set_index("workers")
    job, work = workers["job, a block [ms]"], workers["workers, a block [ms]"]
    return {
        "few": positions["value"].min(),
        "many": positions["value"].max(),
        "low": positions["per_unit"].min(),
        "high": positions["per_unit"].max(),
        "mask_few": masks["masks"].min(),
        "mask_many": masks["masks"].max(),
        "mask_low": masks["ratio_to_3"].min(),
        "mask_high": masks["ratio_to_3"].max(),
        "two": work[2] / job[0],
        "job": job[2],
        "work": work[2],
        "limit": work[2] / job[2],
    }


def _storage(tables: Tables) -> str:
    pixels, masks = tables.volume("uncompressed", "all"), tables.volume("zernike", "36")
    filtered = pixels["bytes_per_pattern"] / pixels["stored_values"] * PIXELS
    raw = 2.0 * PIXELS
    kinds = {
        "all pixels, float32": 4.0 * PIXELS,
        "all pixels, float32, on disk": filtered,
        "all pixels, 16-bit counts": raw,
        f"{MASKS} Zernike coefficients, float32": 4.0 * MASKS,
        f"{MASKS} Zernike coefficients, float32, on disk": float(masks["bytes_per_pattern"]),
        f"{MASKS} Zernike coefficients, float16": 2.0 * MASKS,
        f"{MASKS} Zernike coefficients, int8": 1.0 * MASKS,
    }
    return as_markdown(
        {
            "stored": kind,
            "a pattern": _bytes(size),
            "one scan": _bytes(size * PATTERNS),
            f"{SCANS} scans": _bytes(size * PATTERNS * SCANS),
            "16-bit counts take times as much": _number(raw / size),
        }
        for kind, size in kinds.items()
    )


def _compression(tables: Tables) -> tuple[str, str]:
    """What the rates are from, and what follows from them."""
    text, rates = _rates(tables)
    scan = 4 * PIXELS * PATTERNS / 1e9
    return text, as_markdown(
        {
            "file": kind,
            "workers": workers,
            "patterns [GB/s]": _number(rate * workers),
            "one scan [h]": _number(scan / rate / workers / HOUR),
            f"{SCANS} scans [h]": _number(SCANS * scan / rate / workers / HOUR),
            "file system, at most [GB/s]": _number(rate * share * workers),
        }
        for kind, rate, share in rates
        for workers in WORKERS
    )


def _rates(tables: Tables) -> tuple[str, list[tuple[str, float, float]]]:
    """Kinds of files, float32 patterns through the masks [GB/s], and bytes on disk for each."""
    if not (tables.benchmarks / "compression.csv").exists():
        worker: Any = tables.benchmark("workers").set_index("workers").loc[1]
        text = (
            "**compression.csv** was not measured yet. This is from the processor time of a worker "
            "that reads a file in the\nsystem's cache "
            "([workers.csv](../benchmarks/results/workers.csv)): what a disk takes comes on top."
        )
        rate = float(worker["MB per block"] / worker["workers, a block [ms]"])
        return text, [("losslessly compressed", rate, 1.0)]
    table = tables.benchmark("compression")
    cold = table[(table["pixels"] == "500 x 500") & (table["cache"] == "cold")]
    largest = cold.sort_values("patterns [GB]").groupby("filter").last()
    text = (
        "One worker at the rate at which a process reads a file that the operating system has not "
        "in its cache\n([compression.csv](../benchmarks/results/compression.csv)); many as many "
        "times as fast. A rate is of patterns as float32."
    )
    kinds = {"lossless": "losslessly compressed", "uncompressed": "uncompressed"}
    return text, [
        (
            kinds[str(kind)],
            float(row["Zernike 36 [GB/s]"]),
            float(row["file [GB]"] / row["patterns [GB]"]),
        )
        for kind, row in largest.iterrows()
    ]


def _reconstruction(tables: Tables) -> str:
    runs = {
        f"{MASKS} coefficients, automatic grid": ("zernike", "36"),
        f"{MASKS} coefficients, model on all pixels": ("whole", "36"),
        "all pixels": ("uncompressed", "all"),
    }
    rows = []
    for kind, variant in runs.items():
        run = tables.volume(*variant)
        # a model on all pixels grows with the detector
        growth = PIXELS / 500**2 if run["pattern_pixels"] == 500**2 else 1.0
        pattern = run["processor_seconds_per_epoch"] / tables.positions() * growth
        scan = pattern * PATTERNS * run["epochs"] / HOUR
        rows.append(
            {
                "from": kind,
                "a pattern in an epoch [ms]": _number(1e3 * pattern),
                "one scan, one core [h]": _number(scan),
                f"{SCANS} scans, {CORES} cores [h]": _number(scan * SCANS / CORES),
                f"cores for {SCANS} scans in 30 days": _number(scan * SCANS / (30 * 24)),
            }
        )
    return as_markdown(rows)


def _memory(tables: Tables) -> str:
    table = tables.benchmark("memory").query(f"grid_px == 88 and positions == {PATTERNS}")
    disc = int(tables.volume("bright-field", "all")["stored_values"])
    small = tables.job("reconstruct/zernike/36")["peak_memory_mb"]
    whole = 4.0 * PIXELS * PATTERNS
    flat = [
        ("compression into masks", "positions", 16.0 * PATTERNS, "compress/zernike/36"),
        ("compression into `svd`", "products of pixels", 12.0 * disc**2, "compress/svd/36"),
    ]
    rows = [
        (name, "blocks of 8 MB", f"{what}, {_bytes(size)}", peak, f"{_bytes(peak * 1e6)}, the same")
        for name, what, size, job in flat
        for peak in [tables.job(job)["peak_memory_mb"]]
    ]
    rows += [
        (
            f"reconstruction from {MASKS} coefficients",
            "nothing",
            f"coefficients, {_bytes(4.0 * MASKS * PATTERNS)}; object; two ramps for each position",
            small,
            f"{_bytes(table['peak_mb'].iloc[0] * 1e6)}, measured",
        ),
        (
            "reconstruction from all pixels",
            "nothing",
            f"pixels, {_bytes(whole)}, and sorted once more",
            tables.job("reconstruct/uncompressed/all")["peak_memory_mb"],
            f"{_bytes(whole * _copies(tables))}",
        ),
    ]
    names = ("step", "streams", "holds", f"peak of {tables.positions()} positions", "of one scan")
    return as_markdown(
        dict(zip(names, (*row[:3], _bytes(row[3] * 1e6), row[4]), strict=True)) for row in rows
    )


def _copies(tables: Tables) -> float:
    """Peak memory of the reconstruction from all pixels over that of the pixels."""
    peak = tables.job("reconstruct/uncompressed/all")["peak_memory_mb"]
    return float(peak * 1e6 / (4 * 500**2 * tables.positions()))


def _number(value: float) -> str:
    """Three digits."""
    text = f"{value:.3g}"
    return f"{float(text):,.0f}" if abs(value) >= 100 else text


def _bytes(value: float) -> str:
    """Three digits, with a decimal unit."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= 0.9995 * size:
            return f"{_number(value / size)} {unit}"
    return f"{_number(value)} B"


if __name__ == "__main__":
    main()
