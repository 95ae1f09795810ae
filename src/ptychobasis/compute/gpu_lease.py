"""No two jobs on one GPU: a lease that the kernel takes back when the job ends, however it ends.

Snakemake counts the resource ``gpu`` but never says which one; without this, every job on a
machine with several GPUs would compute on the first.
"""

import fcntl
import logging
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5


@contextmanager
def lease(names: Sequence[str], folder: Path, count: int = 1) -> Iterator[list[int]]:
    """Hold some of several devices; wait for them where too few are free.

    Each device is a file in `folder` that one process can lock at a time. The kernel unlocks
    it when the process ends, also when it is killed, so no lease outlives its job. One that
    wants several waits as long as others keep taking what is free.

    Args:
        names: of the devices, the same in every process.
        folder: for the files; on this machine, not on a disk that machines share.
        count: how many to hold, at most as many as there are.

    Yields:
        The indices in `names` of the devices held.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waited = False
    while True:
        with ExitStack() as files:
            held: list[int] = []
            for index, name in enumerate(names):
                if len(held) < count and _lock(files.enter_context((folder / name).open("a"))):
                    held.append(index)
            if len(held) == count:
                yield held
                return
        # too few are given back, so that no two jobs wait for each other's
        if not waited:
            log.info("waiting for %d of %d GPUs", count, len(names))
            waited = True
        time.sleep(_POLL_SECONDS * random.uniform(0.5, 1.5))


def _lock(file: IO[str]) -> bool:
    """Lock a file until it is closed, if no other process has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
