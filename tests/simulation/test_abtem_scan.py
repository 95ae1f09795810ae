"""The windowed scan against abTEM's own scan over the whole cell, and its refusals."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import abtem
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from numpy.typing import NDArray

from ptychobasis.core.electrons import interaction_constant
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.forward.layout import lay_out_scan
from ptychobasis.forward.multislice import Multislice
from ptychobasis.forward.steps import one_step_each
from ptychobasis.forward.waves import probe_spectrum
from ptychobasis.simulation.abtem_scan import (
    _probe,
    choose_backend,
    displaced,
    phonon_potential,
    projected_layers,
    scan,
)
from ptychobasis.simulation.noise import counted
from ptychobasis.simulation.settings import Aberrations, FrozenPhonons, Simulation

SAMPLING = 0.2
MOVING = FrozenPhonons(sigma_angstrom={"Si": 0.08})
STILL = FrozenPhonons(sigma_angstrom={})
KEYS = Simulation(sampling_angstrom=SAMPLING, frozen_phonons=MOVING, batch=2, device="cpu")
# the window is half of the cell, so that every other pixel of the cell's pattern is its own
WINDOW = Grid((70, 80), (SAMPLING, SAMPLING))
DETECTOR = Grid((32, 40), (WINDOW.extent[0] / 32, WINDOW.extent[1] / 40))
OPTICS = Optics(60e3, 0.03, 0.0, DETECTOR)
POSITIONS = np.array([[14.03, 16.0], [14.5, 15.21], [13.37, 17.4]])


def silicon() -> Atoms:
    """A block of 28 Å (y) x 32 Å (x) x 21.7 Å, not periodic with the cell's edges."""
    atoms = bulk("Si", cubic=True).repeat((6, 6, 4))
    atoms.set_cell([32.0, 28.0, atoms.cell[2, 2]])
    return atoms[(atoms.positions[:, 0] < 32) & (atoms.positions[:, 1] < 28)]


@pytest.fixture(scope="module")
def potential() -> Any:
    return phonon_potential(silicon(), KEYS, seed=1)


@pytest.fixture(scope="module")
def windowed(potential: Any) -> NDArray[np.float32]:
    return np.concatenate(list(scan(potential, OPTICS, POSITIONS, KEYS)))


def test_windows_give_the_patterns_of_abtems_scan_over_the_whole_cell(
    potential: Any, windowed: NDArray[np.float32]
) -> None:
    # abTEM's own multislice, with the aperture that the window's probe has
    aperture = np.fft.ifftshift(_soft_aperture(potential))
    kx, ky = (
        np.fft.fftfreq(n, SAMPLING).reshape(shape)
        for n, shape in zip(potential.gpts, ((-1, 1), (1, -1)), strict=True)
    )
    spectra = [aperture * np.exp(-2j * np.pi * (kx * x + ky * y)) for y, x in POSITIONS]
    probes = np.fft.ifft2(np.array(spectra) / np.linalg.norm(aperture)).astype(np.complex64)
    axis: list[Any] = [abtem.core.axes.OrdinalAxis(values=(0, 1, 2))]
    waves = abtem.Waves(probes, 60e3, extent=potential.extent, ensemble_axes_metadata=axis)
    exit_waves: Any = waves.multislice(potential)
    whole = (
        abs(np.fft.fftshift(np.fft.fft2(exit_waves.compute(progress_bar=False).array), axes=(1, 2)))
        ** 2
    )
    # every other pixel around the centre, turned from (x, y) to (y, x)
    ix, iy = (
        n // 2 + 2 * (np.arange(d) - d // 2)
        for n, d in zip(potential.gpts, DETECTOR.shape[::-1], strict=True)
    )
    expected = 4 * whole[:, ix][:, :, iy].transpose(0, 2, 1)
    error = abs(windowed - expected).sum() / expected.sum()
    print(f"window against whole cell: {100 * error:.2f} % of the intensity")
    assert error < 0.01


def _soft_aperture(potential: Any) -> NDArray[np.float64]:
    """The disc with an edge as wide as one pixel of the window, centred, on (x, y)."""
    kx, ky = (
        np.fft.fftshift(np.fft.fftfreq(n, SAMPLING)).reshape(shape)
        for n, shape in zip(potential.gpts, ((-1, 1), (1, -1)), strict=True)
    )
    k = np.hypot(kx, ky) + 1e-12
    (ly, lx) = WINDOW.extent
    width = np.hypot(kx / lx, ky / ly) / k + 1e-12
    return np.clip((OPTICS.aperture - k) / width + 0.5, 0, 1)


