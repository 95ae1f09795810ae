"""Time of an epoch against masks, positions, pixels and slices; memory of a whole job.

`masks`: more masks are a wider matrix product at the end of the forward model, which is little
beside the transforms: flat within 15 % from 3 to 66 is the aim. `scaling`: one quantity grows, the
others stay at 128 pixels, 144 positions, 4 slices; `per_unit` is the time per position, pixel or
slice relative to the first row of its kind, 1 meaning that the time is proportional. `memory`: peak
of a process that reads nothing, prepares everything for all positions and visits some of them
twice, with the libraries' own 0.3 GB; positions are 1 Å apart, as the paper's, and the grids those
of the paper's study, waves of 88 pixels from what `auto` chooses.
"""

import resource
import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from benchmarks.common import seconds
from benchmarks.engine import SETTINGS, synthetic
from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.reconstruction.descent import Descent
from ptychobasis.reconstruction.objective import prepare
from ptychobasis.reconstruction.settings import ReconstructionSettings

TABLES = ("masks", "scaling", "memory")
MASKS = (3, 6, 10, 15, 21, 28, 36, 45, 55, 66)
# waves [px] and their window [Å], positions along an edge
MEMORY = (
    *((pixels, 35.0, 12) for pixels in (128, 256, 500)),
    *((500, 35.0, side) for side in (24, 48)),
    *((88, 19.25, side) for side in (12, 48, 192, 512)),
)
VISITED = 64


def run() -> dict[str, list[dict[str, Any]]]:
    """Time epochs with one thread, all of a kind in turn, and weigh processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {"masks": _masks(), "scaling": _scaling(), "memory": _memory()}
    finally:
        torch.set_num_threads(threads)


def _masks() -> list[dict[str, Any]]:
    times = _times([(synthetic(128, 12, masks), SETTINGS) for masks in MASKS])
    return [
        {"masks": masks, "epoch_s": time, "ratio_to_3": time / times[0]}
        for masks, time in zip(MASKS, times, strict=True)
    ]


def _scaling() -> list[dict[str, Any]]:
    def slices(count: int) -> ReconstructionSettings:
        depths = tuple(92.0 * i / count for i in range(count))
        return SETTINGS.model_copy(update={"slice_depths_angstrom": depths})

    kinds: dict[str, list[tuple[int, tuple[Compressed, ReconstructionSettings]]]] = {
        "positions": [(side**2, (synthetic(128, side), SETTINGS)) for side in (8, 12, 16, 24)],
        "pixels": [(n**2, (synthetic(n, 12), SETTINGS)) for n in (96, 128, 192, 256)],
        "slices": [(count, (synthetic(128, 12), slices(count))) for count in (1, 2, 4, 8)],
    }
    rows = []
    for kind, cases in kinds.items():
        times = _times([case for _, case in cases])
        first = times[0] / cases[0][0]
        rows += [
            {"what": kind, "value": value, "epoch_s": time, "per_unit": time / value / first}
            for (value, _), time in zip(cases, times, strict=True)
        ]
    return rows


def _times(cases: list[tuple[Compressed, ReconstructionSettings]]) -> list[float]:
    functions = []
    for data, settings in cases:
        descent = Descent(prepare(data, settings, torch.device("cpu")), settings)
        functions.append(partial(descent.epoch, descent.start(0)))
    return seconds(*functions, repeats=7)


def _memory() -> list[dict[str, Any]]:
    rows = []
    for pixels, window, side in MEMORY:
        command = [sys.executable, "-m", "benchmarks.scaling", str(pixels), str(window), str(side)]
        peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows.append(
            {
                "grid_px": pixels,
                "window_angstrom": window,
                "positions": side**2,
                "peak_mb": float(peak),
            }
        )
    return rows


def _weigh(pixels: int, window: float, side: int) -> None:
    """Prepare for all positions, visit some twice and print the peak of this process [MB]."""
    objective = prepare(synthetic(pixels, side, window=window), SETTINGS, torch.device("cpu"))
    descent, layout = Descent(objective, SETTINGS), objective.forward.layout
    state = descent.start(0)
    objective.forward.layout = replace(layout, starts=layout.starts[:VISITED])
    for _ in range(2):
        descent.epoch(state)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    torch.set_num_threads(1)
    _weigh(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
