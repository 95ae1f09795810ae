"""How many electrons came in, as the patterns themselves tell.

Electrons are conserved: where next to none reach the edge of the detector, nearly all of them are
on it, and a pattern sums up to one. If it sums up to half of that, its normalisation is wrong.
"""

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.arrays import Float

_RINGS = (0.6, 0.8, 1.0)  # of the largest radius; between them the intensity is extrapolated
_MOST_BEYOND = 0.05  # share of the electrons beyond the detector, up to which the total counts
_PARTS = 8  # of a scan, whose mean intensities are compared
_TOLERANCE = 0.1  # heavy samples scatter that much further than any extrapolation sees


def intensity_scale(reached: Float) -> float:
    """Factor by which all patterns are too bright; 1 where that cannot be told, or is small.

    The share of the electrons beyond the detector is extrapolated as a geometric series from two
    rings next to its edge. On simulated data of 14 samples the factor came out between 0.93 (gold,
    which scatters far) and 1.00, where 1 is right; so factors within 10 % of 1 are taken as 1.

    Args:
        reached: ``(2, n)``, radii and fraction of the electrons within each; see
            `ptychobasis.data.dataset_checks.scattering`.
    """
    scale = _electrons(reached) or 1.0
    return scale if abs(scale - 1) > _TOLERANCE else 1.0


def _electrons(reached: Float) -> float | None:
    """Electrons of the mean pattern, on the detector and beyond; None where too many are beyond."""
    radii, within = reached
    inner, middle, whole = np.interp(np.array(_RINGS) * radii[-1], radii, within)
    first, second = middle - inner, whole - middle
    if whole <= 0 or second < 0 or second >= first > 0:
        return None
    beyond = second**2 / (first - second) if second > 0 else 0.0
    return None if beyond > _MOST_BEYOND * whole else float(whole + beyond)


def current_change(totals: Float, good: NDArray[np.bool_], reached: Float) -> float:
    """By how much the beam current changed during the scan, as a share; 0 where none can tell.

    Means over parts of the scan are compared: the brightest with the faintest. Where nearly all
    electrons reach the detector, no sample makes a difference. Four samples of the panel
    differ by less than 1 %.

    Args:
        totals: ``(n,)``, sum of each pattern, in the order of the scan.
        good: ``(n,)``, patterns that count.
        reached: See `intensity_scale`.
    """
    if _electrons(reached) is None:
        return 0.0
    parts = np.array_split(totals[good], min(_PARTS, int(good.sum())))
    means = np.array([part.mean() for part in parts])
    return float(np.ptp(means) / means.mean()) if means.mean() > 0 else 0.0


def beam_currents(totals: Float, good: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Beam current of each pattern ``(n,)``, relative to their median.

    It is right where the detector catches nearly all electrons at every position.

    Args:
        totals: ``(n,)``, sum of each pattern.
        good: ``(n,)``, patterns that count; the others get 1.
    """
    currents = np.ones(len(totals))
    currents[good] = totals[good] / np.median(totals[good])
    return currents
