"""The study's configuration: a closed schema, read and checked before anything runs.

``python -m ptychobasis.study.key_reference`` writes the schema and the table of keys anew.
"""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ptychobasis.bases.quantise import Store
from ptychobasis.bases.registry import BASES
from ptychobasis.bases.settings import Compression
from ptychobasis.core.errors import StudyError, nearest
from ptychobasis.core.optics import Optics
from ptychobasis.core.section import Dose, Frequency, Section
from ptychobasis.core.variant import Variant
from ptychobasis.data.settings import Dataset
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.reconstruction.settings import ReconstructionSettings
from ptychobasis.simulation.geometry import scan_grid, simulated_optics
from ptychobasis.simulation.settings import Crystal, Detector, Microscope, Scan, Simulation

# names of folders, so no longer than what file systems take together with an ending
SweepName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=80)]
Size = Annotated[int, Field(ge=1, le=2**24)]
Label = Annotated[str, Field(max_length=120)]
_OF_PROBES = ("probe", "focus")  # how keys of the probe begin


Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


class Sweep(Section):
    """One basis, tried at several sizes."""

    basis: Annotated[str, Field(json_schema_extra={"enum": list(BASES)})]
    """Which masks."""
    sizes: Annotated[tuple[Size, ...], Field(max_length=200)] = ()
    """Masks to store, or edge of the bins [px]; left out for pixels, bright-field and file."""
    complete_orders: bool = True
    """Zernike only: refuse sizes that end within a radial order."""
    masks_file: Path | None = None
    """Basis file only: masks (masks, y, x) in a .npy file or in /masks of an HDF5 file."""
    store: Store = "float32"
    """Type of the stored numbers; float16 and int8 with a scale for each mask."""
    dose_electrons_per_angstrom2: Dose | None = None
    """Dose [electrons/Å²] of Poisson noise of this sweep's patterns; null: as simulated."""
    reconstruction: ReconstructionSettings = ReconstructionSettings()
    """Keys of the reconstruction that this sweep sets differently."""


