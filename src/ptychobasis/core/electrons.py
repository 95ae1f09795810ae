"""Relativistic electron wavelength and interaction constant."""

import math

from scipy import constants as si

_REST_ENERGY_EV = si.m_e * si.c**2 / si.e
_HC_EV_ANGSTROM = si.h * si.c / si.e * 1e10


def wavelength(energy: float) -> float:
    """Relativistic electron wavelength [Å] at a kinetic energy [eV].

    λ = hc / √(E (E + 2 m₀c²)), Kirkland, Advanced Computing in Electron
    Microscopy (2020), eq. 2.5.
    """
    return _HC_EV_ANGSTROM / math.sqrt(energy * (energy + 2 * _REST_ENERGY_EV))


def interaction_constant(energy: float) -> float:
    """Phase per projected potential, σ [rad / (V Å)], at a kinetic energy [eV].

    σ = 2π m e λ / h² = 2π / (λE) · (E₀ + E) / (2E₀ + E), Kirkland, eq. 5.6.
    """
    ratio = (_REST_ENERGY_EV + energy) / (2 * _REST_ENERGY_EV + energy)
    return 2 * math.pi / (wavelength(energy) * energy) * ratio
