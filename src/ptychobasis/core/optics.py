"""Geometry of the probe and of the detector."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.electrons import wavelength
from ptychobasis.core.grid import Grid


@dataclass(frozen=True)
class Optics:
    """Properties of a microscope that its diffraction patterns are read with.

    Attributes:
        energy: kinetic energy of the electrons [eV].
        semi_angle: convergence semi-angle [rad].
        defocus: distance of the focus below the entrance surface [Å]; > 0 is underfocus.
        detector: the real-space window whose Fourier transform is the pattern.
    """

    energy: float
    semi_angle: float
    defocus: float
    detector: Grid

    @property
    def wavelength(self) -> float:
        """Electron wavelength [Å]."""
        return wavelength(self.energy)

    @property
    def aperture(self) -> float:
        """Radius of the bright-field disc [1/Å]."""
        return self.semi_angle / self.wavelength

    def polar_frequencies(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Radius in units of the aperture and azimuth [rad] of every detector pixel."""
        ky, kx = self.detector.frequencies()
        return np.hypot(ky, kx) / self.aperture, np.arctan2(ky, kx)

    def bright_field(self) -> NDArray[np.bool_]:
        """Pixels of the detector whose centre lies in the bright-field disc."""
        return self.polar_frequencies()[0] <= 1
