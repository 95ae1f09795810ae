"""The reconstruction's defaults on the samples of `config/panel`, beside a plain reconstruction.

Each sample is simulated, compressed, reconstructed and evaluated by the workflow, for two seeds.
The plain reference (`benchmarks/plain.py`) is torch's autograd with Adam, positivity and a known
probe. It gets the same stored numbers, left-out patterns, grids, epochs and batches, and the same
steps of propagation, or those of `auto` where the product takes one per slice.

`use` says whether defaults may be chosen on a sample or are judged by it. Other columns are means
of the seeds. `fsc` is the mean Fourier shell correlation of the volume with the truth over the
sample's band. `scale_min` and `scale_max` are the strengths of the weakest and of the strongest
slice of any seed, as multiples of the truth's. `column_error_pm` is the error of the places of
columns of atoms in the projection. `misfit` is that of left-out patterns, `explained` the share of
what the sample does to them that the object explains, `holds` whether that is enough for all seeds.
`fsc_plain` and `misfit_plain` are the reference's, `ahead` is ours minus `fsc_plain`.
`fsc_from_truth` is where the reference ends that starts from the true object, of the first seed. It
tells whether the data allow the answer. `seconds` are those of the sample, plain reference
included, on one core; files that were there are not made again.

`panel_total`: `behind` counts variants in which ours is more than 0.005 below the plain reference
or has no volume, `samples_behind` the samples of these.
"""

import math
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd
import torch

from benchmarks import plain
from benchmarks.common import cores
from ptychobasis.bases.compressed_file import read_compressed
from ptychobasis.core.variant import Variant
from ptychobasis.data.dataset import read_dataset
from ptychobasis.evaluation.compare import compare
from ptychobasis.evaluation.field import true_phase
from ptychobasis.evaluation.fsc import band_mean
from ptychobasis.evaluation.window import scan_window
from ptychobasis.study.load import load_study
from ptychobasis.study.paths import Paths
from ptychobasis.study.schema import Study

TABLES = ("panel", "panel_total")
JUDGED = ("si110", "sto47", "gan", "au", "kv300", "dose", "turned")
TOLERANCE = 0.005  # of the FSC, by which ours may be behind the plain reference
ROOT = Path(__file__).parents[1]
PANEL = ROOT / "config/panel"
SAMPLES = tuple(sorted(path.stem for path in PANEL.glob("*.yaml") if path.stem != "common"))
_MEANS = {  # columns of the workflow's tables, and what they are called here
    "column_error_pm": "column_error_pm",
    "left_out_misfit": "misfit",
    "left_out_explained": "explained",
}
_NONE = {"fsc": math.nan, "scale_min": math.nan, "scale_max": math.nan, "holds": "failed"}


@dataclass(frozen=True)
class Options:
    """What of the panel to run.

    Attributes:
        samples: Names of files in config/panel; none: all of them.
        seeds: Seeds; none: those of each study.
        plain: Whether to run the plain reference.
        from_truth: Whether to run it from the truth too, which the whole panel does anyway.
    """

    samples: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    plain: bool = True
    from_truth: bool = False

    @property
    def whole(self) -> bool:
        """Whether this is what the page shows."""
        return not self.samples and not self.seeds and self.plain


def run(options: Options | None = None) -> dict[str, Any]:
    """Run samples side by side, one to a core, and print a line for each.

    Returns:
        The tables of the whole panel; none of a part of it, which is only printed.
    """
    options, began, tables = options or Options(), time.perf_counter(), []
    samples = options.samples or _largest_first()
    with ProcessPoolExecutor(min(len(samples), cores())) as pool:
        for table in pool.map(partial(measure, options=options), samples):
            tables.append(table)
            print(line(table), flush=True)
    found = pd.concat(tables, ignore_index=True)
    total = totals(found, minutes=(time.perf_counter() - began) / 60)
    print(f"{total.to_string(index=False)}\non {cores()} cores", flush=True)
    return {"panel": found, "panel_total": total} if options.whole else {}


def measure(sample: str, options: Options) -> pd.DataFrame:
    """Run one sample: a row for each variant, without numbers where its study failed."""
    torch.set_num_threads(1)
    study, began = load_study(PANEL / f"{sample}.yaml"), time.perf_counter()
    seeds = options.seeds or study.seeds
    use = "judge" if sample in JUDGED else "choose"
    succeeds, rows = _succeeds(sample, study, seeds), []
    for variant in study.variants():
        row: dict[str, Any] = {"sample": sample, "use": use, "variant": str(variant)}
        row.update(_ours(study, variant, seeds) if succeeds else _NONE)
        if succeeds and options.plain:
            row.update(_plain(study, variant, seeds, from_truth=False))
            row["ahead"] = row["fsc"] - row["fsc_plain"]
        if succeeds and (options.from_truth or options.whole):
            row.update(_plain(study, variant, seeds[:1], from_truth=True))
        rows.append(row)
    return pd.DataFrame(rows).assign(seconds=time.perf_counter() - began)


