"""Memory and time that a job asks a cluster for.

Simulations, compressions and reconstructions ask by the sizes of what they work on, all other rules
for constants that suffice at the scale of the paper. Formulas are fitted to the jobs of demo and
paper on two cores of an AMD EPYC without a GPU, two jobs of one thread side by side: times to
results/reference/*/jobs.csv, peaks of memory to these and to benchmarks/results/usage.csv.
tests/study/test_resources.py holds the model against both. A slower machine is served by further
attempts, each of which asks for more.
"""

import math
from typing import NamedTuple

from ptychobasis.reconstruction.schedule import first_batch
from ptychobasis.study.schema import Study
from ptychobasis.study.sizes import Scattering, Sizes, model_sizes, numbers, sizes

SNAKEMAKE_MB = 360  # of its own two processes, in the job and in its step: usage.csv, first row
LEAST_MIN = 5  # for two starts of Snakemake and a script's imports from a cold, busy file system
_HEADROOM = 1.12  # over the formulas
_CACHE_MB = 64  # of HDF5, for each file that is open
_CHUNK_MB = 8  # waves that a reconstruction works on at once, see `engine`
_FOCUS_EPOCHS = 15 * 20  # the most that a search of the focus takes, see `probe` and `descent`

# Memory [MB], Snakemake's own included, and time [min] of rules that take seconds in demo and
# paper; an hour is enough to read 300 GB of patterns, 30 min for hundreds of reconstructions
OTHERS = {
    "crystal": (600, LEAST_MIN),
    "average_phonons": (4500, 60),
    "check_dataset": (700, 60),
    "count_electrons": (900, 60),
    "evaluate": (2500, 30),
    "depth": (1200, 30),
    "figure_data": (2500, 30),
}


class Job(NamedTuple):
    """A job of the workflow.

    Attributes:
        rule: that it follows.
        sweep: and
        size: of what it compresses or reconstructs.
        scattering: that its compressed file tells, see `Compressed`; None: it is not there yet.
    """

    rule: str
    sweep: str = ""
    size: str = ""
    scattering: Scattering | None = None


def memory(study: Study, job: Job) -> int:
    """Memory that a job asks for [MB], as Slurm counts it, with Snakemake's own processes."""
    if job.rule in OTHERS:
        return OTHERS[job.rule][0]
    return math.ceil(_HEADROOM * (SNAKEMAKE_MB + _peak(study, sizes(study), job)))


def seconds(study: Study, job: Job) -> float:
    """Processor time of a job with one thread of a CPU [s], with some headroom."""
    if job.rule in OTHERS:
        return 60 * OTHERS[job.rule][1]
    return _HEADROOM * _time(study, sizes(study), job)


def minutes(study: Study, job: Job) -> int:
    """Time that a job asks for [min]."""
    return max(LEAST_MIN, math.ceil(seconds(study, job) / 60))


def _peak(study: Study, data: Sizes, job: Job) -> float:
    """Largest memory of a script [MB]; what it imports takes 190 to 610 of them."""
    match job.rule:
        case "simulate_phonon":  # potential, its copy, transmission; probes in three arrays
            assert study.simulation is not None
            peak = 430 + 16e-6 * data.voxels + 24e-6 * study.simulation.batch * data.waves
        case "compress":
            stored = 4e-6 * len(data.positions) * numbers(study, data, job.sweep, job.size)
            gram = 24e-6 * data.disc**2 * (study.sweeps[job.sweep].basis == "svd")
            own = 24e-6 * data.pixels * (study.sweeps[job.sweep].basis == "file")
            own *= numbers(study, data, job.sweep, job.size)  # read with eight bytes, and copied
            peak = 190 + gram + own + min(2 * _CACHE_MB, 2 * stored)
        case "reconstruct":
            peak = _reconstruction_peak(study, data, job)
        case _:
            raise ValueError(f"no model of the rule '{job.rule}'")
    return peak


def _reconstruction_peak(study: Study, data: Sizes, job: Job) -> float:
    """Stored numbers, object, gradients and momenta, ramps, propagators and waves [MB]."""
    model = model_sizes(data, study.recon(job.sweep), job.scattering)
    stored, positions = numbers(study, data, job.sweep, job.size), len(data.positions)
    cropped = min(stored, model.pixels)  # of pixels, those outside the model's patterns go
    kept = stored + cropped * (1 if cropped == stored else 2)
    waves = (model.steps + 1) * math.prod(model.window) + 4 * model.pixels
    propagators = 8 * model.steps * math.prod(model.window)
    unknowns = model.voxels * (1 + study.recon(job.sweep).absorption)
    arrays = 4 * positions * kept + 50 * unknowns + 8 * positions * sum(model.window)
    return 610 + (arrays + propagators) / 1e6 + max(_CHUNK_MB, 8 * waves / 1e6)


def _time(study: Study, data: Sizes, job: Job) -> float:
    """Processor time of a script [s]; it takes a few seconds to start."""
    match job.rule:
        case "simulate_phonon":
            steps = len(data.positions) * data.layers
            time = 5 + 1.5e-9 * steps * data.waves * math.log2(data.waves)
        case "compress":
            stored = len(data.positions) * numbers(study, data, job.sweep, job.size)
            gram = data.disc**2 * (3e-10 * len(data.positions) + 1e-9 * data.disc)
            svd = study.sweeps[job.sweep].basis == "svd"
            time = 3 + 1e-8 * len(data.positions) * data.pixels + 5e-8 * stored + gram * svd
        case "reconstruct":
            time = _reconstruction_time(study, data, job)
        case _:
            raise ValueError(f"no model of the rule '{job.rule}'")
    return time


def _reconstruction_time(study: Study, data: Sizes, job: Job) -> float:
    """Time of all epochs: transforms of each position, the object's step per batch [s]."""
    settings, positions = study.recon(job.sweep), len(data.positions)
    model = model_sizes(data, settings, job.scattering)
    waves = math.prod(model.window)
    transforms = 4 * model.steps - 3 + (settings.probe == "joint")
    work = transforms * waves * math.log2(waves) + 2 * model.pixels * math.log2(model.pixels)
    compared = min(model.pixels, numbers(study, data, job.sweep, job.size))
    zeros = model.pixels * (settings.dark_field != "none")
    each = 6.4e-10 * work + 8e-9 * compared + 14e-9 * zeros
    # of every batch, however few pixels its probes reach
    step = 25e-9 * model.voxels * (1 + settings.absorption)
    batches = math.ceil(positions / first_batch(settings.batch, positions))
    epochs = settings.epochs + _FOCUS_EPOCHS * (settings.focus_search_angstrom > 0)
    return 8 + epochs * (positions * each + batches * step)