class Claims(Section):
    """By what the statements of the paper are judged; see docs/claims.md."""

    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Fourier shell correlation that a sufficient number of coefficients does not fall below,"""
    up_to_per_angstrom: Frequency = 1.1
    """from the start of the evaluation's band up to this frequency [1/Å]."""
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Difference of two mean Fourier shell correlations that counts as none."""


class Figures(Section):
    """Choice of the pictures."""

    slice: Annotated[int, Field(ge=1, le=500)] = 1
    """Slice to draw, counted from 1."""
    compare: Annotated[tuple[Label, ...], Field(min_length=1, max_length=20)]
    """Reconstructions to draw side by side, as sweep/size."""
    formats: Annotated[tuple[Literal["png", "pdf", "svg"], ...], Field(min_length=1)] = ("png",)
    """File formats."""


class Study(Section):
    """One question asked of one sample."""

    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=80)]
    """Name of the study; everything it makes is in results/{study}/."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=100)] = (1,)
    """Seeds of the random numbers: everything from the phonons on is done once for each."""
    crystal: Crystal | None = None
    """The sample."""
    microscope: Microscope | None = None
    """Electrons and lenses that form the probe."""
    scan: Scan | None = None
    """Where the probe stands."""
    detector: Detector | None = None
    """The camera that records the patterns."""
    simulation: Simulation | None = None
    """How the patterns are computed."""
    dataset: Dataset = Dataset()
    """Patterns from elsewhere, in place of a simulation."""
    compression: Compression = Compression()
    """Who compresses patterns."""
    sweeps: Annotated[dict[SweepName, Sweep], Field(min_length=1, max_length=500)]
    """Bases and sizes to compare, by a name of your choice."""
    reconstruction: ReconstructionSettings = ReconstructionSettings()
    """How every sweep is reconstructed."""
    evaluation: Evaluation
    """How reconstructions are compared."""
    claims: Claims = Claims()
    """By what the statements of the paper are judged."""
    figures: Figures
    """Choice of the pictures."""

    def optics(self) -> Optics:
        """Geometry of the simulated probe and detector.

        Raises:
            StudyError: a ready data set is given, which brings its own.
        """
        if self.microscope is None or self.detector is None:
            raise StudyError("the optics of a ready data set stand in dataset.file itself")
        return simulated_optics(self.microscope, self.detector)

    def scan_positions(self) -> NDArray[np.float64]:
        """Scan positions ``(ny, nx, 2)`` as (y, x) [Å], relative to the centre of the scan.

        Raises:
            StudyError: a ready data set is given, which brings its own.
        """
        if self.scan is None:
            raise StudyError("the scan positions of a ready data set stand in dataset.file itself")
        return scan_grid(self.scan)

    def variants(self) -> list[Variant]:
        """Everything to reconstruct; the size of a sweep without sizes is 'all'."""
        return [
            Variant(name, label)
            for name, sweep in self.sweeps.items()
            for label in (map(str, sweep.sizes) if sweep.sizes else ["all"])
        ]

    def owner(self, sweep: str, key: str) -> str:
        """The dotted key where `sweep` gets a key of its reconstruction from."""
        own = key in self.sweeps[sweep].reconstruction.model_fields_set
        return f"sweeps.{sweep}.reconstruction.{key}" if own else f"reconstruction.{key}"

    @property
    def reference(self) -> Variant:
        """The reconstruction that all are compared with."""
        return Variant.parse(self.evaluation.reference, self.variants(), "evaluation.reference")

    @property
    def compared(self) -> list[Variant]:
        """Reconstructions that are drawn side by side."""
        known = self.variants()
        return [Variant.parse(text, known, "figures.compare") for text in self.figures.compare]

    def doses(self) -> list[float]:
        """All doses that sweeps ask for [electrons/Å²], ascending."""
        asked = (sweep.dose_electrons_per_angstrom2 for sweep in self.sweeps.values())
        return sorted({dose for dose in asked if dose is not None})

    def plain_sweeps(self) -> list[str]:
        """Sweeps that are to be compared by their numbers alone; or all where there are none.

        They are stored as float32, without a dose of their own, and with the probe, the dark
        field and the epochs of the study.
        """
        shared = {"dark_field", "epochs", *(key for key in ReconstructionSettings.model_fields
                                            if key.startswith(_OF_PROBES))}  # fmt: skip
        base = self.reconstruction.model_dump(include=shared)
        found = [
            name
            for name, sweep in self.sweeps.items()
            if sweep.store == "float32"
            and sweep.dose_electrons_per_angstrom2 is None
            and self.recon(name).model_dump(include=shared) == base
        ]
        return found or list(self.sweeps)

    def probe_sweeps(self) -> list[str]:
        """Sweeps whose probe is treated otherwise than the study's, and moves or is refocused."""
        own = {key for key in ReconstructionSettings.model_fields if key.startswith(_OF_PROBES)}
        base = self.reconstruction.model_dump(include=own)
        settings = {name: self.recon(name) for name in self.sweeps}
        return [
            name
            for name, keys in settings.items()
            if (keys.probe == "joint" or keys.probe_defocus_angstrom is not None)
            and keys.model_dump(include=own) != base
        ]

    def drawn_probes(self) -> list[Variant]:
        """Variants whose probe is compared with that of the simulation."""
        wanted = self.probe_sweeps() if self.is_simulated else []
        if self.is_simulated and not wanted and self.reconstruction.probe == "joint":
            return self.compared
        return [variant for variant in self.variants() if variant.sweep in wanted]

    @property
    def is_simulated(self) -> bool:
        """Whether the patterns are simulated, and not those of a ready data set."""
        return self.dataset.file is None

    @property
    def resolves_depth(self) -> bool:
        """Whether depths can be told apart: by several slices, and a truth to compare with."""
        reference = self.recon(self.reference.sweep)
        return self.is_simulated and len(reference.slice_depths_angstrom) > 1

    @property
    def asks_for_bytes(self) -> bool:
        """Whether sweeps differ in bytes: by a dose, or by how their numbers are stored."""
        return bool(self.doses()) or len({sweep.store for sweep in self.sweeps.values()}) > 1

    def stored_by(self, variant: Variant) -> Variant:
        """The first variant that stores the same; those that reconstruct otherwise share it."""
        aside = {"reconstruction", "sizes", "complete_orders"}
        own = self.sweeps[variant.sweep].model_dump(exclude=aside)
        return next(
            other
            for other in self.variants()
            if other.size == variant.size
            and self.sweeps[other.sweep].model_dump(exclude=aside) == own
        )

    def recon(self, sweep: str) -> ReconstructionSettings:
        """The reconstruction block with what `sweep` sets differently.

        Raises:
            StudyError: there is no such sweep.
        """
        if sweep not in self.sweeps:
            names = ", ".join(self.sweeps)
            raise StudyError(f"no sweep '{sweep}'; allowed: {names}{nearest(sweep, self.sweeps)}")
        own = self.sweeps[sweep].reconstruction
        return self.reconstruction.model_copy(
            update={key: getattr(own, key) for key in own.model_fields_set}
        )
