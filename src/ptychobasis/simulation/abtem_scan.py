"""Diffraction patterns of one frozen-phonon configuration, computed by abTEM.

The independent witness: nothing here is shared with the reconstruction. The wave of each
probe is propagated in a window cut from the big potential, as QSTEM does, because a probe
does not see the rest of the crystal; abTEM provides potential, probe, band limit and
propagator. The window is a little wider than the detector's, so that what the crystal scatters
far out does not come back at the other side. abTEM's arrays have the axes (x, y); they are
turned to (y, x) here and nowhere else.
"""

import logging
import math
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import abtem
import numpy as np
from abtem.antialias import AntialiasAperture
from abtem.core.axes import OrdinalAxis
from abtem.core.backend import asnumpy, get_array_module
from abtem.core.fft import fft2
from abtem.multislice import FresnelPropagator
from ase import Atoms
from numpy.typing import NDArray
from tqdm import tqdm

from ptychobasis.compute.fft_plans import remembered_plans
from ptychobasis.core.errors import StudyError
from ptychobasis.core.fft_size import fast_even_size
from ptychobasis.core.grid import centred_slices
from ptychobasis.core.optics import Optics
from ptychobasis.simulation.settings import WIDER, Aberrations, Simulation

log = logging.getLogger(__name__)

Float = NDArray[np.floating]

# The few transforms of the whole cell are not worth measuring a plan, which also ends otherwise
# from run to run, and so do the last bits. The many of the windows are: see `plans`.
_ESTIMATED = {"fftw.planning_effort": "FFTW_ESTIMATE"}


def choose_backend(name: str) -> str:
    """Name for abTEM, ``cpu`` or ``gpu``, of the device ``auto``, ``cpu`` or ``cuda``.

    Raises:
        StudyError: ``cuda`` is asked for and cupy or the GPU is missing.
    """
    try:
        import cupy  # noqa: PLC0415  (optional: only machines with a GPU have it)

        found = cupy.cuda.runtime.getDeviceCount() > 0
    except Exception:
        found = False
    if name == "cuda" and not found:
        raise StudyError("simulation.device 'cuda' needs cupy and a GPU; allowed here: auto, cpu")
    return "gpu" if found and name != "cpu" else "cpu"


def phonon_potential(atoms: Atoms, keys: Simulation, seed: int) -> Any:
    """Potential of the crystal with one random set of displaced atoms.

    Args:
        atoms: crystal in an orthogonal cell, the beam along z.
        keys: sampling, slices, potentials and displacements.
        seed: of the displacements.

    Returns:
        abTEM's potential; its first layer begins at the entrance surface, z = 0.
    """
    atoms = atoms.copy()
    # whole pixels: pixel i of the potential then lies at i times the sampling, exactly
    pixels = [math.ceil(atoms.cell[axis, axis] / keys.sampling_angstrom - 1e-6) for axis in (0, 1)]
    cell = np.diag([*(n * keys.sampling_angstrom for n in pixels), atoms.cell[2, 2]])
    atoms.set_cell(cell, scale_atoms=False)
    if keys.frozen_phonons.sigma_angstrom:
        atoms = displaced(atoms, keys.frozen_phonons.sigma_angstrom, seed)
    potential = abtem.Potential(
        atoms,
        gpts=tuple(pixels),
        slice_thickness=keys.slice_thickness_angstrom,
        parametrization=keys.parametrization,
        device=choose_backend(keys.device),
    )
    with abtem.config.set(_ESTIMATED):
        return potential.build(lazy=False)


def displaced(atoms: Atoms, sigmas: dict[str, float], seed: int) -> Atoms:
    """The atoms moved at random, by `sigmas` [Å] of each element along every axis (rms)."""
    phonons = abtem.FrozenPhonons(atoms, num_configs=1, sigmas=sigmas, seed=seed)
    moved = next(iter(phonons))
    return getattr(moved, "atoms", moved)


def projected_layers(potential: Any) -> Float:
    """Projected potential of each layer, ``(layers, y, x)`` [V Å]."""
    return np.ascontiguousarray(asnumpy(potential.array).transpose(0, 2, 1), dtype=np.float32)


