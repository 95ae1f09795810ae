"""One reconstruction as a task: from a compressed file to a file of its result.

On several devices several processes share it. torchrun's launcher then starts this module once for
each of them, on one machine.
"""

import json
import logging
import os
import sys
import uuid
from pathlib import Path

import torch
from pydantic import BaseModel

from ptychobasis.bases.compressed_file import read_compressed
from ptychobasis.core.errors import StudyError
from ptychobasis.core.logs import errors_logged, start_log
from ptychobasis.reconstruction.checkpoint import Checkpoint, fingerprint
from ptychobasis.reconstruction.processes import ALONE, Team, end_with, process_group
from ptychobasis.reconstruction.result_file import write_reconstruction
from ptychobasis.reconstruction.run import reconstruct
from ptychobasis.reconstruction.settings import ReconstructionSettings

log = logging.getLogger(__name__)


class ReconstructionTask(BaseModel):
    """Inputs of a reconstruction, and where its result goes.

    Attributes:
        compressed: File of the numbers that were stored.
        output: File of the result.
        settings: Keys of the configuration.
        seed: Seed of the start and of the order of the positions.
        checkpoint: File for the state of an interrupted run; removed at the end.
        code: Digest of the code, which a checkpoint must share.
        threads: Number of threads of the CPU, for all processes together.
        name: Name of the job, which begins each line of the log.
        log: File of the log.
    """

    compressed: Path
    output: Path
    settings: ReconstructionSettings
    seed: int
    checkpoint: Path
    code: str
    threads: int = 1
    name: str = "reconstruct"
    log: Path | None = None

    def run(self, devices: list[torch.device]) -> None:
        """Reconstruct on one device, or on several, each with a process of its own.

        Args:
            devices: Device of each process.

        Raises:
            StudyError: The reconstruction diverges, settings and data do not go together, or
                a process failed; its message is in the log.
        """
        if len(devices) == 1:
            self.work(devices[0])
            return
        log.info("%d processes share the scan positions", len(devices))
        if devices[0].type == "cpu" and self.threads < len(devices):
            log.warning("they have %d threads; allowed: one for each, or more", self.threads)
        names = json.dumps(list(map(str, devices)))
        _launch(len(devices), [str(os.getpid()), names, self.model_dump_json()])

    def work(self, device: torch.device, team: Team = ALONE) -> None:
        """Do the share of this process; the first of the team writes the result.

        Args:
            device: Device that computes.
            team: Processes that share the work.
        """
        torch.set_num_threads(max(1, self.threads // team.size))
        data = read_compressed(self.compressed)
        about = self.settings.model_dump(mode="json", exclude={"checkpoint_seconds"})
        mark = {"settings": about, "seed": self.seed, "code": self.code, "device": device.type}
        mark |= {"optics": repr(data.optics), "basis": data.basis.name}
        known = (data.scattering, data.bad_pixels)
        kept = Checkpoint(
            self.checkpoint,
            fingerprint(
                mark,
                data.coefficients,
                data.positions,
                data.basis.support,
                *(each for each in known if each is not None),
            ),
            self.settings.checkpoint_seconds,
        )
        result = reconstruct(data, self.settings, self.seed, device, kept, team=team)
        if team.rank == 0:
            write_reconstruction(self.output, result)
            kept.remove()


def _launch(count: int, arguments: list[str]) -> None:
    """Start this module in several processes and wait for all of them.

    Args:
        count: Number of processes.
        arguments: Arguments of `main`.
    """
    # these imports take seconds, which one process alone need not spend
    from torch.distributed.elastic.multiprocessing.errors import (  # noqa: PLC0415
        ChildFailedError,
    )
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch  # noqa: PLC0415

    settings = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        run_id=uuid.uuid4().hex,
        max_restarts=0,
    )
    try:
        launch = elastic_launch(settings, sys.executable)
        launch("-m", "ptychobasis.reconstruction.task", *arguments)
    except ChildFailedError as error:
        first = error.get_first_failure()[0]
        raise StudyError(f"process {first} of {count} failed, see above") from None


def main(parent: str, devices: str, task: str) -> None:
    """Work as one of several processes; errors go to the log of the task.

    Args:
        parent: Number of the process that started them.
        devices: Names of the devices, one for each process, as a JSON list.
        task: The task as JSON.
    """
    end_with(int(parent))
    todo, names = ReconstructionTask.model_validate_json(task), json.loads(devices)
    rank = int(os.environ["RANK"])
    level = logging.WARNING if rank else logging.INFO  # the first one tells how it goes
    start_log(f"{todo.name} [process {rank}]" if rank else todo.name, todo.log, level=level)
    with errors_logged(), process_group(rank, names) as (team, device):
        todo.work(device, team)


if __name__ == "__main__":
    main(*sys.argv[1:])
