"""A lease of GPUs, so that no two jobs compute on one.

Snakemake counts the resource ``gpu`` but never says which one. Without a lease, every job on a
machine with several GPUs would compute on the first.
"""

import logging
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ptychobasis.core.logs import warn_once

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_UNLEASED = "GPUs cannot be leased in %s (%s); going on, on any of them"


@contextmanager
def lease(names: Sequence[str], folder: Path, count: int = 1) -> Iterator[list[int]]:
    """Hold some of several devices; wait while too few are free.

    Each device is a file in `folder` that one process can lock at a time. The kernel unlocks
    it when the process ends, also when it is killed, so no lease outlives its job. A job that
    wants several devices waits as long as others keep taking what is free. Where files cannot
    be locked, devices are chosen at random and a line in the log says so.

    Args:
        names: Names of the devices, the same in every process.
        folder: Folder of the files; on this machine, not on a disk that machines share.
        count: Number of devices to hold, at most as many as there are.

    Yields:
        The indices in `names` of the devices held.
    """
    waited = False
    while True:
        with ExitStack() as locks:
            try:
                held = _hold(names, folder, count, locks)
            except OSError as error:
                warn_once(log, _UNLEASED, folder, error)
                held = sorted(random.sample(range(len(names)), count))
            if len(held) == count:
                yield held
                return
        # too few are given back, so that no two jobs wait for each other's
        if not waited:
            log.info("waiting for %d of %d GPUs", count, len(names))
            waited = True
        time.sleep(_POLL_SECONDS * random.uniform(0.5, 1.5))


def _hold(names: Sequence[str], folder: Path, count: int, locks: ExitStack) -> list[int]:
    """Lock the first free devices, up to `count`; return their indices."""
    folder.mkdir(parents=True, exist_ok=True)
    held: list[int] = []
    for index, name in enumerate(names):
        if len(held) == count:
            break
        # the soft lock that would replace a missing one outlives a job that is killed
        lock = FileLock(folder / name, blocking=False, fallback_to_soft=False)
        try:
            locks.enter_context(lock)
        except Timeout:
            continue
        held.append(index)
    return held
