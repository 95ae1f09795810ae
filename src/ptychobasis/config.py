"""The study's configuration: a closed schema, read and checked before anything runs.

``python -m ptychobasis.config_docs`` writes the schema and the table of keys anew.
"""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from ptychobasis import config_checks, config_source
from ptychobasis.bases import BASES
from ptychobasis.config_sample import (
    Compression,
    Count,
    Counts,
    Crystal,
    Dataset,
    Detector,
    Device,
    Lengths,
    Microscope,
    NonNegative,
    Positive,
    Scan,
    Section,
    Simulation,
)
from ptychobasis.errors import StudyError, nearest
from ptychobasis.grid import Grid
from ptychobasis.optics import Optics
from ptychobasis.storage import Store

SweepName = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]


class ReconstructionConfig(Section):
    """From stored numbers to the phase of each slice."""

    slice_depths_angstrom: Annotated[tuple[NonNegative, ...], Field(min_length=1)] = (0.0,)
    """Depths of the slices below the entrance surface, ascending [Å]."""
    model_pixels: Literal["auto"] | Counts | None = "auto"
    """Pixels (y, x) of the model's patterns; auto: those that the sample scatters to; null: all."""
    window_angstrom: Literal["auto"] | Lengths | None = "auto"
    """Window (y, x) of the model's waves [Å]; auto: what holds the probe; null: the detector's."""
    loss: Literal["intensity", "amplitude"] = "intensity"
    """What is compared: stored numbers, or their roots (for bases that store pixels)."""
    dark_field: Literal["none", "donut", "bins", "pixels"] = "none"
    """Masks outside the stored ones whose coefficients are to be zero."""
    epochs: Count = 30
    """Visits of every scan position."""
    batch: Count = 32
    """Scan positions per step."""
    step_rad: Positive = 0.2
    """Largest change of phase by the first step [rad]; decays as half a cosine."""
    positivity: bool = True
    """Keep the phase at or above zero after each step."""
    smoothness_along_beam: NonNegative = 0.0
    """Weight of the difference of neighbouring slices, relative to that of the data; 0: none."""
    total_variation: NonNegative = 0.003
    """Weight of the phase's slope within each slice, relative to that of the data; 0: none."""
    band_limit_per_angstrom: Positive | None = None
    """Frequency beyond which the phase is zeroed after each step [1/Å]; null: none."""
    probe: Literal["known", "joint"] = "known"
    """Whether the probe is that of the optics, or optimised together with the object."""
    probe_defocus_angstrom: float | None = None
    """Defocus of the probe at the start [Å]; null: the data set's."""
    focus_search_angstrom: NonNegative = 0.0
    """Search the defocus this far around that of the start first [Å]; 0: do not."""
    probe_step: Positive = 0.02
    """Largest change of a joint probe's spectrum by its first step, as a share of its maximum."""
    probe_start_epoch: Annotated[int, Field(ge=0)] = 20
    """Epochs before a joint probe starts to change."""
    probe_band_limit: bool = True
    """Keep a joint probe's spectrum within the condenser aperture."""
    checkpoint_seconds: NonNegative = 30.0
    """Time between checkpoints [s]; a reconstruction that was killed goes on from the last."""
    device: Device = "auto"
    """Where to compute; auto takes a GPU where there is one."""


class Sweep(Section):
    """One basis, tried at several sizes."""

    basis: Annotated[str, Field(json_schema_extra={"enum": list(BASES)})]
    """Which masks."""
    sizes: tuple[Count, ...] = ()
    """Masks to store, or edge of the bins [px]; left out for pixels, bright-field and file."""
    complete_orders: bool = True
    """Zernike only: refuse sizes that end within a radial order."""
    masks_file: Path | None = None
    """Basis file only: masks (masks, y, x) in a .npy file or in /masks of an HDF5 file."""
    store: Store = "float32"
    """Type of the stored numbers; float16 and int8 with a scale for each mask."""
    dose_electrons_per_angstrom2: Positive | None = None
    """Dose [electrons/Å²] of Poisson noise of this sweep's patterns; null: as simulated."""
    reconstruction: ReconstructionConfig = ReconstructionConfig()
    """Keys of the reconstruction that this sweep sets differently."""


class Evaluation(Section):
    """How reconstructions are compared."""

    reference: str
    """What all are compared with, as sweep/size."""
    band_per_angstrom: tuple[NonNegative, Positive]
    """Spatial frequencies from, to over which the Fourier shell correlation is averaged [1/Å]."""
    apodisation_angstrom: NonNegative = 2.0
    """Width of the soft edge of the compared area [Å]."""


