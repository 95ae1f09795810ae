"""What every script of the workflow does first: read the study, log, and fail in one sentence."""

import ast
import hashlib
import logging
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ptychobasis.config import Study, load_study
from ptychobasis.errors import StudyError

log = logging.getLogger(__name__)

_PACKAGE = Path(__file__).parent


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


def share_package() -> None:
    """Let jobs in environments of their own (``--sdm conda``) import this very package."""
    paths = [str(_PACKAGE.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)


def code_digest(module: str) -> str:
    """Digest of a module of this package and of all modules of the package that it imports.

    Snakemake reruns a rule when its script changes, not when what the script imports does;
    with this digest among a rule's parameters it does both. Modules that only read the
    configuration do not count, for its values are parameters of their own.
    """
    found: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = (_PACKAGE / f"{name}.py").read_bytes()
            for node in _imports(found[name]):
                waiting += _package_modules(node)
    whole = b"".join(found[name] for name in sorted(found))
    return hashlib.sha256(whole).hexdigest()[:16]


@cache  # every job asks for the digests of all rules, which share most of their modules
def _imports(source: bytes) -> list[ast.ImportFrom]:
    nodes = ast.walk(ast.parse(source))
    return [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]


def _package_modules(node: ast.ImportFrom) -> list[str]:
    """Modules of this package that one import statement names."""
    package, _, module = (node.module or "").partition(".")
    if package != "ptychobasis":
        return []
    names = [module] if module else [alias.name for alias in node.names]
    known = [name for name in names if (_PACKAGE / f"{name}.py").exists()]
    return [name for name in known if not name.startswith("config")]
