"""Compare reconstructions with the uncompressed one and with the true potential."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ptychobasis.core.arrays import Float, Pair
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.data.dataset import Truth
from ptychobasis.evaluation.alignment import Aligned, align, resample
from ptychobasis.evaluation.field import _require_inside, scanned_phase, truth_on_grid
from ptychobasis.evaluation.fsc import Curve, band_mean, fourier_shell_correlation, resolution
from ptychobasis.reconstruction.result_file import Reconstruction

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
            the columns of `ptychobasis.reconstruction.result_file.Counts`, final_loss, epochs,
            seconds_per_epoch, processor_seconds_per_epoch, pattern_pixels, wave_pixels.
    """

    curves: pd.DataFrame
    summary: pd.DataFrame


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
    for name, value in (recon.counting.columns() if recon.counting else {}).items():
        result.summary[name] = value
    for name, value in (recon.left_out.columns() if recon.left_out else {}).items():
        result.summary[name] = value
    result.summary["final_loss"] = float(recon.loss[-1])
    result.summary["epochs"] = len(recon.loss)
    for name in _RUN:
        result.summary[name] = getattr(recon.run, name)
    return result


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
