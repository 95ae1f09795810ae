"""The page of results, made from the tables and from what each benchmark says of itself."""

import importlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from benchmarks.common import MACHINES, RESULTS

_HEAD = """# Benchmarks

Written by `python -m benchmarks` (or `make bench`) from the tables in [results](results); one
benchmark alone by `python -m benchmarks NAME`. Times are medians, and ratios are of figures
measured in turn within one run.
"""


def write_page(names: Sequence[str]) -> None:
    """Write ``README.md`` beside this file from all tables that are there."""
    machines = json.loads(MACHINES.read_text()) if MACHINES.exists() else {}
    parts = [_HEAD]
    for name in names:
        module = importlib.import_module(f"benchmarks.{name}")
        parts.append(f"## {name}\n\n{(module.__doc__ or '').strip()}\n")
        for table in module.TABLES:
            path = RESULTS / f"{table}.csv"
            if not path.exists():
                parts.append(f"**{table}.csv** was not measured yet.\n")
            else:
                made = machines[table]
                parts.append(
                    f"**[{table}.csv](results/{table}.csv)** ({made['processor']}, "
                    f"{made['cores']} cores, {made['date']}, commit {made['commit'][:12]})\n\n"
                    f"{as_markdown(pd.read_csv(path))}\n"
                )
    (RESULTS.parent / "README.md").write_text("\n".join(parts))


def as_markdown(rows: Iterable[dict[str, Any]] | pd.DataFrame) -> str:
    """A table of Markdown, numbers with four digits."""
    table = pd.DataFrame(rows)
    lines = [list(table.columns), ["---"] * len(table.columns)]
    lines += [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.4g}"
    return str(value)
