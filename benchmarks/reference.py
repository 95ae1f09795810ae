"""Keep what is small of a study in results/reference: ``python -m benchmarks.reference STUDY``.

Pictures with 256 colours, tables with eight digits, and the machine and the commit that made them,
so that the references of all studies stay below a few megabytes.
"""

import argparse
import json
from collections.abc import Collection
from pathlib import Path

import pandas as pd
from PIL import Image

from benchmarks.common import machine

RESULTS = Path("results")
TABLES = ("claims.csv", "tables/summary.csv", "tables/jobs.csv", "tables/fsc.csv")
SOME = ("tables/depth.csv",)  # of studies that have it
LONG = ("fsc.csv",)  # compressed


def keep(made: Path, kept: Path, without: Collection[str] = ()) -> None:
    """Copy pictures and tables from the folder `made` of a study to `kept`, but for some."""
    about = machine()  # first: what is written below is a change of the checkout
    kept.mkdir(parents=True, exist_ok=True)
    for picture in sorted((made / "figures").glob("*.png")):
        if picture.name in without:
            continue
        image = Image.open(picture).convert("RGB")
        image = image.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)  # thin colours count too
        image.save(kept / picture.name, optimize=True)
    for name in (*TABLES, *SOME):
        if Path(name).name in without or (name in SOME and not (made / name).exists()):
            continue
        suffix = ".gz" if Path(name).name in LONG else ""
        table = pd.read_csv(made / name, low_memory=False)
        table.to_csv(kept / f"{Path(name).name}{suffix}", index=False, float_format="%.8g")
    (kept / "machine.json").write_text(json.dumps(about, indent=2, sort_keys=True) + "\n")


def main() -> None:
    """Keep the study that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reference", description=__doc__)
    parser.add_argument("study", help="which was run here: its tables are in results/STUDY")
    parser.add_argument("--without", nargs="+", default=[], help="pictures and tables to leave out")
    asked = parser.parse_args()
    keep(RESULTS / asked.study, RESULTS / "reference" / asked.study, asked.without)


if __name__ == "__main__":
    main()
