"""The pages of provenance (from what, with what, how fast) and of the claims."""

import json
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ptychobasis.reconstruction.result_file import Reconstruction
from ptychobasis.report.jobs import not_recorded
from ptychobasis.report.render import text_table, write_page
from ptychobasis.study.schema import Study


def write_provenance(
    path: str | Path,
    study: Study,
    results: Iterable[tuple[str, Reconstruction]],
    jobs: pd.DataFrame,
) -> None:
    """Write versions, devices, seeds, seconds and the complete configuration as one page.

    Args:
        path: of the page.
        study: the configuration.
        results: label and reconstruction, looked at one after the other.
        jobs: from `ptychobasis.report.jobs.job_table`.
    """
    rows, found = [], set()
    for label, result in results:
        rows.append(_run(label, result))
        found |= set((result.versions or {}).items())
    versions = pd.DataFrame(sorted(found), columns=["made with", "version"])
    shown = jobs.rename(columns=lambda name: name.replace("_mb", " [MB]").replace("_", " "))
    hours = jobs[["seconds", "processor_seconds"]].sum() / 3600
    write_page(
        path,
        "provenance",
        "Provenance",
        versions=text_table(versions, left=True),
        runs=text_table(pd.DataFrame(rows), ".4g"),
        count=len(jobs),
        hours=hours["seconds"],
        processor_hours=hours["processor_seconds"],
        missing=not_recorded(jobs),
        jobs=text_table(shown, ".1f"),
        configuration=json.dumps(study.model_dump(mode="json"), indent=2),
    )


def write_claims(table: pd.DataFrame, path: str | Path, study: str) -> None:
    """Write the table of claims as a page of its own.

    Args:
        table: from `ptychobasis.report.claims.claims.table_of_claims`.
        path: of the page.
        study: its name.
    """
    rows = [
        {
            "": row["claim"],
            "statement": row["statement"],
            "verdict": row["verdict"],
            "measured": f"{row['quantity']}: {_measured(row)}",
            "holds if": row["criterion"],
            "in detail": row["details"],
            "figure": row["figure"],
        }
        for row in table.to_dict("records")
    ]
    content = text_table(pd.DataFrame(rows), left=True)
    write_page(path, "claims", f"Claims: {study}", content=content)


def _measured(row: Mapping[Hashable, Any]) -> str:
    """Mean ± standard deviation for people."""
    mean, std = (float(row[name]) for name in ("mean", "std"))
    if row["verdict"] == "not measured":
        return "not measured"
    if not np.isfinite(mean):
        return "none of those tried"
    spread = f" ± {std:.2g}" if np.isfinite(std) else ""
    return f"{mean:.3g}{spread}"


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
        "last loss": float(result.loss[-1]),
    }
