"""Side by side with the packages that people use for multislice electron ptychography.

The same 24 × 24 patterns of the silicon dislocation ([peers.yaml](peers.yaml)), four slices,
known probe and empty object are given to each, on two cores of the CPU: all 128 × 128 pixels,
and the central 64 × 64 of them. Nothing is compressed, since no other package reconstructs from
coefficients. Each runs in an environment of its own (`.peers/`, from the pinned
[requirements](peer_scripts)), through its public interface, as its tutorials do it. PtyRAD needs
Python 3.12 or newer: put `python3.12` on the path, or it is left out.

The Fourier shell correlation (FSC) with the true potential is taken after every epoch, of the whole
volume, from 0.15 to 1.23 1/Å; `fsc_truth` is the best of the run. Times are those of the package's
reconstruction, with all that it compiles in there, without imports, reading (`setup_s` is the
package's own preparation) and without keeping the epochs. `peak_mb` is the whole process. Of ours
one second is the start, which loads compiled loops and measures plans of FFTs, whatever the data.

Tuning: Adam, with a step that decays as half a cosine, wherever a package has it; batches of 8, 16
and 32, steps of 0.005 to 0.2 rad and runs of 8, 10 and 20 epochs (20 or 30 of those that do not
reach 0.90), of which the table has those that reach the FSC of 0.90 soonest at 64 pixels, so that
`fsc_truth` is not what longer runs reach. The loss decides more than the package: intensities come
nearer to the truth than amplitudes, whose first slice, which stands for half as much material as
the inner ones, stays poor. phaser offers no such loss but a Poisson one, py4DSTEM neither. PtyRAD's
`torch.compile` is quicker per epoch but compiles for longer than all of this takes; PtyRAD knows
one distance between slices and gets the mean of ours.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ptychobasis.core.grid import centred_slices
from ptychobasis.core.optics import Optics
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Dataset, read_dataset
from ptychobasis.evaluation.alignment import align
from ptychobasis.evaluation.field import true_phase
from ptychobasis.evaluation.fsc import band_mean, fourier_shell_correlation
from ptychobasis.evaluation.window import scan_window
from ptychobasis.forward.waves import probe_spectrum

TABLES = ("peers",)
TARGET = 0.90  # Fourier shell correlation with the truth
LOWER_TARGET = 0.80  # for those who do not get there
SLICE_DEPTHS = (0, 30.7, 61.3, 92)  # [Å]
GRIDS = (128, 64)

_ROOT = Path(__file__).parents[1]
_SCRIPTS = Path(__file__).parent / "peer_scripts"
_STUDY = Path(__file__).with_suffix(".yaml")
_DATASET = _ROOT / "results" / "peers" / "seed_1" / "dataset.h5"
_ENVIRONMENTS = _ROOT / ".peers"
_BAND, _APODISATION = (0.15, 1.23), 2.0  # [1/Å], [Å]


class Peer(NamedTuple):
    """A package and how it is run.

    Attributes:
        script: ``peer_scripts/run_{script}.py``, its requirements ``peer_scripts/{script}.txt``.
        pythons: versions of Python in which it imports, the preferred first; none for our own.
        settings: what the script is told.
    """

    script: str
    pythons: tuple[str, ...]
    settings: dict[str, Any]


_ADAM = {"epochs": 20, "batch": 32}
_NEW = ("3.11", "3.12", "3.13")
PEERS = (
    Peer("ours", (), {**_ADAM, "epochs": 8, "step": 0.4, "loss": "intensity"}),
    Peer("ptyrad", _NEW[1:], {**_ADAM, "epochs": 10, "step": 0.1, "loss": "intensity"}),
    Peer("quantem", _NEW, {**_ADAM, "epochs": 8, "step": 0.12, "loss": "intensity"}),
    Peer("phaser", _NEW, {**_ADAM, "step": 0.05, "loss": "anscombe"}),
    Peer("py4dstem", _NEW[:2], {**_ADAM, "epochs": 30, "step": 1.0, "loss": "amplitude"}),
)


def run() -> dict[str, list[dict[str, Any]]]:
    """Run every package on both grids, in turn."""
    dataset = _dataset()
    pythons = {peer.script: _environment(peer) for peer in PEERS}
    rows = []
    for pixels in GRIDS:
        for peer in PEERS:
            python = pythons[peer.script]
            if python is not None:
                rows += measure(dataset, pixels, peer.script, python, peer.settings)
    return {"peers": rows}


def measure(
    dataset: Dataset, pixels: int, script: str, python: Path, settings: dict[str, Any]
) -> list[dict[str, Any]]:
    """Run a script in its environment and judge each epoch: one row, or none if it fails."""
    print(f"{script}, {pixels} pixels, {settings}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export(dataset, pixels, folder / "data.npz")
        command = [python, _SCRIPTS / f"run_{script}.py", folder / "data.npz", folder]
        ran = subprocess.run(
            [*command, json.dumps(settings)], check=False, capture_output=True, text=True
        )
        if ran.returncode != 0:
            print(f"{script} is left out, it failed: {ran.stderr[-500:]}", file=sys.stderr)
            return []
        about = json.loads((folder / "run.json").read_text())
        fsc = list(correlations(dataset, folder, about))
    return [_row(about, fsc, {"grid_px": pixels, **settings})]


def _row(about: dict[str, Any], fsc: list[float], settings: dict[str, Any]) -> dict[str, Any]:
    seconds = about["seconds"]

    def time_to(target: float) -> float | None:
        return next((s for s, value in zip(seconds, fsc, strict=True) if value >= target), None)

    return {
        "package": about["package"],
        "version": about["version"],
        **settings,
        "setup_s": about["setup"],
        "s_per_epoch": statistics.median(np.diff(seconds)),
        "time_to_fsc_s": time_to(TARGET),
        "fsc_target": TARGET,
        "time_to_lower_fsc_s": time_to(LOWER_TARGET),
        "lower_fsc_target": LOWER_TARGET,
        "fsc_truth": max(fsc),
        "peak_mb": about["peak_bytes"] / 1e6,
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
    origin = (float(about["origin"][0]), float(about["origin"][1]))
    for path in sorted(folder.glob("*.npy")):
        phase = Volume(np.load(path), sampling, origin).cropped(dataset.positions)
        if target is None:  # the same for all epochs
            target = true_phase(
                truth, dataset.optics.energy, SLICE_DEPTHS, phase.grid, phase.origin
            )
            window = scan_window(phase, dataset.positions, _APODISATION)
        aligned = align(phase, target, window).volume
        curve = fourier_shell_correlation(aligned.array, target.array, sampling, window)
        yield band_mean(curve, *_BAND)


def _dataset() -> Dataset:
    """The data, simulated by the project's own workflow unless they are there."""
    if not _DATASET.exists():
        snakemake = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile"]
        files = [_ROOT / "config" / "demo.yaml", _STUDY, "--", _DATASET.relative_to(_ROOT)]
        subprocess.run([*snakemake, *map(str, files)], cwd=_ROOT, check=True)
    return read_dataset(_DATASET)


def _environment(peer: Peer) -> Path | None:
    """Python of the environment of a package, made unless it is there; None if it cannot be."""
    if not peer.pythons:
        return Path(sys.executable)
    folder = _ENVIRONMENTS / peer.script
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    requirements = _SCRIPTS / f"{peer.script}.txt"
    for version in peer.pythons:
        made = _succeeds(f"python{version}", "-m", "venv", "--clear", folder)
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
