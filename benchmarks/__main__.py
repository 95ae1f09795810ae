"""``python -m benchmarks [NAME …]``: run benchmarks, write their tables, make both pages anew."""

import argparse
import importlib
import sys

from benchmarks import costs
from benchmarks.common import write_table
from benchmarks.page import write_page

NAMES = (
    *("engine", "scaling", "convergence", "grids", "compression", "workers"),
    *("simulation", "usage", "peers", "gpu", "demo"),
)


def main() -> None:
    """Run what the command line names, or everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="all unless named")
    for name in parser.parse_args().names or NAMES:
        print(f"benchmark: {name}", file=sys.stderr)
        # a module may make several tables: {table: rows}
        for table, rows in importlib.import_module(f"benchmarks.{name}").run().items():
            write_table(table, rows)
    write_page(NAMES)
    costs.main()


if __name__ == "__main__":
    main()
