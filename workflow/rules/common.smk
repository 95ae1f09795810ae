from functools import partial

from snakemake.exceptions import WorkflowError

from ptychobasis.study import resources as model
from ptychobasis.study.load import load_study
from ptychobasis.core.errors import StudyError
from ptychobasis.study.code_digest import code_digest
from ptychobasis.study.job import share_package
from ptychobasis.study.resources import Job
from ptychobasis.study.sizes import read_scattering

try:
    STUDY = load_study(
        config, " + ".join(map(str, workflow.configfiles)) or "config", checked=UNPACKED
    )
except StudyError as error:
    raise WorkflowError(str(error))

share_package()

RESULTS = f"results/{STUDY.study}"
VARIANTS = [f"{sweep}/{size}" for sweep, size in STUDY.variants()]
SIMULATED = STUDY.dataset.file is None
SEED = f"{RESULTS}/seed_{{seed}}"  # what depends on the seed
DATA = SEED if SIMULATED else RESULTS  # a ready data set is the same for every seed
DATASET = f"{DATA}/dataset.h5" if SIMULATED else str(STUDY.dataset.file)
DOSES = {f"{dose:.12g}".replace("+", ""): dose for dose in STUDY.doses()}
COUNTS = f"{SEED}/counts/{{dose}}.h5"
# depths can be told apart where there are several slices and a truth to compare them with
REFERENCE = STUDY.recon(STUDY.evaluation.reference.partition("/")[0])
DEEP = SIMULATED and len(REFERENCE.slice_depths_angstrom) > 1
CONFIGURATIONS = STUDY.simulation.frozen_phonons.configurations if SIMULATED else 0
# bytes are drawn where there is something to choose from
RATE = bool(DOSES) or len({sweep.store for sweep in STUDY.sweeps.values()}) > 1
# probes are drawn where one is not simply known, and compared with that of the simulation
PROBES = [
    f"{sweep}/{size}"
    for sweep, size in STUDY.variants()
    if SIMULATED and sweep in STUDY.probe_sweeps()
]
# sweeps that are no question of numbers: dark field, epochs
ASIDE = len(STUDY.plain_sweeps()) < len(STUDY.sweeps)
FIGURES = [
    *("masks", "fsc", "slices", "quality"),
    *RATE * ["rate"],
    *DEEP * ["depth"],
    *bool(PROBES) * ["probe"],
    *ASIDE * ["claims"],
]


wildcard_constraints:
    seed=r"\d+",
    dose=r"[\d.e-]+",
    sweep="[a-z0-9-]+",
    size=r"\d+|all",
    phonon=r"\d+",


def settings(*sections):
    """Keys of the study; what depends on them runs again when they change."""
    return STUDY.model_dump(mode="json", include=set(sections))


def first_seed(path):
    """The file of the first seed, which is drawn where one stands for all."""
    return path.replace("{seed}", str(STUDY.seeds[0]))


def sweep_settings(wildcards):
    """Keys that decide how one sweep is compressed."""
    return STUDY.sweeps[wildcards.sweep].model_dump(
        mode="json", exclude={"reconstruction", "sizes"}
    )


def reconstruction_settings(wildcards):
    """Keys of a reconstruction with what the sweep sets differently."""
    chosen = STUDY.recon(wildcards.sweep)
    return chosen.model_dump(mode="json", exclude={"checkpoint_seconds"})


def sweeps_settings():
    """How every sweep is stored and reconstructed."""
    return {
        name: [sweep.store, sweep.dose_electrons_per_angstrom2, sweep.sizes]
        + [STUDY.recon(name).model_dump(mode="json", exclude={"checkpoint_seconds"})]
        for name, sweep in STUDY.sweeps.items()
    }


def compressed(variant):
    """What is stored of a variant, with the seed still open; other variants may share it."""
    sweep, size = variant.split("/")
    return f"{DATA}/compressed/{STUDY.stored_by(sweep, size)}/{size}.h5"


def reconstructions(*variants):
    """Files of some reconstructions, or of all, with the seed still open."""
    return expand(
        f"{SEED}/reconstructions/{{variant}}.h5",
        variant=variants or VARIANTS,
        allow_missing=True,
    )


def tables():
    return expand(
        "{results}/tables/{name}",
        results=RESULTS,
        name=["fsc.csv", "summary.csv", "summary.html"] + DEEP * ["depth.csv"],
    ) + [f"{RESULTS}/claims.csv", f"{RESULTS}/claims.html"]


def figure_files(*names):
    """Files of some figures, or of all, in every format; the first goes into the report."""
    return expand(
        "{results}/figures/{name}.{suffix}",
        results=RESULTS,
        name=names or FIGURES,
        suffix=STUDY.figures.formats,
    )


def patterns_file(wildcards):
    """What a sweep is compressed from: the data set, or counts of its own dose."""
    wanted = STUDY.sweeps[wildcards.sweep].dose_electrons_per_angstrom2
    for name, dose in DOSES.items():
        if dose == wanted:
            return COUNTS.format(seed=wildcards.seed, dose=name)
    return DATASET.replace("{seed}", wildcards.get("seed", ""))


def masks_file(wildcards):
    """Anyone's own masks, on which the compressed file then depends."""
    path = STUDY.sweeps[wildcards.sweep].masks_file
    return [] if path is None else [str(path)]


def masks_files():
    """Anyone's own masks, of all sweeps."""
    paths = {sweep.masks_file for sweep in STUDY.sweeps.values()} - {None}
    return sorted(map(str, paths))


def crystal_file():
    """The structure file, on which the crystal then depends."""
    crystal = STUDY.crystal
    return [str(crystal.file.path)] if crystal and crystal.file else []


def simulation_settings():
    """Keys of the simulation; noise and the number of configurations come afterwards."""
    chosen = settings("microscope", "scan", "detector", "simulation")
    del chosen["simulation"]["dose_electrons_per_angstrom2"]
    del chosen["simulation"]["frozen_phonons"]["configurations"]
    return chosen


# memory [MB] and time [min] that a job asks for in its first attempt
memory, minutes = partial(model.memory, STUDY), partial(model.minutes, STUDY)


def variant_job(rule, wildcards, scattering=None):
    """A job of one sweep and size."""
    return Job(rule, wildcards.sweep, wildcards.size, scattering)


def reconstruction_job(wildcards, input):
    """The same of a reconstruction; its compressed file, once it is there, tells its grid."""
    return variant_job("reconstruct", wildcards, read_scattering(input.compressed))
