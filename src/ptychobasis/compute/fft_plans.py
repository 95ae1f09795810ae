"""FFT plans, measured once on a machine and then remembered.

FFTW runs up to four times faster with a plan that was measured than with one that was
estimated, but measuring ends differently from run to run, and so do the last bits of every
transform. What was measured is therefore kept in the user's cache, as FFTW's "wisdom": the
next process takes the same plans, at once, and gives the same bits.
"""

import fcntl
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyfftw
from platformdirs import user_cache_path

log = logging.getLogger(__name__)


@contextmanager
def remembered_plans() -> Iterator[None]:
    """Make plans within: those remembered are taken, new ones are measured and kept.

    One process at a time, so that jobs that start together agree on a plan. Where the cache
    cannot be written, plans are measured anew and a line in the log says so.
    """
    path = user_cache_path("ptychobasis") / f"plans-{pyfftw.__version__}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("w")
    except OSError as error:
        log.warning("FFT plans cannot be remembered in %s (%s); going on", path.parent, error)
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _recall(path)
        before = pyfftw.export_wisdom()
        yield
        if (after := pyfftw.export_wisdom()) != before:
            _keep(path, after)


def _recall(path: Path) -> None:
    if not path.exists():
        return
    try:
        wisdom = tuple(text.encode() for text in json.loads(path.read_text()))
    except (OSError, ValueError, AttributeError, TypeError):
        wisdom = ()
    if len(wisdom) != len(pyfftw.export_wisdom()) or not all(pyfftw.import_wisdom(wisdom)):
        log.warning("the FFT plans in %s are damaged; measuring them anew", path)


def _keep(path: Path, wisdom: tuple[bytes, ...]) -> None:
    """Replace the file as a whole; the lock keeps others out."""
    temporary = path.with_suffix(".new")
    try:
        temporary.write_text(json.dumps([part.decode() for part in wisdom]))
        temporary.replace(path)
    except OSError as error:
        log.warning("FFT plans were not kept in %s (%s); going on", path, error)
