"""The windowed scan against abTEM's own scan over the whole cell, at the paper's scale.

Both take the same potential: one frozen-phonon configuration of `config/paper.yaml`, with its
sampling and layers. `abTEM` is `abtem.Probe.scan` over all of it with abTEM's default settings.
The cell happens to be 1115 = 5 x 223 pixels wide, which FFTs do not like; `abTEM, padded` is the
same scan over a cell that was widened to a size that they do like, as a careful user would.

Times are processor time, because these runs share a machine with others; with one thread that
is the time on a machine that is not shared. `wall_s_per_probe` is what passed. `times_windowed`
is the time per probe in units of the windowed scan's. `hours_per_configuration` is extrapolated
from the few probes measured to all of `config/paper.yaml`, without its potential (some 10 s).
Two threads cost more processor time, so that two configurations side by side are the better use
of two cores.

`disagreement_percent` is the sum of the absolute differences of two patterns over their
intensity, `rms_disagreement_percent` the root of the sum of their squares over that of the
patterns' squares, which the bright field decides. Both are measured over a piece of the cell that
is two windows wide, so that every other pixel of abTEM's patterns is a pixel of the window's; both
start from the same probe. What differs is what leaves the window and comes back at its other side;
waves are therefore carried in windows that are at least `wider` times the detector's. The study's
are those of the first row.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import abtem
import numpy as np

from ptychobasis.core.arrays import Float
from ptychobasis.core.optics import Optics
from ptychobasis.simulation.abtem_scan import phonon_potential, scan
from ptychobasis.simulation.geometry import needed_size, scan_on_crystal
from ptychobasis.simulation.sample import build_crystal
from ptychobasis.simulation.settings import WIDER, Simulation
from ptychobasis.study.load import load_study

TABLES = ("simulation",)
PAPER = Path(__file__).parents[1] / "config" / "paper.yaml"
OTHERS = (1.0, 1.2)  # windows beside those of the study
ABTEM_BATCH = 8  # its transmission functions are computed anew for each batch


def run() -> dict[str, list[dict[str, Any]]]:
    """Time a few probes of either scan and compare two patterns."""
    study = load_study(PAPER)
    optics = study.optics()
    assert study.simulation is not None
    assert study.crystal is not None
    assert study.scan is not None
    assert study.detector is not None
    keys = study.simulation.model_copy(update={"device": "cpu"})
    size = needed_size(study.scan, study.detector)
    crystal = build_crystal(study.crystal, size, study.seeds[0])
    potential = phonon_potential(crystal, keys, seed=1)
    positions = scan_on_crystal(study.scan, crystal).reshape(-1, 2)
    widened = _resized(potential, [_good_size(n) for n in potential.gpts])
    rows = [
        _abtem("abTEM", potential, optics, positions),
        _abtem("abTEM, padded", widened, optics, positions),
        _windowed(potential, optics, positions, keys, WIDER, threads=2),
    ]
    one = [
        _windowed(potential, optics, positions, keys, wider, threads=1)
        | _disagreement(potential, optics, keys, wider)
        for wider in (WIDER, *OTHERS)
    ]
    rows = one + rows
    for row in rows:
        row["times_windowed"] = row["s_per_probe"] / one[0]["s_per_probe"]
        row["hours_per_configuration"] = row["s_per_probe"] * len(positions) / 3600
    return {"simulation": rows}


def _good_size(n: int) -> int:
    """The next multiple of 10 without prime factors above 7."""
    return next(m for m in range(-(-n // 10) * 10, 2 * n + 10, 10) if 210**20 % m == 0)


def _resized(potential: Any, gpts: Sequence[int]) -> Any:
    """The potential cut to `gpts` pixels, or with vacuum at its end."""
    pairs = list(zip(gpts, potential.gpts, strict=True))
    array = np.pad(potential.array, [(0, 0), *((0, max(0, n - m)) for n, m in pairs)])
    return abtem.PotentialArray(
        array[:, : gpts[0], : gpts[1]],
        slice_thickness=potential.slice_thickness,
        extent=tuple(n * d for n, d in zip(gpts, potential.sampling, strict=True)),
    )


def _probe(optics: Optics, gpts: Any, extent: Any) -> Any:
    return abtem.Probe(
        energy=optics.energy,
        semiangle_cutoff=optics.semi_angle * 1e3,
        defocus=optics.defocus,
        gpts=gpts,
        extent=extent,
    )


def _abtem(method: str, potential: Any, optics: Optics, positions: Float) -> dict[str, Any]:
    """One batch of abTEM's own scan, as its user would write it."""
    probe = _probe(optics, potential.gpts, potential.extent)
    places = abtem.CustomScan(positions[:ABTEM_BATCH, ::-1])
    detector = abtem.PixelatedDetector(max_angle="cutoff")

    def once() -> None:
        probe.scan(potential, scan=places, detectors=detector, max_batch=ABTEM_BATCH, lazy=False)

    return _row(method, potential, potential.gpts, (ABTEM_BATCH, 1), _clock(once))


