"""Compare reconstructions with the reference and with the true potential."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ptychobasis.core.arrays import Float
from ptychobasis.core.errors import StudyError
from ptychobasis.core.variant import Variant
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Truth
from ptychobasis.evaluation.alignment import Aligned, align
from ptychobasis.evaluation.field import scanned_phase, true_phase
from ptychobasis.evaluation.fsc import Curve, band_mean, fourier_shell_correlation, resolution
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.evaluation.strength import column_positions, slice_scales
from ptychobasis.evaluation.window import scan_window
from ptychobasis.reconstruction.result_file import Reconstruction

_THRESHOLDS = {"half": 0.5, "143": 0.143}
_RUN = ("seconds_per_epoch", "processor_seconds_per_epoch", "pattern_pixels", "wave_pixels")


class Comparison(NamedTuple):
    """Two tidy tables.

    Attributes:
        curves: one row per shell: sweep, size, basis, stored_values, against (reference or
            truth), slice (0, 1, … or volume), q_per_angstrom, fsc, samples.
        summary: one row per slice: the first six columns of `curves`, mean_fsc,
            resolution_half and resolution_143 [Å], each with a column …_is_bound (the curve
            never fell below), shift_y_angstrom and shift_x_angstrom that alignment found,
            scale (strength as a multiple of what it is compared with), column_error_pm and
            columns_found of the projection (on the volume's row, NaN elsewhere),
            the columns of `ptychobasis.reconstruction.result_file.Counts`, absorption_mean (mean
            absorption μ in the scanned field, where it was looked for), final_loss, epochs,
            seconds_per_epoch, processor_seconds_per_epoch, pattern_pixels, wave_pixels.
    """

    curves: pd.DataFrame
    summary: pd.DataFrame


class Agreement(NamedTuple):
    """How two phases agree.

    Attributes:
        aligned: the first phase, laid onto the second.
        curves: Fourier shell correlation of each slice, by its number, and of the ``volume``.
        measured: further numbers of each, by the same names and by column of the summary.
    """

    aligned: Aligned
    curves: dict[str, Curve]
    measured: dict[str, dict[str, float]]


def compare(phase: Volume, target: Volume, window: Float) -> Agreement:
    """Align two phases on the same pixels and compare them by slice and as a volume.

    Args:
        phase: of the reconstruction to judge [rad].
        target: what it is compared with [rad].
        window: weights ``(y, x)``, see `ptychobasis.evaluation.window.scan_window`.
    """
    aligned = align(phase, target, window)
    ours, sampling = aligned.volume, target.sampling
    names = [str(i) for i in range(len(target.array))]
    pairs = dict(zip(names, zip(ours.array, target.array, strict=True), strict=True))
    pairs["volume"] = (ours.array, target.array)
    curves = {
        name: fourier_shell_correlation(a, b, sampling, window) for name, (a, b) in pairs.items()
    }
    scales, scale = slice_scales(ours, target, window)
    measured = {name: {"scale": float(each)} for name, each in zip(names, scales, strict=True)}
    columns = column_positions(ours, target, window)
    measured["volume"] = {
        "scale": scale, "column_error_pm": columns.error_pm, "columns_found": columns.found,
    }  # fmt: skip
    return Agreement(aligned, curves, measured)


def _tables(keys: dict[str, object], found: Agreement, settings: Evaluation) -> Comparison:
    """Tables of one comparison."""
    curves, rows = [], []
    low, high = settings.band_per_angstrom
    for name, curve in found.curves.items():
        label = {**keys, "slice": name}
        values = {"q_per_angstrom": curve.q, "fsc": curve.fsc, "samples": curve.samples}
        curves.append(pd.DataFrame({**label, **values}))
        row = {**label, "mean_fsc": band_mean(curve, low, high)}
        for column, threshold in _THRESHOLDS.items():
            crossing = resolution(curve, threshold, low)
            row[f"resolution_{column}"] = crossing.angstrom
            row[f"resolution_{column}_is_bound"] = crossing.is_bound
        row["shift_y_angstrom"], row["shift_x_angstrom"] = found.aligned.shift_angstrom
        rows.append({**row, **found.measured[name]})
    return Comparison(pd.concat(curves, ignore_index=True), pd.DataFrame(rows))


def evaluate(
    recon: Reconstruction,
    variant: Variant,
    positions: ArrayLike,
    settings: Evaluation,
    reference: Reconstruction | None = None,
    truth: Truth | None = None,
) -> Comparison:
    """Compare a reconstruction with the reference and with the truth.

    Both are brought onto the pixels of `recon` inside the scanned area first.

    Args:
        recon: the reconstruction to judge.
        variant: its sweep and size.
        positions: ``(..., 2)`` scan positions as (y, x) [Å].
        settings: band and apodisation.
        reference: a reconstruction with the same slices; None skips this comparison.
        truth: the sample; None skips this comparison.

    Raises:
        StudyError: nothing to compare with, a diverged reconstruction, other slices than the
            reference, or a field that leaves one of the volumes.
    """
    phase = scanned_phase(recon, variant, positions)
    targets = {}
    if reference is not None:
        targets["reference"] = _reference_on(phase, recon, reference, variant)
    if truth is not None:
        targets["truth"] = true_phase(
            truth, recon.energy, recon.slice_depths, phase.grid, phase.origin
        )
    if not targets:
        raise StudyError(
            f"evaluation: {variant} has nothing to be compared with; set "
            "evaluation.reference or use a dataset with a true potential"
        )
    window = scan_window(phase, positions, settings.apodisation_angstrom)
    keys: dict[str, object] = {"sweep": variant.sweep, "size": variant.size}
    keys |= {"basis": recon.run.basis, "stored_values": recon.run.stored_values}
    result = combine(
        [
            _tables({**keys, "against": against}, compare(phase, target, window), settings)
            for against, target in targets.items()
        ]
    )
    for name, value in (recon.counting.columns() if recon.counting else {}).items():
        result.summary[name] = value
    for name, value in (recon.left_out.columns() if recon.left_out else {}).items():
        result.summary[name] = value
    if recon.absorption is not None:
        means = recon.absorption.cropped(positions).array.mean((1, 2), dtype=np.float64)
        named = {str(i): mean for i, mean in enumerate(means)} | {"volume": means.mean()}
        result.summary["absorption_mean"] = result.summary["slice"].map(named)
    result.summary["final_loss"] = float(recon.loss[-1])
    result.summary["epochs"] = len(recon.loss)
    for name in _RUN:
        result.summary[name] = getattr(recon.run, name)
    return result


def _reference_on(
    phase: Volume, recon: Reconstruction, reference: Reconstruction, variant: Variant
) -> Volume:
    """The reference's phase on the pixels to compare."""
    depths, others = (np.asarray(r.slice_depths, float) for r in (recon, reference))
    if depths.shape != others.shape or not np.allclose(depths, others, atol=1e-3):
        raise StudyError(
            f"evaluation: {variant} has slices at {depths.tolist()} Å and the reference "
            f"at {others.tolist()} Å; compare reconstructions with the same slice depths"
        )
    return reference.phase.on(phase.grid, phase.origin, "the reference")


def combine(tables: list[Comparison]) -> Comparison:
    """Tables of several comparisons below one another."""
    return Comparison(
        pd.concat([t.curves for t in tables], ignore_index=True),
        pd.concat([t.summary for t in tables], ignore_index=True),
    )