def test_patterns_are_fractions_of_the_beam(windowed: NDArray[np.float32]) -> None:
    total = windowed.sum(axis=(1, 2))
    assert (total <= 1 + 1e-5).all()
    assert (total > 0.9).all()


def test_a_window_at_the_edge_sees_the_other_side_of_the_cell(potential: Any) -> None:
    down, right = 50, 40
    moved = abtem.PotentialArray(
        np.roll(potential.array, (right, down), axis=(1, 2)),  # (x, y)
        slice_thickness=potential.slice_thickness,
        extent=potential.extent,
    )
    corner = np.array([[7.03, 8.0]])  # the detector's window just fits, that of the waves does not
    shift = SAMPLING * np.array([down, right])
    inside, edge = (
        next(scan(each, OPTICS, places, KEYS))
        for each, places in ((moved, corner + shift), (potential, corner))
    )
    np.testing.assert_allclose(edge, inside, atol=1e-7)


def test_batches_do_not_change_the_patterns(potential: Any, windowed: NDArray[np.float32]) -> None:
    single = KEYS.model_copy(update={"batch": 1})
    again = np.concatenate(list(scan(potential, OPTICS, POSITIONS, single)))
    np.testing.assert_allclose(again, windowed, atol=1e-7)


@pytest.mark.slow
def test_patterns_repeat_to_the_bit_in_every_process() -> None:
    code = "from test_abtem_scan import print_bits; print_bits()"
    command = [sys.executable, "-c", code]
    first, again = (
        subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    )
    assert len(first.strip()) == 64
    assert again == first


def print_bits() -> None:
    """For a process of its own, which has no plans in memory."""
    patterns = scan(phonon_potential(silicon(), KEYS, seed=1), OPTICS, POSITIONS, KEYS)
    print(hashlib.sha256(np.concatenate(list(patterns)).tobytes()).hexdigest())


