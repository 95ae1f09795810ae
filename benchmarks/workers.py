"""Processor time of compression by the workers of a dask cluster: theirs, and the job's own.

All on one machine, from a losslessly compressed file that was just read into 36 Zernike
coefficients, without writing them; 0 workers are the job alone. Processor time, because it hardly
depends on what else the machine does; the workers' includes reading, the job's the scheduler, which
on a cluster is a process of its own. A block has `MB per block` of patterns as float32. What the
job spends on a block does not depend on its size and is measured with many small ones.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
from distributed import Client, LocalCluster

from benchmarks.compression import Case, write_case
from ptychobasis.bases.basis import Request
from ptychobasis.bases.compress import PatternReader
from ptychobasis.bases.registry import build_basis
from ptychobasis.data.dataset import BLOCK_BYTES, read_dataset

TABLES = ("workers",)
_REPEATS = 5
_SMALL = 2**18  # bytes of a small block
_CASE = Case(500, 4, True, 1, ("warm",))
# as docs/scaling.md has it: without, dask gives memory back after each block
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_TRIM_THRESHOLD_": str(2**27),
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
}


def run() -> dict[str, list[dict[str, Any]]]:
    """Compress one file alone, with one worker and with two."""
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, _ENVIRONMENT):
        path = Path(folder) / "dataset.h5"
        write_case(path, _CASE)
        return {"workers": [_row(path, count) for count in (0, 1, 2)]}


def _row(path: Path, count: int) -> dict[str, Any]:
    dataset = read_dataset(path)
    basis = build_basis("zernike", Request(dataset.optics, 36))
    gigabytes = dataset.size * 4 * _CASE.pixels**2 / 1e9
    with _cluster(count) as (scheduler, pids):

        def spent(most_bytes: int) -> tuple[int, float, float]:
            chosen = PatternReader(most_bytes, scheduler)
            number = sum(1 for _ in chosen.coefficients(dataset, basis))  # reads the file
            return number, *_spent(lambda: list(chosen.coefficients(dataset, basis)), pids)

        blocks, job, workers = spent(BLOCK_BYTES)
        if count:
            small, job, _ = spent(_SMALL)
    return {
        "workers": count,
        "patterns [GB]": gigabytes,
        "MB per block": 1e3 * gigabytes / blocks,
        "job, a block [ms]": 1e3 * job / (small if count else blocks),
        "workers, a block [ms]": 1e3 * workers / blocks,
    }


@contextmanager
def _cluster(count: int) -> Iterator[tuple[str | None, list[int]]]:
    """Address of a scheduler, if there are workers, and the workers' processes."""
    if not count:
        yield None, []
        return
    with LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=":0") as cluster:
        with Client(cluster.scheduler_address, set_as_default=False) as client:
            pids = list(client.run(os.getpid).values())
        yield cluster.scheduler_address, pids


def _spent(work: Callable[[], Any], pids: list[int]) -> tuple[float, float]:
    """Processor time that this process and others spend on `work`, each the mean of several [s]."""

    def theirs() -> float:
        times = [psutil.Process(pid).cpu_times() for pid in pids]
        return sum(each.user + each.system for each in times)

    own, others = time.process_time(), theirs()
    for _ in range(_REPEATS):
        work()
    return (time.process_time() - own) / _REPEATS, (theirs() - others) / _REPEATS
