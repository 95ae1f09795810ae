"""What every benchmark shares: timing by medians, tables, and the machine that made them."""

import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from ptychobasis.data.provenance import provenance

RESULTS = Path(__file__).parent / "results"
MACHINES = RESULTS / "machines.json"


def seconds(*functions: Callable[[], Any], repeats: int = 5, warmup: int = 1) -> list[float]:
    """Median wall time of each function [s].

    They are called in turn, so that a machine that slows down slows all of them and the
    ratios hold.
    """
    times: list[list[float]] = [[] for _ in functions]
    for number in range(warmup + repeats):
        for function, found in zip(functions, times, strict=True):
            gc.collect()
            began = time.perf_counter()
            function()
            if number >= warmup:
                found.append(time.perf_counter() - began)
    return [statistics.median(found) for found in times]


def write_table(name: str, rows: pd.DataFrame | Sequence[dict[str, Any]]) -> None:
    """Write ``results/{name}.csv`` and, beside it, the machine and commit that made it."""
    made = machine()  # first: what is written below is a change of the checkout
    RESULTS.mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.4g")
    known = json.loads(MACHINES.read_text()) if MACHINES.exists() else {}
    known[name] = made
    MACHINES.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def machine() -> dict[str, Any]:
    """Processor, cores, date and software versions."""
    return {"processor": _processor(), "cores": cores(), "date": str(date.today()), **provenance()}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