def test_reconstructions_model_agrees_with_the_simulation() -> None:
    """Axes, signs, normalisation and the order of depths, with other atoms in each layer."""
    places = [(15, 13.2, 1), (17.1, 14.4, 1), (15.2, 15.6, 1), (16.2, 14.1, 9), (17.3, 16.0, 9)]
    atoms = Atoms("Si2CAu2", places, cell=(32, 28, 10.0))
    still = KEYS.model_copy(update={"frozen_phonons": STILL, "batch": 16})
    potential = phonon_potential(atoms, still, seed=0)
    optics = Optics(60e3, 0.03, 55.0, DETECTOR)
    fine = Optics(60e3, 0.03, 55.0, WINDOW)
    whole = lay_out_scan(WINDOW, POSITIONS)
    first = np.rint(np.array(whole.origin) / SAMPLING)
    positions = POSITIONS - (np.array(whole.origin) - first * SAMPLING)  # on the potential's pixels
    simulated = np.concatenate(list(scan(potential, optics, positions, still)))
    layout = lay_out_scan(WINDOW, positions)
    y, x = np.rint(np.array(layout.origin) / SAMPLING).astype(int)
    layers = projected_layers(potential)[:, y : y + layout.shape[0], x : x + layout.shape[1]]
    model = Multislice(
        layout, fine.wavelength, one_step_each((0.0, 2.0, 4.0, 6.0, 8.0)), dtype=torch.float64
    )
    phase = torch.as_tensor(layers * interaction_constant(60e3)).double()
    wave = model.wave(probe_spectrum(WINDOW, fine))
    cut = tuple(
        slice(n // 2 - d // 2, n // 2 - d // 2 + d)
        for n, d in zip(WINDOW.shape, DETECTOR.shape, strict=True)
    )

    def error(object_phase: torch.Tensor) -> float:
        found = model.intensities(object_phase, wave, np.arange(3)).numpy()
        centred = np.fft.fftshift(found, axes=(1, 2))[(slice(None), *cut)]
        return float(abs(centred - simulated).sum() / simulated.sum())

    print(f"model against simulation: {100 * error(phase):.3f} % of the intensity")
    assert error(phase) < 0.01
    assert error(phase.flip(0)) > 10 * error(phase)


def test_phonons_displace_every_axis_by_the_sigma_of_the_element() -> None:
    atoms = Atoms("Si4000C4000", positions=np.full((8000, 3), 5.0), cell=(10, 10, 10))
    moved = displaced(atoms, {"Si": 0.1, "C": 0.2}, seed=3).positions - 5.0
    np.testing.assert_allclose(moved[:4000].std(axis=0), 0.1, rtol=0.05)
    np.testing.assert_allclose(moved[4000:].std(axis=0), 0.2, rtol=0.05)


def test_phonons_are_seeded() -> None:
    first, again, other = (phonon_potential(silicon(), KEYS, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.array, again.array)
    assert abs(first.array - other.array).max() > 1


def test_layers_keep_the_potential_and_turn_the_axes(potential: Any) -> None:
    layers = projected_layers(potential)
    assert layers.shape == (len(potential), *potential.gpts[::-1])
    np.testing.assert_array_equal(layers[3], potential.array[3].T)


def test_a_window_beyond_the_crystal_is_refused(potential: Any) -> None:
    with pytest.raises(StudyError, match=r"beyond the crystal of 28\.0 x 32\.0 Å; allowed"):
        next(scan(potential, OPTICS, np.array([[3.0, 16.0]]), KEYS))


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)
    assert choose_backend("auto") == "cpu"
    with pytest.raises(StudyError, match="needs cupy and a GPU"):
        choose_backend("cuda")


def test_dose_is_poisson_noise_of_the_electrons() -> None:
    patterns = np.full((400, 10, 10), 0.01)
    noisy = counted(patterns, 1e3, np.random.default_rng(0)) / 1e3
    assert noisy.mean() == pytest.approx(0.01, rel=0.01)
    assert noisy.var() == pytest.approx(0.01 / 1e3, rel=0.03)
    np.testing.assert_allclose(noisy * 1e3, np.rint(noisy * 1e3), atol=1e-4)


def _probe_spectrum(aberrations: Aberrations, defocus: float = 0.0) -> Any:
    """exp(-iχ) of the simulated probe on (y, x), the zero frequency in the centre."""
    window = (WINDOW.shape[1], WINDOW.shape[0])
    optics = Optics(60e3, 0.03, defocus, DETECTOR)
    probe = _probe(optics, window, KEYS, aberrations).build(
        abtem.CustomScan(np.zeros((1, 2))), lazy=False
    )
    return np.fft.fftshift(np.fft.fft2(probe.array[0].astype(complex))).T


def test_aberrations_are_those_of_their_formula() -> None:
    """χ = 2π/λ (C12 α² cos(2(φ - φ12)) / 2 + C30 α⁴ / 4), and the probe is exp(-iχ)."""
    ky, kx = WINDOW.frequencies()
    alpha, azimuth = OPTICS.wavelength * np.hypot(ky, kx), np.arctan2(ky, kx)
    given = Aberrations(astigmatism_angstrom=40.0, astigmatism_degrees=30.0, spherical_mm=0.02)
    plain = _probe_spectrum(Aberrations(), 25.0)
    found = _probe_spectrum(given, 25.0)
    lit = np.abs(plain) > 1e-3 * np.abs(plain).max()
    chi = (
        2
        * np.pi
        / OPTICS.wavelength
        * (40.0 * alpha**2 / 2 * np.cos(2 * (azimuth - np.radians(30.0))) + 0.02e7 * alpha**4 / 4)
    )
    error = np.angle(found * plain.conj() * np.exp(1j * chi))[lit]
    assert np.abs(error).max() < 1e-3
    assert np.abs(chi[lit]).max() > 1
    np.testing.assert_allclose(np.abs(found), np.abs(plain), atol=1e-5 * np.abs(plain).max())


def test_aberrations_reach_the_patterns(potential: Any, windowed: NDArray[np.float32]) -> None:
    none, some = (
        np.concatenate(list(scan(potential, OPTICS, POSITIONS, KEYS, aberrations=each)))
        for each in (Aberrations(), Aberrations(astigmatism_angstrom=40.0))
    )
    np.testing.assert_allclose(none, windowed, atol=1e-7)
    assert abs(some - windowed).sum() > 0.05 * windowed.sum()
