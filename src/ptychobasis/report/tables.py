"""Tables of a study as CSV and as pages of the report."""

import logging
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from ptychobasis.bases.compress import reduction
from ptychobasis.bases.compressed_file import bytes_of_coefficients, read_compressed
from ptychobasis.core.variant import Variant
from ptychobasis.data.atomic import atomic
from ptychobasis.evaluation.probe_error import ProbeError
from ptychobasis.report.left_out import judge_models, measured
from ptychobasis.report.names import reference_name
from ptychobasis.report.render import text_table, write_page
from ptychobasis.simulation.noise import CountBytes

log = logging.getLogger(__name__)

_COLUMNS = {
    "sweep": "sweep",
    "size": "size",
    "basis": "basis",
    "stored_values": "numbers per pattern",
    "reduction_percent": "reduction [%]",
    "store": "stored as",
    "dose_electrons_per_angstrom2": "electrons per Å²",
    "bytes_on_disk": "size on disk [kB]",
    "bytes_per_pattern": "bytes per pattern",
    "unknowns_per_pattern": "unknowns per pattern",
    "knowns_per_unknown_in_band": "knowns per unknown in the band",
    "reference": "FSC with {reference}",
    "truth": "FSC with the truth",
    "resolution_half": "resolution at 0.5 [Å]",
    "resolution_143": "resolution at 0.143 [Å]",
    "scale": "strength",
    "column_error_pm": "column error [pm]",
    "left_out_misfit": "misfit of left-out patterns [%]",
    "left_out_sigmas": "misfit over noise",
    "left_out_explained": "of the sample explained [%]",
    "left_out_holds": "explains the data",
    "seconds_per_epoch": "s per epoch",
}
_CHOICES = ("store", "dose_electrons_per_angstrom2")  # shown where there is more than one

# how one number stands for those of all seeds: end of the column's name, and pandas' function
_OVER_SEEDS = [
    ("basis", ("", "first")),
    ("stored_values", ("", "first")),
    ("reduction_percent", ("", "first")),
    ("store", ("", "first")),
    ("dose_electrons_per_angstrom2", ("", "first")),
    ("bytes_on_disk", ("", "mean")),
    ("bytes_per_pattern", ("", "mean")),
    ("unknowns_per_pattern", ("", "mean")),
    ("knowns_per_unknown_in_band", ("", "mean")),
    ("resolution_half", ("", "mean")),
    ("resolution_half", ("_std", "std")),
    ("resolution_half_is_bound", ("", "any")),
    ("resolution_143", ("", "mean")),
    ("resolution_143", ("_std", "std")),
    ("resolution_143_is_bound", ("", "any")),
    ("scale", ("", "mean")),
    ("column_error_pm", ("", "mean")),
    ("left_out_misfit", ("", "mean")),
    ("left_out_sigmas", ("", "mean")),
    ("left_out_explained", ("", "mean")),
    ("seconds_per_epoch", ("", "mean")),
]


def add_sizes(summary: pd.DataFrame, compressed: Mapping[Variant, str | Path]) -> pd.DataFrame:
    """Add what each variant takes on disk and by how much that is less than the detector.

    Args:
        summary: from `ptychobasis.evaluation.compare.evaluate`.
        compressed: the compressed file of each variant.

    Returns:
        `summary` with the columns reduction_percent, bytes_on_disk and bytes_per_pattern.
    """
    rows = []
    for (sweep, size), path in compressed.items():
        data, taken = read_compressed(path), bytes_of_coefficients(path)
        less = reduction(data.basis.size, data.detector_pixels)
        rows.append((sweep, size, less, taken, taken / len(data.positions)))
    columns = ["sweep", "size", "reduction_percent", "bytes_on_disk", "bytes_per_pattern"]
    sizes = pd.DataFrame(rows, columns=columns)
    return summary.merge(sizes, on=["sweep", "size"], how="left", validate="many_to_one")


def add_storage(
    summary: pd.DataFrame,
    storage: Mapping[str, tuple[str, float | None]],
    counts: Mapping[float, CountBytes],
) -> pd.DataFrame:
    """Add how each variant was stored, and what the counts that it comes from take.

    Args:
        summary: with the column sweep.
        storage: Type of the stored numbers and dose [electrons/Å²] of every sweep.
        counts: what counts take per pattern, by the dose of a sweep.

    Returns:
        `summary` with the columns store, dose_electrons_per_angstrom2, raw_bytes_per_pattern and
        lossless_bytes_per_pattern; the last three are NaN for sweeps without a dose.
    """
    dose = summary["sweep"].map(lambda name: storage[name][1])
    return summary.assign(
        store=summary["sweep"].map(lambda name: storage[name][0]),
        dose_electrons_per_angstrom2=dose.astype(float),
        raw_bytes_per_pattern=dose.map({each: taken.raw for each, taken in counts.items()}),
        lossless_bytes_per_pattern=dose.map({each: t.lossless for each, t in counts.items()}),
    )


