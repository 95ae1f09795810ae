"""What the scripts share: two cores, the data, and a stopwatch that keeps every epoch.

A script runs in the environment of its package: ``python run_NAME.py data.npz folder
settings.json``. It imports this module first, because threads are counted at import.
"""

import json
import os
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

THREADS = 2
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = str(THREADS)

import numpy as np  # noqa: E402


def arguments() -> tuple[SimpleNamespace, "Recorder", SimpleNamespace]:
    """Data, recorder and settings that the command line names.

    The data are ``patterns (scan_y, scan_x, ky, kx)`` as fractions of the incident electrons
    with the zero frequency at ``n // 2``, the regular ``positions (scan_y, scan_x, 2)`` as (y, x)
    [Å] and their ``step`` [Å], ``pixels`` n, ``sampling`` [Å], ``energy`` [eV], ``wavelength`` [Å],
    ``semi_angle`` [rad], ``defocus`` [Å], the known ``probe (y, x)`` centred on pixel ``n // 2``
    with intensities that add up to 1, the ``depths`` of the slices and the ``distances`` between
    them [Å].
    """
    data_path, folder, settings = sys.argv[1:]
    with np.load(data_path) as file:
        # what has no axes becomes a plain number
        data = {key: value if value.ndim else value.item() for key, value in file.items()}
    return SimpleNamespace(**data), Recorder(Path(folder)), SimpleNamespace(**json.loads(settings))


class Recorder:
    """Keeps the phase after each epoch and the seconds spent up to then.

    Phases go to disk at once, so that they count neither as time nor as memory.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.seconds, self.setup = folder, [0.0], 0.0
        self._began = time.perf_counter()

    def start(self) -> None:
        """Call right before the package's reconstruction: until now it was set up."""
        self.setup = time.perf_counter() - self._began
        self._began = time.perf_counter()

    def epoch(self, phase: np.ndarray) -> None:
        """Note that an epoch is over, with its phase ``(slices, y, x)`` [rad]."""
        self.seconds.append(self.seconds[-1] + time.perf_counter() - self._began)
        np.save(self.folder / f"{len(self.seconds) - 1:03}.npy", np.asarray(phase, np.float32))
        self._began = time.perf_counter()

    def finish(self, package: str, sampling: float, origin: tuple[float, float]) -> None:
        """Write times, memory and where the pixels lie.

        Args:
            package: name on the package index.
            sampling: of the phases [Å].
            origin: centre of pixel (0, 0) as (y, x) in scan coordinates [Å].
        """
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        about = {
            "package": package,
            "version": version(package),
            "setup": self.setup,
            "seconds": self.seconds[1:],
            "peak_bytes": peak,
            "sampling": float(sampling),
            "origin": [float(value) for value in origin],
        }
        (self.folder / "run.json").write_text(json.dumps(about))
