"""The log of a job, and errors in one sentence."""

import logging
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ptychobasis.core.errors import StudyError

log = logging.getLogger(__name__)

_warned: set[str] = set()


@contextmanager
def script_logged(snakemake: Any) -> Iterator[None]:
    """Run the body of a script of the workflow: log to the rule's file and to the screen.

    A `StudyError` ends the script with its sentence; any other error with its traceback in
    the log as well.
    """
    start_log("/".join((snakemake.rule, *snakemake.wildcards)), [*snakemake.log, None][0], "w")
    if "SLURM_JOB_ID" in os.environ:
        number, gpus = os.environ["SLURM_JOB_ID"], os.environ.get("CUDA_VISIBLE_DEVICES", "none")
        log.info("Slurm job %s on %s, CUDA_VISIBLE_DEVICES: %s", number, platform.node(), gpus)
    with errors_logged():
        yield


@contextmanager
def errors_logged() -> Iterator[None]:
    """End the process where the body fails, with what failed in the log."""
    try:
        yield
    except StudyError as error:
        log.error("error: %s", error)
        raise SystemExit(1) from error
    except Exception:
        log.exception("error")
        raise SystemExit(1) from None


def warn_once(logger: logging.Logger, message: str, *details: object) -> None:
    """Log a warning, but only the first one of its kind in this process.

    Args:
        logger: Logger of the module that warns.
        message: Text with the places of the details, by which warnings of one kind are known.
        details: Values that are put into the text.
    """
    if message not in _warned:
        _warned.add(message)
        logger.warning(message, *details)


def start_log(
    name: str, path: str | Path | None, mode: str = "a", level: int = logging.INFO
) -> None:
    """Log to a file and to the screen.

    Args:
        name: of the job, which begins each line.
        path: of the file; None leaves it out.
        mode: ``w`` begins the file anew, ``a`` goes on with it.
        level: of the least important lines that are kept.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if path is not None:
        Path(path).open(mode).close()
        handlers.append(logging.FileHandler(path, "a"))  # other processes may write to it too
    form = f"%(asctime)s {name}: %(message)s"
    logging.basicConfig(level=level, format=form, datefmt="%H:%M:%S", handlers=handlers, force=True)
    for noisy in ("matplotlib", "fontTools", "distributed", "numba", "torch"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
