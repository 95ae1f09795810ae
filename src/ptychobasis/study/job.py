"""What every script of the workflow does first: read the study, log, and fail in one sentence."""

import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ptychobasis.core.logs import errors_logged, start_log
from ptychobasis.study.code_digest import _PACKAGE
from ptychobasis.study.load import load_study
from ptychobasis.study.schema import Study

log = logging.getLogger(__name__)


@contextmanager
def job(snakemake: Any) -> Iterator[Study]:
    """Run the body of a script: log to the rule's file and to the screen.

    A `StudyError` ends the script with its sentence; any other error with its traceback in
    the log as well.
    """
    start_log("/".join((snakemake.rule, *snakemake.wildcards)), [*snakemake.log, None][0], "w")
    if "SLURM_JOB_ID" in os.environ:
        number, gpus = os.environ["SLURM_JOB_ID"], os.environ.get("CUDA_VISIBLE_DEVICES", "none")
        log.info("Slurm job %s on %s, CUDA_VISIBLE_DEVICES: %s", number, platform.node(), gpus)
    with errors_logged():
        yield load_study(snakemake.config, "config", checked=True)


def share_package() -> None:
    """Let jobs in environments of their own (``--sdm conda``) import this very package."""
    paths = [str(_PACKAGE.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