def scan(
    potential: Any,
    optics: Optics,
    positions: Float,
    keys: Simulation,
    *,
    aberrations: Aberrations = Aberrations(),  # noqa: B008  (frozen)
    wider: float = WIDER,
) -> Iterator[NDArray[np.float32]]:
    """Patterns ``(batch, y, x)`` of the scan positions, one batch after the other.

    Args:
        potential: of the whole crystal, from `phonon_potential`.
        optics: probe and detector; the window of the waves is the detector's.
        positions: ``(positions, 2)`` as (y, x) in the coordinates of the crystal [Å].
        keys: sampling, batch and device.
        aberrations: errors of the probe beyond the defocus of `optics`.
        wider: windows of the waves over those of the detector, at least; benchmarks/simulation.py
            measures what it does to patterns and times.

    Raises:
        StudyError: a window reaches beyond the crystal.
    """
    height, width = (round(length / keys.sampling_angstrom) for length in optics.detector.extent)
    window = (width, height)
    margin = np.array([fast_even_size(wider * n) - n for n in window])
    places = np.asarray(positions, float)[:, ::-1] / keys.sampling_angstrom
    starts = np.rint(places).astype(int) - np.array(window) // 2
    if starts.min() < 0 or (starts + window > potential.array.shape[1:]).any():
        size = [n * keys.sampling_angstrom for n in potential.array.shape[:0:-1]]
        raise StudyError(
            f"scan: the window around a position reaches beyond the crystal of {size[0]:.1f} x "
            f"{size[1]:.1f} Å; allowed are a smaller scan, a smaller detector.window_angstrom "
            "or a larger crystal"
        )
    with abtem.config.set(_ESTIMATED):
        transmission = _transmission(potential, optics.energy, margin)
    inside = (places - starts) * keys.sampling_angstrom
    crop = centred_slices(window, (optics.detector.shape[1], optics.detector.shape[0]))
    probe = _probe(optics, window, keys, aberrations)
    first = np.arange(0, len(places), keys.batch)
    for start in tqdm(first, unit="batch", desc="probes", disable=not sys.stderr.isatty()):
        # batches of one size, the last filled up, so that all follow the plans of the first
        batch = np.arange(start, start + keys.batch) % len(places)
        with remembered_plans() if start == 0 else nullcontext():
            waves = _widened(probe.build(abtem.CustomScan(inside[batch]), lazy=False), margin)
            _multislice(waves, transmission, starts[batch], potential.slice_thickness)
            patterns = _patterns(waves, window, crop)
        done = min(start + keys.batch, len(places))
        yield patterns[: done - start]
        if done * 10 // len(places) > start * 10 // len(places):
            log.info("probe %d of %d", done, len(places))


def _transmission(potential: Any, energy: float, margin: NDArray[np.int_]) -> list[Any]:
    """exp(iσV) of every layer, band-limited as in abTEM's own multislice.

    The margin around each is the crystal's other side, for abTEM's cells are periodic.
    """
    xp = get_array_module(potential.array)
    limit = AntialiasAperture()
    around = [(m // 2, m - m // 2) for m in margin]
    layers = (potential[i : i + 1].transmission_function(energy) for i in range(len(potential)))
    return [xp.pad(limit.bandlimit(layer).array[0], around, mode="wrap") for layer in layers]


def _probe(
    optics: Optics, window: tuple[int, int], keys: Simulation, aberrations: Aberrations
) -> abtem.Probe:
    """The probe in a window of (x, y) pixels."""
    higher: dict[str, Any] = {
        "C12": aberrations.astigmatism_angstrom,
        "phi12": math.radians(aberrations.astigmatism_degrees),
        "C30": aberrations.spherical_mm * 1e7,
    }
    return abtem.Probe(
        energy=optics.energy,
        semiangle_cutoff=optics.semi_angle * 1e3,
        extent=(window[0] * keys.sampling_angstrom, window[1] * keys.sampling_angstrom),
        gpts=window,
        defocus=optics.defocus,
        soft=True,  # over one pixel of the window's diffraction plane
        device=choose_backend(keys.device),
        **{name: value for name, value in higher.items() if value},
    )


def _widened(probes: Any, margin: NDArray[np.int_]) -> Any:
    """The probes with zeros around them."""
    xp = get_array_module(probes.array)
    around = [(0, 0), *((m // 2, m - m // 2) for m in margin)]
    axis: list[Any] = [OrdinalAxis(values=tuple(range(len(probes.array))))]
    return abtem.Waves(
        xp.pad(probes.array, around),
        energy=probes.energy,
        sampling=probes.sampling,
        ensemble_axes_metadata=axis,
    )


def _multislice(
    waves: Any, transmission: list[Any], starts: NDArray[np.int_], thickness: Any
) -> None:
    """Carry the waves through the windows of the crystal, in place."""
    nx, ny = waves.array.shape[-2:]
    propagator = FresnelPropagator()
    for layer, distance in zip(transmission, thickness, strict=True):
        for index, (x, y) in enumerate(starts):
            waves._array[index] *= layer[x : x + nx, y : y + ny]
        propagator.propagate(waves, distance, in_place=True)


def _patterns(
    waves: Any, window: tuple[int, int], crop: tuple[slice, slice]
) -> NDArray[np.float32]:
    """Intensities ``(batch, y, x)`` on the detector, as fractions of the beam.

    The far field of the wider waves at the frequencies of `window`: for these, what lies one
    window further is in phase.
    """
    xp = get_array_module(waves.array)
    folded = waves.array
    for axis, n in zip((1, 2), window, strict=True):
        inner, outer = xp.split(folded, [n], axis=axis)
        inner[(slice(None),) * axis + (slice(outer.shape[axis]),)] += outer
        folded = inner
    far_field = fft2(xp.ascontiguousarray(folded), overwrite_x=True)
    # abTEM normalises a probe so that the squared moduli of its FFT add up to one
    whole = xp.fft.fftshift(xp.abs(far_field) ** 2, axes=(-2, -1))
    patterns = asnumpy(whole[(..., *crop)]).transpose(0, 2, 1)
    return np.ascontiguousarray(patterns, dtype=np.float32)
