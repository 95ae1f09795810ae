"""One reconstruction by several processes, each on a device of its own.

Each process holds the whole object and works on its share of the scan positions of every batch.
torch.distributed sums the gradients (gloo on the CPU, nccl on GPUs). After that all processes take
the same step. `ptychobasis.reconstruction.task` starts them.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from ptychobasis.forward.multislice import Gradients


@dataclass(frozen=True)
class Team:
    """The processes that share a reconstruction; by default this one alone.

    Attributes:
        rank: Number of this process.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    def share(self, batch: NDArray[np.int64]) -> NDArray[np.int64]:
        """Indices of the positions of a batch that this process works on; may be none.

        Args:
            batch: Indices of all positions of the batch, ``(batch,)``.
        """
        return np.array_split(batch, self.size)[self.rank]

    def total(self, own: Gradients, weight: float) -> Gradients:
        """Weighted sum of the losses and gradients of all processes, with the same bits for all.

        Args:
            own: Loss and gradients of this process, overwritten.
            weight: Weight of this process.
        """
        parts = [torch.tensor(own.loss, dtype=torch.float64, device=own.phase.device)]
        parts += [own.phase] if own.probe is None else [own.phase, own.probe]
        for part in parts:
            dist.all_reduce(part.mul_(weight))
        return own._replace(loss=float(parts[0]))

    def sum(self, value: float, device: torch.device) -> float:
        """Sum of a number over all processes."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=device)
        dist.all_reduce(total)
        return float(total)

    def broadcast(self, value: Any, device: torch.device) -> Any:
        """Give every process the value of the first one."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, device=device)
        return values[0]


ALONE = Team()


@contextmanager
def process_group(rank: int, devices: list[str]) -> Iterator[tuple[Team, torch.device]]:
    """Belong to the processes that torchrun's launcher started.

    Args:
        rank: Number of this process.
        devices: Names of the devices, one for each process.

    Yields:
        The team and the device of this process.
    """
    device = torch.device(devices[rank])
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    yield Team(rank, len(devices)), device
    dist.destroy_process_group()  # after an error the launcher ends the others


def end_with(parent: int) -> None:
    """End this process when the one that started it is gone, also if that one was killed.

    Args:
        parent: Number of the process that started this one.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
