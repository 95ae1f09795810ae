"""The device of a job: the CPU, or one of the GPUs."""

import logging
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ptychobasis.compute.gpu_lease import lease
from ptychobasis.core.errors import StudyError

log = logging.getLogger(__name__)


def choose_device(name: str, gpus: int | None = None) -> torch.device:
    """Find the device with a name of the configuration.

    Args:
        name: ``auto``, ``cpu`` or ``cuda``; ``auto`` takes a GPU where there is one.
        gpus: Number of GPUs that the scheduler granted; 0 sends ``auto`` to the CPU.

    Raises:
        StudyError: ``cuda`` is asked for and there is no GPU.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise StudyError("device 'cuda' is not there; allowed on this machine: auto, cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() and gpus != 0 else "cpu"
        if name == "cpu" and gpus and "SLURM_JOB_ID" in os.environ:
            log.warning("Slurm granted a GPU, but torch sees none; computing on the CPU")
    return torch.device(name)


@contextmanager
def leased(device: torch.device, count: int = 1) -> Iterator[list[torch.device]]:
    """Choose GPUs that no other job of this user computes on; the CPU needs no choice.

    A Slurm job that sees no more GPUs than it asks for takes these: Slurm has chosen.

    Args:
        device: The CPU, any GPU, or a certain GPU.
        count: Number of processes that will compute, each on a GPU of its own.

    Yields:
        A device for each process.

    Raises:
        StudyError: There are fewer GPUs.
    """
    if device.type != "cuda" or device.index is not None:
        yield [device] * count
        return
    there = torch.cuda.device_count()
    if there < count:
        raise StudyError(
            f"resource 'gpu' of rule 'reconstruct' is {count}, but this job sees {there} GPUs on "
            f"{platform.node()}; allowed: at most as many, in 'set-resources' of the profile"
        )
    if "SLURM_JOB_ID" in os.environ and there == count:
        yield [torch.device("cuda", index) for index in range(count)]
        return
    names = [str(torch.cuda.get_device_properties(index).uuid) for index in range(there)]
    user = os.getuid() if hasattr(os, "getuid") else ""  # folders of Windows are the user's own
    folder = Path(tempfile.gettempdir()) / f"ptychobasis-gpus-{user}"
    with lease(names, folder, count) as held:
        log.info("ours of %d GPUs: %s", there, ", ".join(map(str, held)))
        yield [torch.device("cuda", index) for index in held]
