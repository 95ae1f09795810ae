"""Wavelength and interaction constant against published values and two other codes."""

import math

import pytest
from abtem.core.energy import energy2sigma, energy2wavelength
from hypothesis import given
from hypothesis import strategies as st
from scipy import constants as si

from ptychobasis.core.electrons import interaction_constant, wavelength

ENERGIES = st.floats(1e3, 3e6)


@pytest.mark.parametrize(
    ("energy", "published"),
    [(60e3, 0.04866), (100e3, 0.03701), (200e3, 0.02508), (300e3, 0.01969)],
)
def test_published_wavelengths(energy: float, published: float) -> None:
    assert wavelength(energy) == pytest.approx(published, abs=5.1e-6)


@pytest.mark.parametrize(
    ("energy", "published"),
    # Kirkland, Advanced Computing in Electron Microscopy, table of σ in rad / (kV Å)
    [(100e3, 0.9244), (200e3, 0.7288), (300e3, 0.6526)],
)
def test_published_interaction_constants(energy: float, published: float) -> None:
    assert interaction_constant(energy) * 1e3 == pytest.approx(published, abs=1e-4)


@given(ENERGIES)
def test_other_codes_agree(energy: float) -> None:
    assert wavelength(energy) == pytest.approx(energy2wavelength(energy), rel=1e-6)
    assert interaction_constant(energy) == pytest.approx(energy2sigma(energy), rel=1e-6)


@given(ENERGIES)
def test_momentum_and_relativistic_mass_give_the_same(energy: float) -> None:
    """λ = h/p with p from the total energy; σ = 2π γ m₀ e λ / h²."""
    kinetic, rest = energy * si.e, si.m_e * si.c**2
    momentum = math.sqrt((kinetic + rest) ** 2 - rest**2) / si.c
    assert wavelength(energy) == pytest.approx(si.h / momentum * 1e10, rel=1e-7)
    mass = si.m_e * (1 + kinetic / rest)
    sigma = 2 * math.pi * mass * si.e * (si.h / momentum) / si.h**2  # [rad / (V m)]
    assert interaction_constant(energy) == pytest.approx(sigma * 1e-10, rel=1e-7)
