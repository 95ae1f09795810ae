"""One reconstruction by several processes, each on a device of its own.

Each process holds the whole object and works on its share of the scan positions of every batch;
torch.distributed sums the gradients (gloo on the CPU, nccl on GPUs), after which all take the same
step. `ptychobasis.reconstruction.job` starts them.
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

from ptychobasis.forward.multislice import Slope


@dataclass(frozen=True)
class Team:
    """The processes that share a reconstruction; by default this one alone.

    Attributes:
        rank: number of this process.
        size: of the team.
    """

    rank: int = 0
    size: int = 1

    def share(self, batch: NDArray[np.int64]) -> NDArray[np.int64]:
        """The positions of a batch that are this process's; none if there are too few."""
        return np.array_split(batch, self.size)[self.rank]

    def total(self, slope: Slope, weight: float) -> Slope:
        """The sum of the slopes of all, each times its own weight; the same bits for all."""
        parts = [torch.tensor(slope.loss, dtype=torch.float64, device=slope.phase.device)]
        parts += [slope.phase] if slope.probe is None else [slope.phase, slope.probe]
        for part in parts:
            dist.all_reduce(part.mul_(weight))
        return slope._replace(loss=float(parts[0]))

    def sum(self, value: float, device: torch.device) -> float:
        """The sum of a number over all."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=device)
        dist.all_reduce(total)
        return float(total)

    def told(self, value: Any, device: torch.device) -> Any:
        """What the first process has, in each of them."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, device=device)
        return values[0]


ALONE = Team()


@contextmanager
def joined(rank: int, devices: list[str]) -> Iterator[tuple[Team, torch.device]]:
    """Be one of the processes that torchrun's launcher started, on the device of its rank."""
    device = torch.device(devices[rank])
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    yield Team(rank, len(devices)), device
    dist.destroy_process_group()  # after an error the launcher ends the others


def end_with(parent: int) -> None:
    """End this process when the one that started it is gone, also if that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
