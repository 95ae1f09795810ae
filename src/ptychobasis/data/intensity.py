"""How many electrons came in, as the patterns themselves tell.

Electrons are conserved: where next to none reach the edge of the detector, nearly all of them are
on it, and a pattern sums up to one. If it sums up to half of that, its normalisation is wrong.
"""

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.arrays import Float

_RINGS = (0.6, 0.8, 1.0)  # of the largest radius; between them the intensity is extrapolated
_MOST_BEYOND = 0.05  # share of the electrons beyond the detector, up to which the total counts
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
    radii, within = reached
    inner, middle, whole = np.interp(np.array(_RINGS) * radii[-1], radii, within)
    first, second = middle - inner, whole - middle
    if whole <= 0 or second < 0 or second >= first:
        return 1.0
    beyond = second**2 / (first - second)
    if beyond > _MOST_BEYOND * whole:
        return 1.0
    scale = float(whole + beyond)
    return scale if abs(scale - 1) > _TOLERANCE else 1.0


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
