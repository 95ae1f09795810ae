from functools import partial
from pathlib import Path

from snakemake.exceptions import WorkflowError

from ptychobasis.core.errors import StudyError
from ptychobasis.core.variant import Variant
from ptychobasis.data.atomic import remove_unfinished
from ptychobasis.study import parameters
from ptychobasis.study import resources as model
from ptychobasis.study.code_digest import code_digest, share_package
from ptychobasis.study.layers import workflow_keys
from ptychobasis.study.load import load_study
from ptychobasis.study.outside import fingerprint
from ptychobasis.study.paths import Paths
from ptychobasis.study.resources import Job
from ptychobasis.study.sizes import read_scattering
from ptychobasis.study.yaml_source import plain

try:
    found = workflow_keys(workflow, config)
    STUDY = load_study(
        found, " + ".join(map(str, workflow.configfiles)) or "config", checked=UNPACKED
    )
    config = plain(found)  # scripts are given the same
except StudyError as error:
    raise WorkflowError(str(error))

share_package()

PATHS = Paths(STUDY)
SIMULATED = STUDY.is_simulated
CONFIGURATIONS = STUDY.simulation.frozen_phonons.configurations if SIMULATED else 0


wildcard_constraints:
    seed=r"\d+",
    dose=r"[\d.e-]+",
    sweep="[a-z0-9-]+",
    size=r"\d+|all",
    phonon=r"\d+",


def code(script, bases=()):
    """Digest of a script and of all of the package that it imports."""
    return code_digest(workflow.source_path(f"../scripts/{script}.py"), bases)


def keys(*names):
    """Blocks of the study; what depends on them runs again when they change."""
    return STUDY.model_dump(mode="json", include=set(names))


def names(variants):
    """Variants as text, for the parameters of a rule."""
    return list(map(str, variants))


def first_seed(paths):
    """Files of the first seed, which is drawn where one stands for all."""
    return [PATHS.of_first_seed(path) for path in paths]


def outside(*paths):
    """Fingerprints of files that the study did not make."""
    return [fingerprint(path) for path in paths]


def given_dataset(wildcards):
    """Fingerprint of a ready data set; a simulated one is made by rules."""
    return outside() if SIMULATED else outside(PATHS.dataset)


def given_patterns(wildcards):
    """Fingerprints of what a sweep is compressed from, if it comes from outside."""
    return given_dataset(wildcards) + outside(*PATHS.masks([wildcards.sweep]))


onstart:
    # the folder is locked, so whatever is half written was left by processes that were killed
    remove_unfinished(Path(PATHS.results))


# memory [MB] and time [min] that a job asks for in its first attempt
memory, minutes = partial(model.memory, STUDY), partial(model.minutes, STUDY)


def variant_job(rule, wildcards, scattering=None):
    """A job of one sweep and size."""
    return Job(rule, wildcards.sweep, wildcards.size, scattering)


def reconstruction_job(wildcards, input):
    """The same of a reconstruction; its compressed file, once it is there, tells its grid."""
    return variant_job("reconstruct", wildcards, read_scattering(input.compressed))
