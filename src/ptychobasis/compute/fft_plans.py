"""FFT plans, measured once on a machine and then remembered.

FFTW runs up to four times faster with a plan that was measured than with one that was
estimated. But measuring ends differently from run to run, and so do the last bits of every
transform. What was measured is therefore kept in the user's cache, as FFTW's "wisdom". The
next process takes the same plans at once, and gives the same bits.
"""

import importlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_cache_path

from ptychobasis.core.logs import warn_once

log = logging.getLogger(__name__)

_UNKEPT = "FFT plans in %s cannot be locked or kept (%s); going on"


def _import_pyfftw() -> Any:
    """Import pyfftw without dask.

    Where dask is installed, pyfftw loads it for an interface that nothing here uses. That takes
    longer than all the rest of pyfftw.
    """
    if "dask" in sys.modules:
        return importlib.import_module("pyfftw")
    modules: dict[str, Any] = sys.modules
    modules["dask"] = None  # what Python takes for a package that is not there
    try:
        return importlib.import_module("pyfftw")
    finally:
        del modules["dask"]


pyfftw = _import_pyfftw()


@contextmanager
def remembered_plans() -> Iterator[None]:
    """Take the remembered plans for what is planned within; measure and keep new ones.

    One process does this at a time, so that jobs that start together agree on a plan. Where the
    user's cache cannot be locked or written, the work goes on and a line in the log says so.
    """
    path = user_cache_path("ptychobasis") / f"plans-{pyfftw.__version__}.json"
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(path.with_suffix(".lock"), fallback_to_soft=False))
        except OSError as error:  # a folder that cannot be written, or a disk without locks
            warn_once(log, _UNKEPT, path.parent, error)
        _recall(path)
        before = pyfftw.export_wisdom()
        yield
        if (after := pyfftw.export_wisdom()) != before:
            _keep(path, after)


def _recall(path: Path) -> None:
    """Let FFTW know the plans in a file."""
    try:
        text = path.read_text()
    except OSError:  # there are none yet, or none that this user may read
        return
    try:
        wisdom = tuple(part.encode() for part in json.loads(text))
    except (ValueError, AttributeError, TypeError):
        wisdom = ()
    if len(wisdom) != len(pyfftw.export_wisdom()) or not all(pyfftw.import_wisdom(wisdom)):
        log.warning("the FFT plans in %s are damaged; measuring them anew", path)


def _keep(path: Path, wisdom: tuple[bytes, ...]) -> None:
    """Replace the file of plans as a whole."""
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        try:
            temporary.write_text(json.dumps([part.decode() for part in wisdom]))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        warn_once(log, _UNKEPT, path.parent, error)