class Claims(Section):
    """By what the statements of the paper are judged; see docs/claims.md."""

    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Fourier shell correlation that a sufficient number of coefficients does not fall below,"""
    up_to_per_angstrom: Positive = 1.1
    """from the start of the evaluation's band up to this frequency [1/Å]."""
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Difference of two mean Fourier shell correlations that counts as none."""


class Figures(Section):
    """What is drawn."""

    slice: Count = 1
    """Slice to draw, counted from 1."""
    compare: Annotated[tuple[str, ...], Field(min_length=1)]
    """Reconstructions to draw side by side, as sweep/size."""
    formats: Annotated[tuple[Literal["png", "pdf", "svg"], ...], Field(min_length=1)] = ("png",)
    """File formats."""


class Study(Section):
    """One question asked of one sample."""

    study: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
    """Name of the study; everything it makes is in results/{study}/."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (1,)
    """Seeds of the random numbers: everything from the phonons on is done once for each."""
    crystal: Crystal | None = None
    """The sample."""
    microscope: Microscope | None = None
    """What forms the probe."""
    scan: Scan | None = None
    """Where the probe stands."""
    detector: Detector | None = None
    """What records the patterns."""
    simulation: Simulation | None = None
    """How the patterns are computed."""
    dataset: Dataset = Dataset()
    """Patterns from elsewhere, in place of a simulation."""
    compression: Compression = Compression()
    """Who compresses patterns."""
    sweeps: Annotated[dict[SweepName, Sweep], Field(min_length=1)]
    """What to compare: bases and sizes, by a name of your choice."""
    reconstruction: ReconstructionConfig = ReconstructionConfig()
    """How every sweep is reconstructed."""
    evaluation: Evaluation
    """How reconstructions are compared."""
    claims: Claims = Claims()
    """By what the statements of the paper are judged."""
    figures: Figures
    """What is drawn."""

    def optics(self) -> Optics:
        """Geometry of the simulated probe and detector.

        Raises:
            StudyError: a ready data set is given, which brings its own.
        """
        if self.microscope is None or self.detector is None:
            raise StudyError("the optics of a ready data set stand in dataset.file itself")
        (ny, nx), (ly, lx) = self.detector.pixels, self.detector.window_angstrom
        return Optics(
            energy=self.microscope.voltage_kv * 1e3,
            semi_angle=self.microscope.semi_angle_mrad * 1e-3,
            defocus=self.microscope.defocus_angstrom,
            detector=Grid((ny, nx), (ly / ny, lx / nx)),
        )

    def scan_positions(self) -> NDArray[np.float64]:
        """Scan positions ``(ny, nx, 2)`` as (y, x) [Å], relative to the centre of the scan.

        Raises:
            StudyError: a ready data set is given, which brings its own.
        """
        if self.scan is None:
            raise StudyError("the scan positions of a ready data set stand in dataset.file itself")
        y, x = (
            (np.arange(n) - (n - 1) / 2) * step
            for n, step in zip(self.scan.shape, self.scan.step_angstrom, strict=True)
        )
        return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)

    def variants(self) -> list[tuple[str, str]]:
        """Sweep and size of everything to reconstruct; the size of a sweep without is 'all'."""
        return [
            (name, label)
            for name, sweep in self.sweeps.items()
            for label in (map(str, sweep.sizes) if sweep.sizes else ["all"])
        ]

    def doses(self) -> list[float]:
        """All doses that sweeps ask for [electrons/Å²], ascending."""
        asked = (sweep.dose_electrons_per_angstrom2 for sweep in self.sweeps.values())
        return sorted({dose for dose in asked if dose is not None})

    def plain_sweeps(self) -> list[str]:
        """Sweeps that are to be compared by their numbers alone; or all where there are none.

        They are stored as float32, without a dose of their own, and with the probe, the dark
        field and the epochs of the study.
        """
        shared = {"dark_field", "epochs", *(key for key in ReconstructionConfig.model_fields
                                            if key.startswith(("probe", "focus")))}  # fmt: skip
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
        """Sweeps whose probe is optimised, or starts from another focus than the data's."""
        return [
            name
            for name in self.sweeps
            if self.recon(name).probe == "joint"
            or self.recon(name).probe_defocus_angstrom is not None
        ]

    def stored_by(self, sweep: str, size: str) -> str:
        """The first sweep that stores the same: those that only reconstruct otherwise share it."""
        aside = {"reconstruction", "sizes", "complete_orders"}
        own = self.sweeps[sweep].model_dump(exclude=aside)
        return next(
            name
            for name, label in self.variants()
            if label == size and self.sweeps[name].model_dump(exclude=aside) == own
        )

    def recon(self, sweep: str) -> ReconstructionConfig:
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


def derived_seed(*names: object) -> int:
    """Seed of one job, such as ``derived_seed(1, "svd", "36")``: none shares it with another.

    Reconstructions with the same start would agree where the data tell nothing of the object.
    """
    return zlib.crc32("/".join(map(str, names)).encode())


def load_study(
    config: Path | str | Mapping[str, Any], source: str | None = None, checked: bool = False
) -> Study:
    """Read and check a configuration.

    Args:
        config: a YAML file, or the mapping that Snakemake merged from its config files.
        source: what errors call it, such as the names of those files.
        checked: the keys were found to go together before, when the files that they name were
            there; only each for itself is looked at.

    Raises:
        StudyError: the first problem found, and how many more there are.
    """
    if isinstance(config, Mapping):
        source, raw = source or "config", config
    else:
        source, raw = source or str(config), config_source.read(Path(config))
    try:
        study = Study.model_validate_json(json.dumps(config_source.prepare(raw), default=str))
        problems = [] if checked else config_checks.problems(study)
    except ValidationError as error:
        problems = config_source.explain(error, Study)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise StudyError(f"{source}: {problems[0]}{more}")
    return study
