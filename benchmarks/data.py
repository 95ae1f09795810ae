"""Data that several benchmarks share, made by the workflow itself where they are missing."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import torch

from ptychobasis.bases.compressed_file import Compressed, read_compressed
from ptychobasis.core.variant import Variant
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Dataset, read_dataset
from ptychobasis.evaluation.compare import evaluate
from ptychobasis.forward.layout import ScanLayout
from ptychobasis.reconstruction.result_file import Reconstruction, Run
from ptychobasis.reconstruction.settings import ReconstructionSettings
from ptychobasis.study.load import load_study
from ptychobasis.study.schema import Study

ROOT = Path(__file__).parents[1]


@cache
def study(name: str) -> Study:
    """The study of ``config/{name}.yaml``."""
    return load_study(ROOT / "config" / f"{name}.yaml")


@cache
def compressed(name: str, variant: str) -> Compressed:
    """The compressed file of a study's variant; simulated first where it is not there."""
    return read_compressed(_made(name, f"compressed/{variant}.h5"))


@cache
def dataset(name: str) -> Dataset:
    """The data set of a study; simulated first where it is not there."""
    return read_dataset(_made(name, "dataset.h5"))


def _made(name: str, file: str) -> Path:
    """A file of the first seed of a study."""
    target = f"results/{name}/seed_{study(name).seeds[0]}/{file}"
    if not (ROOT / target).exists():
        command = [sys.executable, "-m", "snakemake", "--cores", "all", "--quiet"]
        command += ["--configfile", f"config/{name}.yaml", "--", target]
        subprocess.run(command, cwd=ROOT, check=True)
    return ROOT / target


def fsc_with_truth(
    name: str, result: Reconstruction, reference: Reconstruction | None = None
) -> float:
    """Mean Fourier shell correlation of the volume with the truth, or with a reference."""
    keys, data = study(name).evaluation, dataset(name)
    truth = data.truth if reference is None else None
    table = evaluate(result, Variant("any", "all"), data.positions, keys, reference, truth).summary
    return float(table[table["slice"] == "volume"]["mean_fsc"].iloc[0])


def as_result(
    name: str,
    data: Compressed,
    settings: ReconstructionSettings,
    phase: torch.Tensor,
    layout: ScanLayout,
) -> Reconstruction:
    """Dress a phase up as a reconstruction, to be evaluated."""
    return Reconstruction(
        phase=Volume(phase.detach().cpu().numpy(), layout.window.sampling, layout.origin),
        probe=np.zeros((1, 1), np.complex64),
        loss=np.zeros(1),
        slice_depths=tuple(settings.slice_depths_angstrom),
        energy=data.optics.energy,
        run=Run(name, data.basis.size, "cpu", 0, 1.0, 1.0, 1.0, 1, 1, 1),
        config={},
    )
