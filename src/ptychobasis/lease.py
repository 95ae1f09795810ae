"""One job per GPU: a lease that the kernel takes back when the job ends, however it ends.

Snakemake counts the resource ``gpu`` but never says which one; without this, every job on a
machine with several GPUs would compute on the first.
"""

import fcntl
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5


@contextmanager
def lease(names: Sequence[str], folder: Path) -> Iterator[int]:
    """Hold one of several devices; wait for one where all are taken.

    Each device is a file in `folder` that one process can lock at a time. The kernel unlocks
    it when the process ends, also when it is killed, so no lease outlives its job.

    Args:
        names: of the devices, the same in every process.
        folder: for the files; on this machine, not on a disk that machines share.

    Yields:
        The index in `names` of the device held.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waited = False
    while True:
        for index, name in enumerate(names):
            with (folder / name).open("a") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield index
                return
        if not waited:
            log.info("waiting for one of %d GPUs", len(names))
            waited = True
        time.sleep(_POLL_SECONDS)
