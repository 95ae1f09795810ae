"""Patterns of abTEM's own multislice, double precision, to hold the forward model against."""

from typing import Any

import abtem
import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ptychobasis.core.electrons import interaction_constant
from ptychobasis.core.optics import Optics
from ptychobasis.forward.layout import ScanLayout


def abtem_scan(
    atoms: Atoms, optics: Optics, places: NDArray[np.float64], layer: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], ScanLayout]:
    """Phase of each layer ``(layers, y, x)``, patterns ``(n, ky, kx)`` and layout of the scan.

    The wave meets each layer of the potential at its upper side. The window is the whole cell.

    Args:
        atoms: Atoms of a cell as large as the window.
        optics: Optics of the probe.
        places: Scan positions as (y, x) [Å], ``(n, 2)``.
        layer: Thickness of a layer [Å].
    """
    grid = optics.detector
    with abtem.config.set({"precision": "float64"}):
        potential = abtem.Potential(atoms, gpts=grid.shape[::-1], slice_thickness=layer)
        built: Any = potential.build(lazy=False)
        # what abTEM's antialiasing would cut must not be there: compare the physics alone
        layers = _smooth(built.array, optics)
        built.array[:] = layers
        probe = abtem.Probe(
            energy=optics.energy, semiangle_cutoff=1e3 * optics.semi_angle, soft=True,
            defocus=optics.defocus, extent=grid.extent[::-1], gpts=grid.shape[::-1],
        )  # fmt: skip
        scan = abtem.CustomScan(places[:, ::-1])
        waves: Any = probe.multislice(built, scan=scan, lazy=False)
    far_field = abs(np.fft.fft2(waves.array)) ** 2
    patterns = (far_field / far_field.sum(axis=(1, 2), keepdims=True)).transpose(0, 2, 1)
    layout = ScanLayout(
        window=grid,
        shape=grid.shape,
        origin=(0.0, 0.0),
        starts=np.zeros((len(places), 2), np.int64),
        offsets=places - np.array(grid.shape) // 2 * np.array(grid.sampling),
    )
    phase = interaction_constant(optics.energy) * layers.transpose(0, 2, 1)
    return phase.copy(), patterns, layout


def _smooth(layers: NDArray[np.float64], optics: Optics) -> NDArray[np.float64]:
    """Low-pass the potential so that no wave reaches abTEM's antialiasing limit."""
    grid = optics.detector
    k = [np.fft.fftfreq(n, d) for n, d in zip(grid.shape[::-1], grid.sampling[::-1], strict=True)]
    soft = np.exp(-((k[0][:, None] ** 2 + k[1][None, :] ** 2) / 0.35**2))
    return np.fft.ifft2(np.fft.fft2(layers) * soft).real
