"""How large a cell the simulation of a study needs, from its keys alone."""

import numpy as np

from ptychobasis.config import Study

MARGIN = 4.0  # [Å], so that atoms beyond the window's edge still lend it their tails
WIDER = 1.15  # windows of the waves over those of the detector, see benchmarks/simulation.py


def needed_size(study: Study) -> tuple[float, float]:
    """Size (y, x) of a crystal [Å] that holds the window around every scan position."""
    assert study.scan is not None
    assert study.detector is not None
    shift = np.abs(study.scan.centre_angstrom or (0.0, 0.0))
    extent = np.ptp(study.scan_positions().reshape(-1, 2), axis=0)
    size = extent + np.array(study.detector.window_angstrom) + 2 * (shift + MARGIN)
    return float(size[0]), float(size[1])
