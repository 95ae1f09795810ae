"""The forward model against abTEM and closed forms, in double precision."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from numpy.typing import NDArray
from shared import optics as make_optics
from witness import abtem_scan

from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.forward.layout import ScanLayout, lay_out_scan, shift_ramps
from ptychobasis.forward.multislice import Multislice
from ptychobasis.forward.steps import one_step_each
from ptychobasis.forward.waves import crop_probe, probe_spectrum, propagator

OPTICS = make_optics((48, 40), (0.25, 0.2))
GRID = OPTICS.detector
POSITIONS = np.array([[0.0, 0.0], [1.13, 0.4], [2.0, 2.71]])


def model(
    distances: list[float], positions: NDArray[np.float64] = POSITIONS, grid: Grid = GRID
) -> Multislice:
    layout = lay_out_scan(grid, positions)
    return Multislice(
        layout,
        OPTICS.wavelength,
        one_step_each(np.cumsum([0.0, *distances]).tolist()),
        dtype=torch.float64,
    )


def spectrum(forward: Multislice, optics: Optics = OPTICS) -> torch.Tensor:
    return forward.wave(probe_spectrum(forward.layout.window, optics))


def random_phase(slices: int, layout: ScanLayout, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((slices, *layout.shape), generator=generator, dtype=torch.float64)


def patterns(forward: Multislice, phase: torch.Tensor, optics: Optics = OPTICS) -> torch.Tensor:
    batch = np.arange(len(forward.layout.starts))
    return forward.intensities(phase, spectrum(forward, optics), batch)


def test_energy_is_conserved_through_any_phase_object() -> None:
    forward = model([10.0, 12.0])
    total = patterns(forward, random_phase(3, forward.layout)).sum(dim=(1, 2))
    np.testing.assert_allclose(total, 1, rtol=1e-12)


def test_propagation_there_and_back_is_the_identity() -> None:
    there = propagator(GRID, OPTICS.wavelength, 37.0)
    back = propagator(GRID, OPTICS.wavelength, -37.0)
    np.testing.assert_allclose(there * back, 1, atol=1e-13)
    np.testing.assert_allclose(abs(there), 1, atol=1e-14)


def test_vacuum_slices_equal_one_step() -> None:
    forward, single = model([10.0, 7.0, 13.0, 1.0]), model([31.0])
    phase = random_phase(1, forward.layout)
    empty = torch.zeros_like(phase)
    many = torch.cat([phase, empty, empty, empty, phase])
    np.testing.assert_allclose(
        patterns(forward, many), patterns(single, torch.cat([phase, phase])), atol=1e-15
    )


@pytest.mark.parametrize("defocus", [-40.0, 25.0])
def test_underfocus_and_propagation_over_it_give_a_focus(defocus: float) -> None:
    defocused = replace(OPTICS, defocus=defocus)
    wave = probe_spectrum(GRID, defocused) * propagator(GRID, OPTICS.wavelength, defocus)
    np.testing.assert_allclose(wave, probe_spectrum(GRID, OPTICS), atol=1e-14)


def test_defocus_moves_an_object_below_the_surface_into_focus() -> None:
    optics = replace(OPTICS, defocus=30.0)
    forward, single = model([30.0]), model([])
    phase = random_phase(1, forward.layout)
    below = torch.cat([torch.zeros_like(phase), phase])
    np.testing.assert_allclose(
        patterns(forward, below, optics), patterns(single, phase), atol=1e-14
    )


@pytest.mark.parametrize("axis", [0, 1])
def test_an_atom_deflects_the_beam_towards_itself(axis: int) -> None:
    """An attractive potential below the probe pulls the pattern to its own side."""
    forward = model([], np.zeros((1, 2)))
    layout = forward.layout
    place = np.zeros(2)
    place[axis] = 0.6
    y, x = (
        layout.origin[i] + np.arange(layout.shape[i]) * GRID.sampling[i] - place[i] for i in (0, 1)
    )
    bump = 0.5 * np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / 0.5)
    pattern = np.fft.fftshift(patterns(forward, torch.as_tensor(bump)[None])[0].numpy())
    centre = [float((pattern * k).sum()) for k in GRID.frequencies()]
    assert centre[axis] > 0.01
    assert abs(centre[1 - axis]) < 1e-6


@pytest.mark.parametrize("axis", [0, 1])
def test_a_shifted_atom_is_seen_by_the_probe_shifted_with_it(axis: int) -> None:
    """Moving atom and probe by the same pixels changes nothing, by axis on a non-square grid."""
    positions = np.zeros((2, 2))
    positions[1, axis] = 3 * GRID.sampling[axis]
    forward = model([5.0], positions)
    phase = random_phase(2, forward.layout)
    first = patterns(forward, phase)[0]
    second = patterns(forward, torch.roll(phase, 3, dims=axis + 1))[1]
    np.testing.assert_allclose(first, second, atol=1e-15)


def test_windows_hold_every_position_and_leave_less_than_half_a_pixel() -> None:
    layout = lay_out_scan(GRID, POSITIONS)
    centre = np.array(GRID.shape) // 2
    found = layout.origin + (layout.starts + centre) * GRID.sampling + layout.offsets
    np.testing.assert_allclose(found, POSITIONS, atol=1e-12)
    assert (abs(layout.offsets) <= np.array(GRID.sampling) / 2 + 1e-12).all()
    assert layout.starts.min() >= 0
    assert ((layout.starts + GRID.shape) <= layout.shape).all()


def test_subpixel_positions_equal_a_finer_shift_of_the_probe() -> None:
    """The probe moved by a ramp is the band-limited probe evaluated elsewhere."""
    layout = lay_out_scan(GRID, POSITIONS)
    uncentred = probe_spectrum(GRID, OPTICS)
    ky, kx = GRID.frequencies()
    for rows, columns, offset in zip(*shift_ramps(layout), layout.offsets, strict=True):
        probe = np.fft.ifft2(uncentred * rows[:, None] * columns, norm="ortho")
        y = (np.arange(GRID.shape[0]) - GRID.shape[0] // 2) * GRID.sampling[0] - offset[0]
        x = (np.arange(GRID.shape[1]) - GRID.shape[1] // 2) * GRID.sampling[1] - offset[1]
        wave = np.fft.fftshift(uncentred)
        direct = np.exp(2j * np.pi * y[:, None] * ky.T) @ wave @ np.exp(2j * np.pi * kx.T * x)
        np.testing.assert_allclose(probe, direct / np.sqrt(wave.size), atol=1e-13)


@pytest.mark.parametrize("shape", [(48, 40), (31, 24), (30, 27)])
def test_a_cropped_probe_is_the_middle_of_the_whole(shape: tuple[int, int]) -> None:
    optics = replace(OPTICS, defocus=40.0)
    cropped = crop_probe(probe_spectrum(GRID, optics), shape)
    whole = np.fft.fftshift(np.fft.ifft2(probe_spectrum(GRID, optics), norm="ortho"))
    middle = np.fft.fftshift(np.fft.ifft2(cropped, norm="ortho"))
    y, x = (n // 2 - m // 2 for n, m in zip(GRID.shape, shape, strict=True))
    np.testing.assert_allclose(middle, whole[y : y + shape[0], x : x + shape[1]], atol=1e-15)


@pytest.mark.parametrize("defocus", [0.0, 60.0])
def test_patterns_agree_with_abtem(defocus: float) -> None:
    """abTEM's multislice of a few light atoms, double precision, on a non-square grid."""
    cell = (GRID.extent[1], GRID.extent[0], 12.0)
    atoms = Atoms("CNO", [(3.1, 4.0, 1), (4.9, 7.2, 5.0), (3.9, 5.1, 9.0)], cell=cell, pbc=True)
    optics = replace(OPTICS, defocus=defocus)
    phase, expected, layout = abtem_scan(atoms, optics, np.array([[6.0, 4.0], [5.3, 4.41]]), 3.0)
    depths = (3.0 * np.arange(len(phase))).tolist()
    forward = Multislice(layout, optics.wavelength, one_step_each(depths), dtype=torch.float64)
    found = patterns(forward, torch.as_tensor(phase), optics).numpy()
    error = abs(found - expected).sum() / expected.sum()
    print(f"disagreement with abTEM: {error:.1e} of the intensity")
    assert error < 1e-7
