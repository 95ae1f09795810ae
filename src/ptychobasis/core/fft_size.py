"""Sizes of arrays whose fast Fourier transforms are fast."""

import math

from scipy.fft import next_fast_len

_ROUNDING = 1e-6  # of a size that was computed, in pixels


def fast_even_size(least: float) -> int:
    """The next even number of pixels that complex FFTs are fast with.

    It is twice a product of primes up to 11.

    Args:
        least: Smallest size allowed [pixels].
    """
    return 2 * int(next_fast_len(math.ceil(least / 2 - _ROUNDING), real=False))
