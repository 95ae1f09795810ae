"""How fast a data set goes through the masks, beside what reading its file costs.

Rates are gigabytes of float32 patterns per second, whatever the file takes on disk (`file [GB]`),
so that the columns compare. `plain read` reads the bytes of the file and nothing else; `HDF5 read`
also undoes the lossless filter and gives whole patterns in one buffer, with nothing done to
them. The other columns end with a compressed file or with singular vectors. Cold means that the
operating system was told to forget the file before each reading, warm that the file was read just
before. Of `uncompressed` files only the rows of the detector that the disc reaches are read, 45 of
500 or of 128, so that compression may take less than a plain read. `SVD 36` includes finding the
vectors once the file is read, some tenths of a second whatever its size.

The second table is the peak memory of a process that compresses into 36 Zernike coefficients and
then finds 36 singular vectors.

Patterns are those of a focused probe behind random atoms. They repeat after some dozens, which no
filter can make use of: each chunk of a file is encoded by itself. The files, 20 GB the largest,
lie in the folder for temporary files (set TMPDIR to choose another disk) and are deleted.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import seconds
from ptychobasis.bases.basis import Request
from ptychobasis.bases.compress import compress, leading_vectors
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.data.dataset import Dataset, read_dataset, write_dataset

TABLES = ("compression", "compression_memory")

_SCAN_COLUMNS = 48
_BUFFER_BYTES = 2**23


@dataclass(frozen=True)
class Case:
    """One file: pixels along an edge of the detector, size of the patterns, how often timed."""

    pixels: int
    gigabytes: float
    filtered: bool
    repeats: int
    caches: tuple[str, ...]

    @property
    def points(self) -> int:
        """Scan points, in whole rows."""
        row = _SCAN_COLUMNS * 4 * self.pixels**2
        return round(self.gigabytes * 1e9 / row) * _SCAN_COLUMNS


_CASES = (
    Case(500, 1, True, 3, ("cold", "warm")),
    Case(500, 20, True, 1, ("cold",)),
    Case(500, 5, False, 1, ("cold", "warm")),
    Case(128, 1, True, 3, ("cold", "warm")),
    Case(128, 1, False, 3, ("cold", "warm")),
)

_MEASURED_ALONE = """
import resource, sys
from pathlib import Path
from benchmarks.compression import compress_twice
compress_twice(Path(sys.argv[1]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def run() -> dict[str, list[dict[str, Any]]]:
    """Write the files, time each way through them and weigh the memory of compression."""
    rates, memory = [], []
    for case in _CASES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "dataset.h5"
            write_case(path, case)
            for cache in case.caches:
                if cache == "warm" or hasattr(os, "posix_fadvise"):
                    rates.append(_rates(path, case, cache))
            if case.pixels == 500 and case.filtered:
                memory.append(_memory(path, case))
    return {"compression": rates, "compression_memory": memory}


def compress_twice(path: Path) -> None:
    """Into 36 Zernike coefficients, and into 36 singular vectors."""
    dataset = read_dataset(path)
    _compress(dataset, "zernike", 36)
    leading_vectors(dataset, dataset.optics.bright_field(), 36)


def _rates(path: Path, case: Case, cache: str) -> dict[str, Any]:
    dataset = read_dataset(path)
    disc = dataset.optics.bright_field()
    ways: dict[str, Callable[[], Any]] = {
        "plain read": lambda: _read_plainly(path),
        "HDF5 read": lambda: _read_patterns(path),
        "Zernike 36": lambda: _compress(dataset, "zernike", 36),
        "bins of 7": lambda: _compress(dataset, "binning", 7),
        "SVD 36": lambda: leading_vectors(dataset, disc, 36),
    }
    prepare = _forget if cache == "cold" else _read_plainly
    steps = chain.from_iterable((lambda: prepare(path), way) for way in ways.values())
    times = seconds(*steps, repeats=case.repeats, warmup=0)[1::2]
    gigabytes = case.points * 4 * case.pixels**2 / 1e9
    row: dict[str, Any] = {
        "pixels": f"{case.pixels} x {case.pixels}",
        "filter": "lossless" if case.filtered else "uncompressed",
        "patterns [GB]": gigabytes,
        "file [GB]": path.stat().st_size / 1e9,
        "cache": cache,
    }
    row |= {f"{name} [GB/s]": gigabytes / time for name, time in zip(ways, times, strict=True)}
    for name, time in zip(list(ways)[2:], times[2:], strict=True):
        row[f"time of {name} / HDF5 read"] = time / times[1]
    return row


def _memory(path: Path, case: Case) -> dict[str, Any]:
    command = [sys.executable, "-c", _MEASURED_ALONE, str(path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    unit = 1 if sys.platform == "darwin" else 1024
    gigabytes = case.points * 4 * case.pixels**2 / 1e9
    return {"patterns [GB]": gigabytes, "peak memory [MB]": int(answer.stdout) * unit / 1e6}


def _compress(dataset: Dataset, name: str, size: int) -> None:
    basis = build_basis(name, Request(dataset.optics, size))
    compress(dataset, basis, dataset.path.with_name("compressed.h5"))


def _read_plainly(path: Path) -> None:
    buffer = bytearray(_BUFFER_BYTES)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _read_patterns(path: Path) -> None:
    with h5py.File(path) as file:
        patterns = file["patterns"]
        rows, columns, *shape = patterns.shape
        width = _BUFFER_BYTES // (4 * shape[0] * shape[1])
        buffer = np.empty((1, min(width, columns), *shape), np.float32)
        for i in range(rows):
            for j in range(0, columns, width):
                count = min(width, columns - j)
                patterns.read_direct(buffer[:, :count], np.s_[i : i + 1, j : j + count])


def _forget(path: Path) -> None:
    """Have the operating system drop what it cached of a file (Linux)."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def write_case(path: Path, case: Case) -> None:
    """Write the data set of one case."""
    optics, patterns = _some_patterns(case.pixels)
    shape = case.points // _SCAN_COLUMNS, _SCAN_COLUMNS
    positions = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    # a file without the filter is that of one scan row, the patterns replaced
    rows = shape[0] if case.filtered else 1
    write_dataset(path, optics, positions[:rows].astype(float), repeat(patterns, rows))
    if case.filtered:
        return
    with h5py.File(path, "r+") as file:
        del file["patterns"], file["positions"]
        file["positions"] = positions.astype(float)
        stored = file.create_dataset("patterns", (*shape, *patterns.shape[1:]), np.float32)
        for i in range(shape[0]):
            stored[i] = patterns


@cache
def _some_patterns(pixels: int) -> tuple[Optics, NDArray[np.float32]]:
    optics = Optics(60e3, 0.03, 0.0, Grid((pixels, pixels), (35 / pixels, 35 / pixels)))
    return optics, np.stack([_pattern(optics, seed) for seed in range(_SCAN_COLUMNS)])


def _pattern(optics: Optics, seed: int) -> NDArray[np.float32]:
    """A focused probe behind four slices of random atoms: ``(ky, kx)``, with the sum 1."""
    generator = np.random.default_rng(seed)
    ky, kx = optics.detector.frequencies()
    k2 = np.fft.ifftshift(ky**2 + kx**2)
    propagator = np.exp(-1j * np.pi * optics.wavelength * 25 * k2)
    wave = np.fft.ifftshift(optics.bright_field()).astype(complex)
    for _ in range(4):
        atoms = generator.poisson(0.02 * np.prod(optics.detector.sampling), k2.shape)
        phase = np.fft.ifft2(np.fft.fft2(atoms) * np.exp(-k2)).real
        phase *= 20 / np.prod(optics.detector.sampling)
        wave = np.fft.fft2(np.fft.ifft2(wave) * np.exp(1j * phase)) * propagator
    pattern = np.fft.fftshift(np.abs(wave) ** 2)
    return (pattern / pattern.sum()).astype(np.float32)
