"""The pages of provenance (from what, with what, how fast) and of the claims."""

import html
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ptychobasis.reconstruction.result_file import Reconstruction
from ptychobasis.report.tables import write_html
from ptychobasis.study.schema import Study


def write_provenance(
    path: str | Path, study: Study, results: Iterable[tuple[str, Reconstruction]], folder: Path
) -> None:
    """Write versions, devices, seeds, seconds and the complete configuration as one page.

    Args:
        path: of the page.
        study: the configuration.
        results: label and reconstruction, looked at one after the other.
        folder: of the study's results, with Snakemake's benchmark files.
    """
    rows, found = [], set()
    for label, result in results:
        rows.append(_run(label, result))
        found |= set((result.versions or {}).items())
    runs, versions = (
        pd.DataFrame(rows),
        pd.DataFrame(sorted(found), columns=["made with", "version"]),
    )
    parts = [
        _section("Software", versions.to_html(index=False, border=0, classes="left")),
        _section(
            "Reconstructions", runs.to_html(index=False, border=0, float_format="{:.4g}".format)
        ),
        _section("Jobs", _jobs(jobs(folder))),
        _section("Configuration", _configuration(study)),
    ]
    write_html(path, "Provenance", "", "".join(parts))


def write_claims(table: pd.DataFrame, path: str | Path, study: str) -> None:
    """Write the table of claims as a page of its own.

    Args:
        table: from `ptychobasis.report.claims.claims.judge`.
        path: of the page.
        study: its name.
    """
    text = (
        "<p>Each statement, what was measured, and the criterion that decides; ± is the standard "
        "deviation over the seeds. A statement holds if its criterion does for every seed, in "
        "part if for some; undecided if their spread does not tell.</p>"
    )
    if table.empty:
        write_html(path, f"Claims: {study}", "<p>No sweep of this study speaks to one.</p>", "")
        return
    shown = pd.DataFrame(
        {
            "": table["claim"],
            "statement": table["statement"],
            "verdict": table["verdict"],
            "measured": table["quantity"] + ": " + table.apply(_measured, axis=1),
            "holds if": table["criterion"],
            "in detail": table["details"],
            "figure": table["figure"],
        }
    )
    html = shown.to_html(index=False, border=0, classes="left", justify="left")
    write_html(path, f"Claims: {study}", text, f'<div class="left">{html}</div>')


def _measured(row: pd.Series) -> str:
    """Mean ± standard deviation for people."""
    if not np.isfinite(row["mean"]):
        return "none of those tried"
    spread = f" ± {row['std']:.2g}" if np.isfinite(row["std"]) else ""
    return f"{row['mean']:.3g}{spread}"


def _run(label: str, result: Reconstruction) -> dict[str, object]:
    return {
        "reconstruction": label,
        "numbers": result.run.stored_values,
        "device": result.run.device,
        "seed": result.run.seed,
        "epochs": len(result.loss),
        "s per epoch": result.run.seconds_per_epoch,
        "patterns per s": result.run.patterns_per_second,
        "peak memory [MB]": result.run.peak_memory_bytes / 1e6,
        "last loss": result.loss[-1],
    }


def _section(title: str, content: str) -> str:
    return f"<h2>{title}</h2>{content}"


def jobs(folder: Path) -> pd.DataFrame:
    """Seconds and memory of every job of a study, from Snakemake's benchmarks.

    Returns:
        job, seconds, processor_seconds (of all threads; on a machine that others use too, this
        is what the job took) and peak_memory_mb.
    """
    rows = []
    for file in sorted(folder.rglob("benchmarks/**/*.tsv")):
        run = pd.read_csv(file, sep="\t", na_values="-").iloc[-1]
        parts = file.relative_to(folder).with_suffix("").parts
        name = "/".join(part for part in parts if part != "benchmarks")
        rows.append((name, run["s"], run["cpu_time"], run["max_rss"]))
    columns = ["job", "seconds", "processor_seconds", "peak_memory_mb"]
    return pd.DataFrame(rows, columns=columns)


def _jobs(table: pd.DataFrame) -> str:
    names = {
        "processor_seconds": "processor seconds",
        "peak_memory_mb": "peak memory [MB]",
    }
    total = table[["seconds", "processor_seconds"]].sum() / 3600
    text = (
        f"<p>{len(table)} jobs, {total['seconds']:.2f} hours one after the other, "
        f"{total['processor_seconds']:.2f} of them computing.</p>"
    )
    return text + table.rename(columns=names).to_html(
        index=False, border=0, float_format="{:.1f}".format, na_rep="-"
    )


def _configuration(study: Study) -> str:
    text = json.dumps(study.model_dump(mode="json"), indent=2)
    return f"<pre>{html.escape(text)}</pre>"