def totals(found: pd.DataFrame, minutes: float) -> pd.DataFrame:
    """Hold ours against the plain reference, on either half of the panel and on both.

    Args:
        found: Rows of all samples, see `measure`.
        minutes: Time that they took.
    """
    rows = []
    for use in ("choose", "judge", "both"):
        part = found if use == "both" else found[found["use"] == use]
        row: dict[str, Any] = {
            "use": use,
            "samples": part["sample"].nunique(),
            "variants": len(part),
        }
        if "ahead" in part:
            behind = part[~(part["ahead"] >= -TOLERANCE)]
            row["behind"], row["samples_behind"] = len(behind), behind["sample"].nunique()
            row["median_ahead"] = part["ahead"].median()
        rows.append({**row, "minutes": minutes})
    return pd.DataFrame(rows)


def line(table: pd.DataFrame) -> str:
    """One line of a sample: by variant FSC/plain/from the truth, strengths, ! where it fails."""
    parts = []
    for row in table.to_dict("records"):
        keys = [key for key in ("fsc", "fsc_plain", "fsc_from_truth") if key in row]
        fsc = "/".join(f"{row[key]:.3f}" for key in keys)
        mark = "" if row["holds"] == "yes" else "!"
        scales = f"({row['scale_min']:.2f}-{row['scale_max']:.2f})"
        parts.append(f"{row['variant']} {fsc} {scales}{mark}")
    sample, use, seconds = table[["sample", "use", "seconds"]].iloc[0]
    return f"{sample:<12}{use:<7}{'  '.join(parts)}  {seconds:.0f} s"


def _ours(study: Study, variant: Variant, seeds: Sequence[int]) -> dict[str, Any]:
    """What the workflow's tables say of a variant, over the seeds."""
    table = pd.concat([pd.read_csv(ROOT / name) for name in _summaries(study, seeds)])
    chosen = (table["sweep"] == variant.sweep) & (table["size"].astype(str) == variant.size)
    table = table[chosen & (table["against"] == "truth")]
    volume, slices = (table[(table["slice"] == "volume") == whole] for whole in (True, False))
    return {
        "fsc": volume["mean_fsc"].mean(),
        "scale_min": slices["scale"].min(),
        "scale_max": slices["scale"].max(),
        **{ours: volume[theirs].mean() for theirs, ours in _MEANS.items()},
        "holds": "yes" if volume["left_out_holds"].all() else "no",
    }


def _plain(
    study: Study, variant: Variant, seeds: Sequence[int], from_truth: bool
) -> dict[str, float]:
    """FSC with the truth and misfit of left-out patterns of the plain reference, over the seeds."""
    fsc, misfit = zip(
        *(_run_plain(study, variant, each, from_truth) for each in seeds), strict=True
    )
    name = "from_truth" if from_truth else "plain"
    return {f"fsc_{name}": mean(fsc), f"misfit_{name}": mean(misfit)}


def _run_plain(study: Study, variant: Variant, seed: int, from_truth: bool) -> tuple[float, float]:
    """FSC with the truth and misfit of left-out patterns of the plain reference."""
    paths, settings = Paths(study), study.recon(variant.sweep)
    dataset = read_dataset(ROOT / paths.dataset.format(seed=seed))
    data = read_compressed(ROOT / paths.compressed(variant).format(seed=seed))
    truth = dataset.truth
    assert truth is not None
    true = partial(true_phase, truth, data.optics.energy, settings.slice_depths_angstrom)
    layout = plain.model(data, settings).layout
    start = true(layout.object_grid, layout.origin) if from_truth else None
    found = plain.reconstruct(data, settings, seed, start)
    phase = found.phase.cropped(dataset.positions)
    window = scan_window(phase, dataset.positions, study.evaluation.apodisation_angstrom)
    curves = compare(phase, true(phase.grid, phase.origin), window).curves
    fsc = band_mean(curves["volume"], *study.evaluation.band_per_angstrom)
    return fsc, float(found.misfit[-1])


def _summaries(study: Study, seeds: Sequence[int]) -> list[str]:
    """Tables of each seed; those of all seeds together would take a job more."""
    return [f"{Paths(study).seed}/tables/summary.csv".format(seed=seed) for seed in seeds]


def _succeeds(sample: str, study: Study, seeds: Sequence[int]) -> bool:
    """Run the study of a sample on one core, and tell why where it fails."""
    # studies share no file that they write; making locks side by side in one folder fails
    command = [sys.executable, "-m", "snakemake", "--nolock", "--cores", "1", "--quiet"]
    command += ["--configfile", f"config/panel/{sample}.yaml", "--", *_summaries(study, seeds)]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if ran.returncode != 0:
        print(f"{sample} failed: {ran.stderr[-1000:]}", file=sys.stderr)
    return ran.returncode == 0


def _largest_first() -> list[str]:
    """Names of all samples, the largest first, so that no core is idle at the end for long."""
    studies = {name: load_study(PANEL / f"{name}.yaml") for name in SAMPLES}

    def size(name: str) -> float:
        study = studies[name]
        depth, shape = study.reconstruction.slice_depths_angstrom[-1], study.optics().detector.shape
        return math.prod(shape) * study.scan_positions().size * depth

    return sorted(studies, key=size, reverse=True)
