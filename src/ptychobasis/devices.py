"""Where a job computes: on the CPU, or on which GPU."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ptychobasis.errors import StudyError
from ptychobasis.lease import lease

log = logging.getLogger(__name__)


def choose_device(name: str, gpus: int | None = None) -> torch.device:
    """The device called ``auto``, ``cpu`` or ``cuda``.

    Args:
        name: ``auto`` takes a GPU where there is one.
        gpus: how many GPUs the scheduler granted; 0 sends ``auto`` to the CPU.

    Raises:
        StudyError: ``cuda`` is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise StudyError("device 'cuda' is not there; allowed on this machine: auto, cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() and gpus != 0 else "cpu"
    return torch.device(name)


@contextmanager
def leased(device: torch.device) -> Iterator[torch.device]:
    """Turn "a GPU" into one that no other job of this user computes on; leave the CPU alone.

    In a Slurm job that sees a single GPU there is nothing to choose: Slurm has chosen.
    """
    if device.type != "cuda" or device.index is not None or _is_granted():
        yield device
        return
    count = torch.cuda.device_count()
    names = [str(torch.cuda.get_device_properties(index).uuid) for index in range(count)]
    folder = Path(tempfile.gettempdir()) / f"ptychobasis-gpus-{os.getuid()}"
    with lease(names, folder) as index:
        log.info("GPU %d of %d is ours", index, count)
        yield torch.device("cuda", index)


def _is_granted() -> bool:
    return "SLURM_JOB_ID" in os.environ and torch.cuda.device_count() == 1
