"""Keys of the configuration: how to reconstruct."""

from typing import Annotated, Literal

from pydantic import Field

from ptychobasis.core.section import (
    Count,
    Defocus,
    Depth,
    Device,
    Frequency,
    Lengths,
    Section,
    Side,
)

Propagation = Annotated[float, Field(ge=1, le=200)]
Positions = Annotated[int, Field(ge=1, le=1_000_000)]
Weight = Annotated[float, Field(ge=0, le=1000)]


class ReconstructionSettings(Section):
    """From stored numbers to the phase of each slice."""

    slice_depths_angstrom: Annotated[tuple[Depth, ...], Field(min_length=1, max_length=500)] = (
        0.0,
    )
    """Depths of the slices below the entrance surface, ascending [Å]."""
    propagation_step_angstrom: Literal["auto"] | Propagation | None = "auto"
    """Longest step [Å] in which the slab of a slice acts; auto: 0.28 λ/α²; null: one per slice."""
    model_pixels: Literal["auto"] | Side | None = "auto"
    """Pixels (y, x) of the model's patterns; auto: those that the sample scatters to; null: all."""
    window_angstrom: Literal["auto"] | Lengths | None = "auto"
    """Window (y, x) of the model's waves [Å]; auto: what holds the probe; null: the detector's."""
    loss: Literal["intensity", "amplitude"] = "intensity"
    """Numbers that are compared: the stored ones, or their roots (for bases that store pixels)."""
    dark_field: Literal["none", "donut", "bins", "pixels"] = "none"
    """Masks outside the stored ones whose coefficients are to be zero."""
    epochs: Count = 60
    """Visits of every scan position."""
    batch: Literal["auto"] | Positions = "auto"
    """Scan positions per step; four times as many at last; auto: a seventeenth, at least 8."""
    step_rad: Annotated[float, Field(ge=1e-5, le=3.2)] = 0.05
    """Change of phase by a first step [rad]; more for strong samples, less for weak ones."""
    absorption: bool = False
    """Reconstruct an absorption μ ≥ 0 of each slice beside its phase: transmission exp(iφ - μ)."""
    positivity: bool = True
    """Keep the phase at or above zero after each step."""
    smoothness_along_beam: Weight = 0.03
    """Weight of the difference of neighbouring slices, relative to that of the data; 0: none."""
    smoothness_at_end: Weight = 0.001
    """Weight to which smoothness_along_beam fades, if that is more."""
    strength_along_beam: Weight = 0.03
    """Weight of the difference in strength of neighbouring slices, likewise; 0: none."""
    total_variation: Weight = 0.005
    """Weight of the phase's slope within each slice, relative to that of the data; 0: none."""
    band_limit_per_angstrom: Frequency | None = None
    """Frequency beyond which the phase is zeroed after each step [1/Å]; null: none."""
    probe: Literal["known", "joint"] = "joint"
    """Whether the probe is that of the optics, or optimised together with the object."""
    probe_pull: Weight = 0.002
    """Weight that pulls a joint probe back to that of the optics, likewise; 0: none."""
    probe_defocus_angstrom: Defocus | None = None
    """Defocus of the probe at the start [Å]; null: the data set's."""
    focus_search_angstrom: Annotated[float, Field(ge=0, le=1e4)] = 0.0
    """Search the defocus this far around that of the start first [Å]; 0: do not."""
    probe_step: Annotated[float, Field(ge=1e-5, le=1)] = 0.05
    """Largest change of a joint probe's spectrum by its first step, as a share of its maximum."""
    probe_start_epoch: Annotated[int, Field(ge=0, le=10_000)] = 2
    """Epochs before a joint probe starts to change."""
    probe_band_limit: bool = True
    """Keep a joint probe's spectrum within the condenser aperture."""
    left_out: Annotated[float, Field(ge=0, le=0.5)] = 0.02
    """Share of the patterns left out to judge the model by; at least 8, or a tenth of a few."""
    checkpoint_seconds: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    """Time between checkpoints [s]; a reconstruction that was killed goes on from the last."""
    device: Device = "auto"
    """Where to compute; auto takes a GPU where there is one."""
