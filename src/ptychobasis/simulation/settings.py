"""The blocks of a configuration that describe the sample, how it is recorded and compressed."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ptychobasis.core.section import (
    Batch,
    Count,
    Defocus,
    Depth,
    Device,
    Dose,
    Lengths,
    Section,
    Side,
)

WIDER = 1.15  # windows of the waves over those of the detector, see benchmarks/simulation.py


MillerIndex = Annotated[int, Field(ge=-20, le=20)]
Element = Annotated[str, Field(max_length=40)]


class Dislocation(Section):
    """A 60° dislocation in silicon, split into 30° and 90° partials and seen end-on."""

    lattice_constant_angstrom: Annotated[float, Field(ge=5.38, le=5.48)] = 5.431
    """Lattice constant a of silicon [Å]."""
    partial_separation: Annotated[int, Field(ge=1, le=100)] = 4
    """Width of the stacking fault between the partials, in glide distances a √6 / 4."""
    line_period: Annotated[int, Field(ge=1, le=100)] = 2
    """Repeats a / √2 along the line that relax together; 2 lets the cores dimerise."""
    relax_radius_angstrom: Annotated[float, Field(ge=2, le=200)] = 25.0
    """Atoms nearer than this to the fault are relaxed [Å]."""
    force_tolerance_ev_per_angstrom: Annotated[float, Field(ge=1e-4, le=1)] = 0.01
    """Largest force left on a relaxed atom [eV/Å]."""
    size_angstrom: Lengths | None = None
    """Size of the block along (y, x) [Å]; null fits scan and window."""


class CrystalFile(Section):
    """Any crystal that ASE can read."""

    path: Path
    """CIF or any other structure file that ASE reads."""
    index: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] | None = None
    """Number of the structure in a file with several, from 0; null: the file holds one."""
    zone_axis: Annotated[tuple[MillerIndex, ...], Field(min_length=3, max_length=4)] = (0, 0, 1)
    """Direction of the crystal along the beam, [u, v, w], or [u, v, t, w] of a hexagonal cell."""
    size_angstrom: Lengths | None = None
    """Size of the block along (y, x) [Å]; null tiles the cell until scan and window fit."""
    vacuum_angstrom: tuple[Depth, Depth] = (0.0, 0.0)
    """Empty space above and below the block [Å]; depths count from the top of that above."""


class Substitution(Section):
    """Sites of one element that hold another one, at random: an alloy, or a layer of it."""

    element: Element
    """Element that is put in."""
    replaces: Element
    """Element that is taken out."""
    share: Annotated[float, Field(gt=0, le=1)]
    """Share of the sites that are replaced, chosen by the seed."""
    depth_angstrom: tuple[Depth, Depth] | None = None
    """Depths from, to below the entrance surface where sites are replaced [Å]; null: all."""


class Crystal(Section):
    """The sample; exactly one of `dislocation` and `file`."""

    dislocation: Dislocation | None = None
    """A dislocation in silicon, built and relaxed."""
    file: CrystalFile | None = None
    """A crystal from a file."""
    repeats: Count
    """Periods of the crystal along the beam; a / √2 each for the dislocation."""
    substitution: Substitution | None = None
    """Another element on some of the sites, so that slices differ."""


class Aberrations(Section):
    """Errors of the probe beyond defocus, which the data set does not tell."""

    astigmatism_angstrom: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """Two-fold astigmatism C12, half the distance of the line foci [Å]."""
    astigmatism_degrees: Annotated[float, Field(ge=-180, le=180)] = 0.0
    """Direction of the astigmatism, from +x towards +y [degrees]."""
    spherical_mm: Annotated[float, Field(ge=-100, le=100)] = 0.0
    """Spherical aberration C30 [mm]."""


class Microscope(Section):
    """Electrons and lenses that form the probe."""

    voltage_kv: Annotated[float, Field(ge=5, le=3000)]
    """Accelerating voltage [kV]."""
    semi_angle_mrad: Annotated[float, Field(ge=0.1, le=150)]
    """Convergence semi-angle [mrad]."""
    defocus_angstrom: Defocus = 0.0
    """Distance of the focus below the entrance surface [Å]; > 0 is underfocus."""
    claimed_defocus_angstrom: Defocus | None = None
    """Defocus that the simulated data set claims [Å]; null is the true one."""
    aberrations: Aberrations = Aberrations()
    """Errors of the probe beyond defocus."""


Points = Annotated[int, Field(ge=1, le=4096)]
Step = Annotated[float, Field(ge=0.01, le=500)]
Offset = Annotated[float, Field(ge=-1000, le=1000)]


class Scan(Section):
    """Where the probe stands."""

    shape: tuple[Points, Points]
    """Scan positions along (y, x)."""
    step_angstrom: tuple[Step, Step] = (1.0, 1.0)
    """Distance between neighbouring positions along (y, x) [Å]."""
    centre_angstrom: tuple[Offset, Offset] | None = None
    """Centre of the scan (y, x), from the centre of the crystal [Å]; null is [0, 0]."""
    rotation_degrees: Annotated[float, Field(ge=-180, le=180)] = 0.0
    """Turn of the scan about its centre, of its x axis from +x towards +y [degrees]."""


class Detector(Section):
    """The camera that records the patterns."""

    window_angstrom: Lengths
    """Real-space window along (y, x) [Å]; one detector pixel is 1 / window [1/Å]."""
    pixels: Side
    """Detector pixels along (y, x)."""


class FrozenPhonons(Section):
    """Thermal motion, as an average over still pictures."""

    configurations: Annotated[int, Field(ge=1, le=1000)] = 1
    """Independent sets of displaced atoms that each pattern is the mean of."""
    sigma_angstrom: dict[str, Annotated[float, Field(ge=0, le=0.5)]]
    """Root mean square displacement along one axis of each element [Å]; 0 holds it still."""


class Simulation(Section):
    """How abTEM computes the patterns."""

    sampling_angstrom: Annotated[float, Field(ge=0.005, le=1)]
    """Pixel of the simulated wave [Å]; a whole number of them fills the window."""
    slice_thickness_angstrom: Annotated[float, Field(ge=0.1, le=10)] = 2.0
    """Thickness of a slice of the simulated potential [Å]."""
    parametrization: Literal["lobato", "kirkland", "peng"] = "lobato"
    """Parametrization of the atomic potentials."""
    frozen_phonons: FrozenPhonons
    """Thermal motion."""
    dose_electrons_per_angstrom2: Dose | None = None
    """Dose [electrons/Å²] of Poisson noise; null leaves the patterns free of noise."""
    batch: Batch = 16
    """Probes that are propagated together."""
    device: Device = "auto"
    """Where to compute; auto takes a GPU where there is one."""