def add_probes(summary: pd.DataFrame, errors: Mapping[Variant, ProbeError]) -> pd.DataFrame:
    """Add how each probe differs from the true one, in columns that begin with ``probe_``.

    Args:
        summary: with the columns sweep and size.
        errors: of each variant.
    """
    rows = [
        {"sweep": sweep, "size": size}
        | {f"probe_{name}": value for name, value in asdict(error).items()}
        for (sweep, size), error in errors.items()
    ]
    return summary.merge(pd.DataFrame(rows), on=["sweep", "size"], how="left")


def gather(files: Mapping[int, str | Path]) -> pd.DataFrame:
    """Tables of several seeds below one another, with a first column that tells the seed."""
    parts = []
    for seed, path in files.items():
        part = read_csv(path)
        part.insert(0, "seed", seed)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def overview(summary: pd.DataFrame) -> pd.DataFrame:
    """One row per variant, of the volume: means over the seeds.

    Args:
        summary: from `gather`, or of one seed from `ptychobasis.evaluation.compare.evaluate`.

    Returns:
        sweep, size, basis, stored_values, the mean FSC with the reference and with the truth in
        columns of these names, and what else `summary` tells of the comparison with the truth,
        or of that with the reference where there is no truth. A column …_std beside FSC and
        resolutions holds the sample standard deviation over the seeds, NaN for one seed.
    """
    volume = summary[summary["slice"] == "volume"]
    keys = ["sweep", "size"]
    scores = {
        f"{against}{end}": part.groupby(keys)["mean_fsc"].agg(how)
        for against, part in volume.groupby("against")
        for end, how in (("", "mean"), ("_std", "std"))
    }
    best = volume[volume["against"] == ("truth" if "truth" in scores else "reference")]
    asked = {f"{name}{end}": (name, how) for name, (end, how) in _OVER_SEEDS if name in best}
    rest = best.groupby(keys).agg(**asked)
    judged = measured(best)
    if len(judged):
        rest["left_out_holds"] = judged.groupby(keys)["left_out_holds"].all()
    return rest.join(pd.DataFrame(scores)).reset_index().sort_values(["basis", "stored_values"])


def mean_over_seeds(depth: pd.DataFrame) -> pd.DataFrame:
    """Means of ``tables/depth.csv`` over the seeds, a row for each pair of slices."""
    keys = ["sweep", "size", "slice", "true_slice"]
    table = depth.assign(slice=depth["slice"].astype(int))
    return table.groupby(keys, as_index=False).mean(numeric_only=True)


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read what `write_csv` wrote of an evaluation."""
    return pd.read_csv(path, dtype={"slice": str, "size": str})


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table with seven significant digits."""
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.7g")


def write_overview(summary: pd.DataFrame, path: str | Path, reference: Variant) -> None:
    """Write the overview of a study as a page of its own.

    Args:
        summary: from `gather`.
        path: of the page.
        reference: what the reconstructions are compared with.
    """
    table = overview(summary)
    against = "truth" if "truth" in table else reference_name(summary, reference)
    table["bytes_on_disk"] = table["bytes_on_disk"] / 1e3
    alike = [name for name in _CHOICES if name in table and table[name].nunique(dropna=False) == 1]
    table = table.drop(columns=alike)
    for column in ("reference", "truth"):
        if column in table:
            pairs = zip(table[column], table[f"{column}_std"], strict=True)
            table[column] = [f"{mean:.3f}{_spread(std, 3)}" for mean, std in pairs]
    if "left_out_holds" in table:
        for column in ("left_out_misfit", "left_out_explained"):
            table[column] *= 100
        table["left_out_holds"] = table["left_out_holds"].map({True: "yes", False: "no"})
    for column in ("resolution_half", "resolution_143"):
        names = [column, f"{column}_std", f"{column}_is_bound"]
        rows = table[names].itertuples(index=False)
        table[column] = [_resolution(*row) for row in rows]
    headers = _COLUMNS | {
        "reference": _COLUMNS["reference"].format(reference=reference_name(summary, reference))
    }
    shown = table[[name for name in headers if name in table]].rename(columns=headers)
    formats = {
        "reduction [%]": "{:.4f}".format,
        "electrons per Å²": "{:g}".format,
        "size on disk [kB]": "{:.1f}".format,
        "bytes per pattern": "{:.1f}".format,
        "column error [pm]": "{:.1f}".format,
        "misfit of left-out patterns [%]": "{:.2g}".format,
        "misfit over noise": "{:.3g}".format,
        "of the sample explained [%]": "{:.0f}".format,
    }
    judged = judge_models(summary)
    if judged.title:
        log.warning("%s: %s", judged.title, judged.text)
    write_page(
        path,
        "summary",
        judged.title or "Quality against numbers per pattern",
        judged=judged,
        left_out="left_out_holds" in table,
        against=against,
        seeds=summary["seed"].nunique() if "seed" in summary else 1,
        content=text_table(shown, formats=formats),
    )


def _spread(std: float, digits: int) -> str:
    return f" ± {std:.{digits}f}" if math.isfinite(std) else ""


def _resolution(angstrom: float, std: float, is_bound: bool) -> str:
    """A resolution for people: ``<`` where a curve never fell below the threshold."""
    if not math.isfinite(angstrom):
        return "-"
    return f"{'< ' if is_bound else ''}{angstrom:.2f}{_spread(std, 2)}"
