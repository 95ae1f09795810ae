"""Compare reconstructions with the uncompressed one and with the true potential."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ptychobasis.alignment import Aligned, align, resample
from ptychobasis.dataset import Truth
from ptychobasis.errors import StudyError
from ptychobasis.grid import Grid
from ptychobasis.metrics import Curve, band_mean, fourier_shell_correlation, resolution
from ptychobasis.physics import interaction_constant
from ptychobasis.results import Reconstruction

Float = NDArray[np.floating]
Pair = tuple[float, float]
_THRESHOLDS = {"half": 0.5, "143": 0.143}
_RUN = ("seconds_per_epoch", "processor_seconds_per_epoch", "pattern_pixels", "wave_pixels")


@dataclass(frozen=True)
class Measure:
    """How reconstructions are compared.

    Attributes:
        band: frequencies (low, high) over which the correlation is averaged, and the lowest
            from which a resolution is searched [1/Å].
        apodisation: raised-cosine edge of the compared field [Å].
        shift_limit: largest lateral shift that alignment may find [Å].
    """

    band: Pair = (0.15, 1.23)
    apodisation: float = 2.0
    shift_limit: float = 1.0


class Evaluation(NamedTuple):
    """Two tidy tables.

    Attributes:
        curves: one row per shell: sweep, size, basis, stored_values, against (reference or
            truth), slice (0, 1, … or volume), q_per_angstrom, fsc, samples.
        summary: one row per slice: the first six columns of `curves`, mean_fsc,
            resolution_half and resolution_143 [Å], each with a column …_is_bound (the curve
            never fell below), shift_y_angstrom and shift_x_angstrom that alignment found,
            the columns of `ptychobasis.results.Counts`, final_loss, epochs, seconds_per_epoch,
            processor_seconds_per_epoch, pattern_pixels, wave_pixels.
    """

    curves: pd.DataFrame
    summary: pd.DataFrame


def layers_of_slices(layers: int, thickness: float, depths: ArrayLike) -> NDArray[np.intp]:
    """Index of the slice that stands for each layer: the one nearest to its middle.

    Args:
        layers: layers of the sample.
        thickness: of one layer [Å].
        depths: ``(slices,)`` depths of the slices [Å].

    Returns:
        ``(layers,)``; of two slices equally near, the upper one.
    """
    middle = (np.arange(layers) + 0.5) * thickness
    return np.abs(middle[:, None] - np.asarray(depths, float)).argmin(1)


def truth_on_grid(
    truth: Truth, energy: float, depths: ArrayLike, grid: Grid, origin: Pair
) -> Float:
    """The phase that a perfect reconstruction would hold.

    Args:
        truth: projected potential of the layers.
        energy: kinetic energy of the electrons [eV].
        depths: ``(slices,)`` depths of the slices [Å].
        grid: shape ``(y, x)`` and sampling [Å] wanted.
        origin: position (y, x) of the centre of its first pixel [Å].

    Returns:
        ``(slices, y, x)`` phase σV [rad], band-limited to the Nyquist frequency of the grid.

    Raises:
        StudyError: the grid reaches beyond the known potential.
    """
    _require_inside("the true potential", truth, grid, origin)
    owner = layers_of_slices(len(truth.potential), truth.slice_thickness, depths)
    slices = np.stack(
        [truth.potential[owner == i].sum(0, dtype=np.float64) for i in range(np.size(depths))]
    )
    phase = resample(slices, truth.sampling, truth.origin, grid, origin)
    return interaction_constant(energy) * phase


def _require_inside(what: str, source: Truth | Reconstruction, grid: Grid, origin: Pair) -> None:
    """Raise a StudyError unless the pixels of `grid` lie on those of `source`."""
    for axis, name in enumerate("yx"):
        step = source.sampling[axis]
        first = source.origin[axis] - step / 2
        last = first + source.grid.shape[axis] * step
        start = origin[axis]
        stop = start + (grid.shape[axis] - 1) * grid.sampling[axis]
        if start < first - 1e-6 or stop > last + 1e-6:
            raise StudyError(
                f"evaluation: {what} covers {name} = {first:.4g} … {last:.4g} Å, but the field "
                f"to compare is {start:.4g} … {stop:.4g} Å; keep the scan inside it"
            )


def scanned_field(
    shape: tuple[int, int], sampling: Pair, origin: Pair, positions: ArrayLike
) -> tuple[slice, slice]:
    """Pixels (y, x) whose centres lie in the bounding box of the scan positions.

    Args:
        shape: pixels (y, x) of the object.
        sampling: pixel size along (y, x) [Å].
        origin: position (y, x) of the centre of the first pixel [Å].
        positions: ``(..., 2)`` scan positions as (y, x) [Å].

    Raises:
        StudyError: the box leaves the object or is narrower than eight pixels.
    """
    points = np.asarray(positions, float).reshape(-1, 2)
    low = np.ceil((points.min(0) - origin) / sampling - 1e-6).astype(int)
    high = np.floor((points.max(0) - origin) / sampling + 1e-6).astype(int) + 1
    if np.any(low < 0) or np.any(high > shape):
        raise StudyError(
            f"evaluation: the scan covers pixels {low} … {high - 1} of an object of {shape} "
            "pixels; scan positions and object must share one coordinate system"
        )
    if np.any(high - low < 8):
        raise StudyError(
            f"evaluation: the scanned field is {high - low} pixels (y, x); a correlation needs at "
            "least 8 along each axis, so scan a larger area"
        )
    return slice(low[0], high[0]), slice(low[1], high[1])


def _tables(keys: dict[str, object], aligned: Aligned, pairs: dict, measure: Measure) -> Evaluation:
    """Tables of one comparison; `pairs` maps the slice column to a Curve."""
    curves, rows = [], []
    for name, curve in pairs.items():
        label = {**keys, "slice": name}
        values = {"q_per_angstrom": curve.q, "fsc": curve.fsc, "samples": curve.samples}
        curves.append(pd.DataFrame({**label, **values}))
        row = {**label, "mean_fsc": band_mean(curve, *measure.band)}
        for column, threshold in _THRESHOLDS.items():
            found = resolution(curve, threshold, measure.band[0])
            row[f"resolution_{column}"] = found.angstrom
            row[f"resolution_{column}_is_bound"] = found.is_bound
        row["shift_y_angstrom"], row["shift_x_angstrom"] = aligned.shift_angstrom
        rows.append(row)
    return Evaluation(pd.concat(curves, ignore_index=True), pd.DataFrame(rows))


def compare(
    phase: Float, target: Float, sampling: Pair, measure: Measure
) -> tuple[Aligned, dict[str, Curve]]:
    """Align two ``(slices, y, x)`` phases and correlate them by slice and as a volume."""
    aligned = align(phase, target, sampling, measure.apodisation, measure.shift_limit)

    def correlate(a: Float, b: Float) -> Curve:
        return fourier_shell_correlation(a, b, sampling, measure.apodisation)

    curves = {
        str(i): correlate(a, b) for i, (a, b) in enumerate(zip(aligned.array, target, strict=True))
    }
    curves["volume"] = correlate(aligned.array, target)
    return aligned, curves


def evaluate(
    recon: Reconstruction,
    label: tuple[str, str],
    positions: ArrayLike,
    reference: Reconstruction | None = None,
    truth: Truth | None = None,
    measure: Measure | None = None,
) -> Evaluation:
    """Compare a reconstruction with the uncompressed one and with the truth.

    Both are brought onto the pixels of `recon` inside the scanned area first.

    Args:
        recon: the reconstruction to judge.
        label: its sweep and size.
        positions: ``(..., 2)`` scan positions as (y, x) [Å].
        reference: a reconstruction with the same slices; None skips this comparison.
        truth: the sample; None skips this comparison.
        measure: band, apodisation, largest shift.

    Raises:
        StudyError: nothing to compare with, a diverged reconstruction, other slices than the
            reference, or a field that leaves one of the arrays.
    """
    measure = measure or Measure()
    phase, grid, origin = scanned_phase(recon, label, positions)
    targets = {}
    if reference is not None:
        targets["reference"] = _reference_on_grid(recon, reference, label, grid, origin)
    if truth is not None:
        depths = recon.slice_depths
        targets["truth"] = truth_on_grid(truth, recon.energy, depths, grid, origin)
    if not targets:
        raise StudyError(
            f"evaluation: {'/'.join(label)} has nothing to be compared with; set "
            "evaluation.reference or use a dataset with a true potential"
        )
    keys: dict[str, object] = {"sweep": label[0], "size": label[1], "basis": recon.run.basis}
    keys["stored_values"] = recon.run.stored_values
    tables = []
    for against, target in targets.items():
        aligned, curves = compare(phase, target, recon.sampling, measure)
        tables.append(_tables({**keys, "against": against}, aligned, curves, measure))
    result = combine(tables)
    for name, value in (recon.counts.columns() if recon.counts else {}).items():
        result.summary[name] = value
    result.summary["final_loss"] = float(recon.loss[-1])
    result.summary["epochs"] = len(recon.loss)
    for name in _RUN:
        result.summary[name] = getattr(recon.run, name)
    return result


def scanned_phase(
    recon: Reconstruction, label: tuple[str, str], positions: ArrayLike
) -> tuple[Float, Grid, Pair]:
    """The phase inside the scanned area ``(slices, y, x)``, its grid and its origin."""
    rows, columns = scanned_field(recon.phase.shape[-2:], recon.sampling, recon.origin, positions)
    phase = np.asarray(recon.phase, np.float64)[:, rows, columns]
    if not np.isfinite(phase).all():
        raise StudyError(
            f"evaluation: the phase of {'/'.join(label)} holds NaN or infinity, so the "
            "reconstruction diverged; lower reconstruction.step_rad"
        )
    grid = Grid((phase.shape[1], phase.shape[2]), recon.sampling)
    origin = (
        recon.origin[0] + rows.start * recon.sampling[0],
        recon.origin[1] + columns.start * recon.sampling[1],
    )
    return phase, grid, origin


def _reference_on_grid(
    recon: Reconstruction,
    reference: Reconstruction,
    label: tuple[str, str],
    grid: Grid,
    origin: Pair,
) -> Float:
    """The reference's phase ``(slices, y, x)`` on the pixels to compare."""
    depths, others = (np.asarray(r.slice_depths, float) for r in (recon, reference))
    if depths.shape != others.shape or not np.allclose(depths, others, atol=1e-3):
        raise StudyError(
            f"evaluation: {'/'.join(label)} has slices at {depths.tolist()} Å and the reference "
            f"at {others.tolist()} Å; compare reconstructions with the same slice depths"
        )
    _require_inside("the reference", reference, grid, origin)
    return resample(reference.phase, reference.sampling, reference.origin, grid, origin)


def combine(tables: list[Evaluation]) -> Evaluation:
    """Tables of several comparisons below one another."""
    return Evaluation(
        pd.concat([t.curves for t in tables], ignore_index=True),
        pd.concat([t.summary for t in tables], ignore_index=True),
    )
