"""Tables of a study as CSV and as pages of the report."""

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ptychobasis.compressed import read_compressed
from ptychobasis.compression import reduction
from ptychobasis.files import atomic, stored_bytes

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
    "bytes_on_disk": "size on disk [kB]",
    "unknowns_per_pattern": "unknowns per pattern",
    "knowns_per_unknown_in_band": "knowns per unknown in the band",
    "reference": "FSC with the reference",
    "truth": "FSC with the truth",
    "resolution_half": "resolution at 0.5 [Å]",
    "resolution_143": "resolution at 0.143 [Å]",
    "seconds_per_epoch": "s per epoch",
}


def add_sizes(
    summary: pd.DataFrame, compressed: Mapping[tuple[str, str], str | Path]
) -> pd.DataFrame:
    """Add what each variant takes on disk and by how much that is less than the detector.

    Args:
        summary: from `evaluation.evaluate`, with the columns sweep and size.
        compressed: the compressed file of each (sweep, size).

    Returns:
        `summary` with the columns reduction_percent and bytes_on_disk.
    """
    rows = []
    for (sweep, size), path in compressed.items():
        data = read_compressed(path)
        less = reduction(data.basis.size, data.detector_pixels)
        rows.append((sweep, size, less, stored_bytes(path, "coefficients")))
    sizes = pd.DataFrame(rows, columns=["sweep", "size", "reduction_percent", "bytes_on_disk"])
    return summary.merge(sizes, on=["sweep", "size"], how="left", validate="many_to_one")


def overview(summary: pd.DataFrame) -> pd.DataFrame:
    """One row per variant: the volume's mean FSC with the reference and with the truth."""
    volume = summary[summary["slice"] == "volume"]
    keys = ["sweep", "size"]
    mean = volume.pivot(index=keys, columns="against", values="mean_fsc").reset_index()
    best = "truth" if "truth" in mean else "reference"
    rest = volume[volume["against"] == best].drop(columns=["against", "slice", "mean_fsc"])
    return rest.merge(mean, on=keys).sort_values(["basis", "stored_values"])


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table with seven significant digits."""
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.7g")


def write_page(summary: pd.DataFrame, path: str | Path) -> None:
    """Write the overview of a study as a page of its own."""
    table = overview(summary)
    table["bytes_on_disk"] = table["bytes_on_disk"] / 1e3
    for column in ("resolution_half", "resolution_143"):
        bounds = table[f"{column}_is_bound"].astype(bool)
        pairs = zip(table[column], bounds, strict=True)
        table[column] = [_resolution(value, bound) for value, bound in pairs]
    table = table[[name for name in _COLUMNS if name in table]].rename(columns=_COLUMNS)
    text = (
        "<p>FSC: mean of the Fourier shell correlation of the volume over the band of the "
        "configuration. The resolution is where the correlation with the truth, or with the "
        "reference where there is none, falls below the threshold; &lt; where it never does.</p>"
    )
    formats = {"reduction [%]": "{:.4f}".format, "size on disk [kB]": "{:.1f}".format}
    html = table.to_html(
        index=False,
        border=0,
        float_format="{:.3f}".format,
        formatters=formats,
        na_rep="-",
    )
    write_html(path, "Quality against numbers per pattern", text, html)


def _resolution(angstrom: float, is_bound: bool) -> str:
    """A resolution for people: ``<`` where the curve never fell below the threshold."""
    if not math.isfinite(angstrom):
        return "-"
    return f"< {angstrom:.2f}" if is_bound else f"{angstrom:.2f}"


def write_html(path: str | Path, title: str, text: str, table: str) -> None:
    """Write a self-contained page."""
    with atomic(path) as temporary:
        temporary.write_text(_PAGE.format(title=title, text=text, table=table), encoding="utf-8")
