"""How wide the probe is on its way through the sample, in vacuum."""

import math
from dataclasses import replace
from functools import cache

import numpy as np

from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.forward.waves import probe_spectrum

_RINGS = 50  # a disc of more Airy radii than this is its geometric shadow
_TAILS = 40  # of 1 / (aperture's radius) beyond the shadow, which hold all but 0.3 %


def diameter(optics: Optics, distance: float) -> float:
    """Diameter of the probe [Å] at a distance [Å] from its focus.

    That of the geometric shadow and of the Airy disc, 1.22 λ / α, together.
    """
    return 2 * abs(distance) * optics.semi_angle + 1.22 / optics.aperture


@cache  # sweeps share it
def share_outside(optics: Optics, window: tuple[float, float], distance: float) -> float:
    """Share of the probe's intensity outside a window.

    Args:
        optics: Of the probe.
        window: Sides (y, x) around the probe's centre [Å].
        distance: From the focus along the beam [Å].
    """
    shadow = abs(distance) * optics.semi_angle
    if shadow * optics.aperture > _RINGS:
        return _disc_outside(shadow, window)
    extent = 2 * (shadow + _TAILS / optics.aperture)
    pixels = 2 * math.ceil(2.2 * optics.aperture * extent)
    grid = Grid((pixels, pixels), (extent / pixels, extent / pixels))
    wave = np.fft.ifft2(probe_spectrum(grid, replace(optics, defocus=distance)), norm="ortho")
    middle = np.abs(np.fft.fftfreq(pixels, 1 / extent))  # distance of each pixel from the centre
    inside = np.outer(middle <= window[0] / 2, middle <= window[1] / 2)
    return float(1 - (np.abs(wave) ** 2)[inside].sum())


def _disc_outside(radius: float, window: tuple[float, float]) -> float:
    """Share of a disc outside a rectangle around its centre."""
    y = (np.arange(2000) + 0.5) / 2000 * radius
    half = np.sqrt(radius**2 - y**2)
    inside = np.minimum(half, window[1] / 2) * (y <= window[0] / 2)
    return float(1 - inside.sum() / half.sum())
