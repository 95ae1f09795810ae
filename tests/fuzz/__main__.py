"""Run many mutations and list what became of them."""

import argparse
import os
import tempfile
from collections import Counter
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a fork would wait for threads that it lacks

from .cases import KINDS, case
from .workers import Outcome


def run(count: int, seed: int, only: str | None = None) -> tuple[Counter[str], list[str]]:
    """Run mutations of all kinds, as often as their shares say.

    Returns:
        How many ended how, by kind; and a line for each that ended wrongly.
    """
    chosen = {name: kind for name, kind in KINDS.items() if only in (None, name)}
    total = sum(kind.share for kind in chosen.values())
    counts: Counter[str] = Counter()
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in chosen.items():
            for number in range(max(1, round(count * kind.share / total))):
                found: Outcome = case(name, number, seed, Path(folder))
                counts[f"{name}: {found.kind}"] += 1
                if found.kind not in ("accepted", "refused"):
                    line = f"{name} {number}, seed {seed}: {found.kind}: {found.text}"
                    failures.append(line)
                    print(line, flush=True)
    return counts, failures


def main() -> int:
    """Read the command line, run, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="mutations")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=list(KINDS), help="one kind")
    given = parser.parse_args()
    counts, failures = run(given.count, given.seed, given.only)
    for what, number in sorted(counts.items()):
        print(f"{number:6d} {what}")
    print(f"{sum(counts.values())} mutations, {len(failures)} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
