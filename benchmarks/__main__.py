"""``python -m benchmarks [NAME …]``: run benchmarks, write their tables, make both pages anew."""

import argparse
import importlib
import sys

from benchmarks import costs
from benchmarks.common import write_table
from benchmarks.page import write_page
from benchmarks.panel import SAMPLES, Options

NAMES = (
    *("engine", "scaling", "convergence", "grids", "compression", "workers"),
    *("simulation", "usage", "panel", "peers", "gpu", "demo"),
)


def main() -> None:
    """Run what the command line names, or everything."""
    asked = _parser().parse_args()
    options = Options(asked.samples, asked.seeds, not asked.skip_plain, asked.from_truth)
    for name in asked.names or NAMES:
        print(f"benchmark: {name}", file=sys.stderr)
        run = importlib.import_module(f"benchmarks.{name}").run
        # a module may make several tables: {table: rows}
        for table, rows in (run(options) if name == "panel" else run()).items():
            write_table(table, rows)
    write_page(NAMES)
    costs.main()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="all unless named")
    part = parser.add_argument_group("a part of the panel, which is printed and not kept")
    part.add_argument("--samples", type=_samples, default=(), help="such as mos2,dose")
    part.add_argument("--seeds", type=_seeds, default=(), help="such as 1 or 1,2")
    part.add_argument("--skip-plain", action="store_true", help="without the plain reference")
    part.add_argument(
        "--from-truth", action="store_true", help="the plain reference from the true object too"
    )
    return parser


def _samples(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = set(names) - set(SAMPLES)
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}; allowed: {', '.join(SAMPLES)}")
    return names


def _seeds(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


if __name__ == "__main__":
    main()
