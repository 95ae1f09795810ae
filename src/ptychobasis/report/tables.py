"""Tables of a study as CSV and as pages of the report."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from ptychobasis.bases.compress import reduction
from ptychobasis.bases.compressed_file import bytes_of_coefficients, read_compressed
from ptychobasis.data.atomic import atomic
from ptychobasis.evaluation.probe_error import ProbeError
from ptychobasis.simulation.noise import CountBytes

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #1c1c1c; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }}
thead th {{ border-bottom: 2px solid #555; vertical-align: bottom; }}
th:first-child, td:first-child, .left td, .left th {{ text-align: left; }}
</style></head><body><h1>{title}</h1>{text}{table}</body></html>
"""

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
    "reference": "FSC with the reference",
    "truth": "FSC with the truth",
    "resolution_half": "resolution at 0.5 [Å]",
    "resolution_143": "resolution at 0.143 [Å]",
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
    ("seconds_per_epoch", ("", "mean")),
]


def add_sizes(
    summary: pd.DataFrame, compressed: Mapping[tuple[str, str], str | Path]
) -> pd.DataFrame:
    """Add what each variant takes on disk and by how much that is less than the detector.

    Args:
        summary: from `evaluation.evaluate`, with the columns sweep and size.
        compressed: the compressed file of each (sweep, size).

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


def add_probes(summary: pd.DataFrame, errors: Mapping[tuple[str, str], ProbeError]) -> pd.DataFrame:
    """Add how each probe differs from the true one, in columns that begin with ``probe_``.

    Args:
        summary: with the columns sweep and size.
        errors: by sweep and size.
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
        summary: from `gather`, or of one seed from `evaluation.evaluate`.

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
    return rest.join(pd.DataFrame(scores)).reset_index().sort_values(["basis", "stored_values"])


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read what `write_csv` wrote of an evaluation."""
    return pd.read_csv(path, dtype={"slice": str, "size": str})


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table with seven significant digits."""
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.7g")


def write_page(summary: pd.DataFrame, path: str | Path) -> None:
    """Write the overview of a study as a page of its own."""
    table = overview(summary)
    table["bytes_on_disk"] = table["bytes_on_disk"] / 1e3
    alike = [name for name in _CHOICES if name in table and table[name].nunique(dropna=False) == 1]
    table = table.drop(columns=alike)
    for column in ("reference", "truth"):
        if column in table:
            pairs = zip(table[column], table[f"{column}_std"], strict=True)
            table[column] = [f"{mean:.3f}{_spread(std, 3)}" for mean, std in pairs]
    for column in ("resolution_half", "resolution_143"):
        names = [column, f"{column}_std", f"{column}_is_bound"]
        rows = table[names].itertuples(index=False)
        table[column] = [_resolution(*row) for row in rows]
    table = table[[name for name in _COLUMNS if name in table]].rename(columns=_COLUMNS)
    text = (
        "<p>FSC: mean of the Fourier shell correlation of the volume over the band of the "
        "configuration. The resolution is where the correlation with the truth, or with the "
        "reference where there is none, falls below the threshold; &lt; where it never does.</p>"
        f"<p>{_about_seeds(summary)}</p>"
    )
    formats = {
        "reduction [%]": "{:.4f}".format,
        "electrons per Å²": "{:g}".format,
        "size on disk [kB]": "{:.1f}".format,
        "bytes per pattern": "{:.1f}".format,
    }
    html = table.to_html(
        index=False,
        border=0,
        float_format="{:.3f}".format,
        formatters=formats,
        na_rep="-",
    )
    write_html(path, "Quality against numbers per pattern", text, html)


def _about_seeds(summary: pd.DataFrame) -> str:
    """What the numbers of the page are means of."""
    count = summary["seed"].nunique() if "seed" in summary else 1
    if count == 1:
        return "One seed."
    return (
        f"Means over {count} seeds, each with phonons, noise, starts and orders of positions of "
        "its own; ± is the standard deviation of one seed, not the error of the mean."
    )


def _spread(std: float, digits: int) -> str:
    return f" ± {std:.{digits}f}" if math.isfinite(std) else ""


def _resolution(angstrom: float, std: float, is_bound: bool) -> str:
    """A resolution for people: ``<`` where a curve never fell below the threshold."""
    if not math.isfinite(angstrom):
        return "-"
    return f"{'< ' if is_bound else ''}{angstrom:.2f}{_spread(std, 2)}"


def write_html(path: str | Path, title: str, text: str, table: str) -> None:
    """Write a self-contained page."""
    with atomic(path) as temporary:
        temporary.write_text(_PAGE.format(title=title, text=text, table=table), encoding="utf-8")