def _windowed(
    potential: Any,
    optics: Optics,
    positions: Float,
    keys: Simulation,
    wider: float,
    threads: int,
) -> dict[str, Any]:
    """A few batches of the windowed scan; the first, which prepares the crystal, is not timed."""
    window = tuple(round(length / keys.sampling_angstrom) for length in optics.detector.extent)
    with abtem.config.set({"fftw.threads": threads}):
        batches: Iterator[Any] = scan(
            potential, optics, positions[: 3 * keys.batch], keys, wider=wider
        )
        next(batches)
        times = np.median([_clock(lambda: next(batches)) for _ in range(2)], axis=0)
    row = _row("windowed", potential, window, (keys.batch, threads), times)
    return row | {"wider": wider}


def _clock(function: Callable[[], Any]) -> tuple[float, float]:
    """Processor and wall time [s]."""
    began = time.process_time(), time.perf_counter()
    function()
    return time.process_time() - began[0], time.perf_counter() - began[1]


def _row(
    method: str, potential: Any, window: Any, batching: tuple[int, int], times: Any
) -> dict[str, Any]:
    batch, threads = batching
    return {
        "method": method,
        "cell_px": " x ".join(map(str, potential.gpts)),
        "window_px": " x ".join(map(str, window)),
        "wider": np.nan,
        "layers": len(potential),
        "batch": batch,
        "threads": threads,
        "s_per_probe": times[0] / batch,
        "wall_s_per_probe": times[1] / batch,
        "times_windowed": np.nan,
        "disagreement_percent": np.nan,
        "rms_disagreement_percent": np.nan,
    }


def _disagreement(
    potential: Any, optics: Optics, keys: Simulation, wider: float
) -> dict[str, float]:
    """Two patterns of windows against abTEM's multislice over a piece two windows wide [%]."""
    window = np.array([round(x / keys.sampling_angstrom) for x in optics.detector.extent[::-1]])
    n, m = window
    piece = _resized(potential, list(2 * window))
    centre = window * keys.sampling_angstrom
    places = centre + np.array([[0.0, 0.0], [1.1, -1.7]])  # (x, y)
    found = np.concatenate(list(scan(piece, optics, places[:, ::-1], keys, wider=wider)))
    starts = np.rint(places / keys.sampling_angstrom).astype(int) - window // 2
    inside = abtem.CustomScan(places - starts * keys.sampling_angstrom)
    probes = _probe(optics, (n, m), tuple(centre)).build(inside, lazy=False)
    waves = np.zeros((len(places), 2 * n, 2 * m), np.complex64)
    for wave, (x, y), probe in zip(waves, starts, probes.array, strict=True):
        wave[x : x + n, y : y + m] = probe
    axis: list[Any] = [abtem.core.axes.OrdinalAxis(values=(0, 1))]
    whole: Any = abtem.Waves(
        waves, optics.energy, extent=piece.extent, ensemble_axes_metadata=axis
    ).multislice(piece)
    # every other pixel has the frequency of a pixel of the window
    far_field = np.fft.fft2(whole.compute(progress_bar=False).array)[:, ::2, ::2]
    expected = np.fft.fftshift(abs(far_field) ** 2, axes=(1, 2)).transpose(0, 2, 1)
    rms = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    return {
        "disagreement_percent": float(100 * abs(found - expected).sum() / expected.sum()),
        "rms_disagreement_percent": float(100 * rms),
    }
