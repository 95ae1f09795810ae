"""Side by side with the packages that people use. (Text to come.)"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ptychobasis.dataset import Dataset, read_dataset
from ptychobasis.evaluation import Measure, compare, scanned_field, truth_on_grid
from ptychobasis.grid import Grid, centred_slices
from ptychobasis.metrics import band_mean
from ptychobasis.multislice import probe_spectrum
from ptychobasis.optics import Optics

TABLES = ("peers",)
TARGET = 0.90  # Fourier shell correlation with the truth
SLICE_DEPTHS = (0, 30.7, 61.3, 92)  # [Å]
GRIDS = (128, 64)

_ROOT = Path(__file__).parents[1]
_SCRIPTS = Path(__file__).parent / "peer_scripts"
_STUDY = Path(__file__).with_suffix(".yaml")
_DATASET = _ROOT / "results" / "peers" / "dataset.h5"
_ENVIRONMENTS = _ROOT / ".peers"
_MEASURE = Measure(band=(0.15, 1.23), apodisation=2.0)


class Peer(NamedTuple):
    """A package and how it is run.

    Attributes:
        script: ``peer_scripts/run_{script}.py`` and ``peer_scripts/{script}.txt``.
        pythons: versions of Python in which it imports, the preferred first.
        settings: by pixels of the grid, what the script is told.
    """

    script: str
    pythons: tuple[str, ...]
    settings: dict[int, dict[str, Any]]


PEERS = (
    Peer("ours", (), {
        128: {"epochs": 60, "batch": 32, "step": 0.05},
        64: {"epochs": 60, "batch": 32, "step": 0.05},
    }),
    Peer("quantem", ("3.11", "3.12", "3.13"), {
        128: {"epochs": 60, "batch": 32, "step": 0.05, "autograd": True},
        64: {"epochs": 60, "batch": 32, "step": 0.05, "autograd": True},
    }),
)  # fmt: skip


def run() -> dict[str, list[dict[str, Any]]]:
    """Run every package on both grids."""
    dataset = _dataset()
    pythons = {peer.script: _environment(peer) for peer in PEERS}
    rows = []
    for pixels in GRIDS:
        for peer in PEERS:
            python = pythons[peer.script]
            if python is not None:
                rows.append(measure(dataset, pixels, peer.script, python, peer.settings[pixels]))
    return {"peers": rows}


def measure(
    dataset: Dataset, pixels: int, script: str, python: Path, settings: dict[str, Any]
) -> dict[str, Any]:
    """One row of the table: run a script in its environment and judge each of its epochs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export(dataset, pixels, folder / "data.npz")
        command = [python, _SCRIPTS / f"run_{script}.py", folder / "data.npz", folder]
        subprocess.run([*command, json.dumps(settings)], check=True, stdout=subprocess.DEVNULL)
        about = json.loads((folder / "run.json").read_text())
        fsc = list(correlations(dataset, folder, about))
    seconds = about["seconds"]
    reached = [time for time, value in zip(seconds, fsc, strict=True) if value >= TARGET]
    return {
        "package": script,
        "version": about["version"],
        "grid_px": pixels,
        "s_per_epoch": statistics.median(np.diff(seconds)),
        "time_to_fsc_s": reached[0] if reached else None,
        "fsc_target": TARGET,
        "fsc_truth": max(fsc),
        "peak_mb": about["peak_bytes"] / 1e6,
        **settings,
    }


def export(dataset: Dataset, pixels: int, path: Path) -> None:
    """Write patterns, calibration and probe in a file that needs nothing but numpy to read.

    The patterns are cropped to `pixels`; the window stays, the sampling grows.
    """
    old = dataset.optics
    grid = old.detector.with_shape((pixels, pixels))
    optics = Optics(old.energy, old.semi_angle, old.defocus, grid)
    cut = centred_slices(old.detector.shape, grid.shape)
    patterns = np.concatenate([block[:, *cut] for _, block in dataset.blocks()])
    wave = np.fft.fftshift(np.fft.ifft2(probe_spectrum(grid, optics), norm="ortho"))
    positions = dataset.positions
    np.savez(
        path,
        patterns=patterns.reshape(*dataset.scan_shape, pixels, pixels),
        positions=positions,
        step=(positions[1, 1] - positions[0, 0]),
        pixels=pixels,
        sampling=grid.sampling[0],
        energy=old.energy,
        wavelength=old.wavelength,
        semi_angle=old.semi_angle,
        defocus=old.defocus,
        probe=wave.astype(np.complex64),
        depths=SLICE_DEPTHS,
        distances=np.diff(SLICE_DEPTHS),
    )




def correlations(dataset: Dataset, folder: Path, about: dict[str, Any]) -> Iterator[float]:
    """Mean correlation with the truth after each epoch, of the volume inside the scan."""
    truth = dataset.truth
    assert truth is not None
    sampling, target = (about["sampling"],) * 2, None
    for path in sorted(folder.glob("*.npy")):
        phase = np.load(path)
        if target is None:  # the same for all epochs
            field = scanned_field(phase.shape[1:], sampling, about["origin"], dataset.positions)
            first = [o + cut.start * d for o, cut, d in zip(about["origin"], field, sampling)]
            grid = Grid(phase[0][field].shape, sampling)
            target = truth_on_grid(truth, dataset.optics.energy, SLICE_DEPTHS, grid, first)
        _, curves = compare(phase[:, *field], target, sampling, _MEASURE)
        yield band_mean(curves["volume"], *_MEASURE.band)


def _dataset() -> Dataset:
    """The data, simulated by the project's own workflow unless they are there."""
    if not _DATASET.exists():
        configs = [_ROOT / "config" / "demo.yaml", _STUDY]
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", *configs]
        subprocess.run([*command, "--", _DATASET.relative_to(_ROOT)], cwd=_ROOT, check=True)
    return read_dataset(_DATASET)


def _environment(peer: Peer) -> Path | None:
    """Python of the environment of a package, made unless it is there; None if it cannot be."""
    if not peer.pythons:
        return Path(sys.executable)
    folder = _ENVIRONMENTS / peer.script
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    requirements = _SCRIPTS / f"{peer.script}.txt"
    for version in peer.pythons:
        made = _succeeds(f"python{version}", "-m", "venv", folder)
        if made and _succeeds(python, "-m", "pip", "install", "--quiet", "-r", requirements):
            (folder / "complete").touch()
            return python
    needed = " or ".join(peer.pythons)
    print(f"{peer.script} is left out: no environment with Python {needed}", file=sys.stderr)
    return None


def _succeeds(*command: str | Path) -> bool:
    try:
        return subprocess.run(command, check=False).returncode == 0
    except FileNotFoundError:
        return False
