"""A Slurm of one node on this machine, with fake GPUs, for as long as a test runs.

No systemd, no cgroups and no GPU are needed, and no root but for the installation: the node
advertises CPUs, memory and GPUs whatever the machine has. Memory and time limits are
enforced. All daemons are children of this process, which stops them in the end; should it be
killed, the kernel stops them.
"""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

GPUS, CPUS, MEMORY_MB = 5, 5, 16000
PACKAGES = ("munge", "slurm-client", "slurmctld", "slurmd")
COMMANDS = ("munged", "slurmctld", "slurmd", "sbatch", "setpriv")
ETC = Path("/etc/slurm")  # the only place: steps of Snakemake's jobs drop SLURM_CONF
MARK = "# written by the tests of ptychobasis"
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"

SLURM = """{mark}
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
# no cgroups, and more than the machine has
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
# look at the memory of each job every second and kill what takes more than it asked for
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
# quick, and with a memory for jobs that are over
SchedulerParameters=batch_sched_delay=0,sched_min_interval=10000,bf_interval=2
KillWait=1
MinJobAge=3600
ReturnToService=2
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=300 State=UP
PartitionName=gpu Nodes={host} MaxTime=300 State=UP
"""


def why_not() -> str | None:
    """Why this machine cannot run the cluster, after an attempt to install what is missing."""
    conf = ETC / "slurm.conf"
    if conf.is_file() and MARK not in conf.read_text():
        return f"{conf} is that of a real cluster"
    if _missing() and os.geteuid() == 0 and shutil.which("apt-get"):
        _install()
    if _missing():
        return f"{', '.join(_missing())} missing: as root, apt-get install {' '.join(PACKAGES)}"
    if not os.access(ETC, os.W_OK):
        return f"{ETC} must be writable"
    try:
        socket.gethostbyname(_host())
    except OSError:
        return f"/etc/hosts does not know this machine, {_host()}"
    return None


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Start the daemons, wait until the node is idle, and stop them in the end.

    Args:
        folder: for state and logs.
    """
    folder.chmod(0o700)
    daemons: list[subprocess.Popen[bytes]] = []
    links = [ETC / name for name in ("slurm.conf", "gres.conf")]
    _configure(folder)
    try:
        for link in links:
            link.unlink(missing_ok=True)
            link.symlink_to(folder / link.name)
        munge = ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket"]
        munge += [f"--key-file={folder}/munge.key", f"--pid-file={folder}/munged.pid"]
        munge += [f"--seed-file={folder}/munge.seed"]
        daemons.append(_start(folder, munge))
        _wait(10, (folder / "munge.socket").is_socket, folder)
        daemons.append(_start(folder, ["slurmctld", "-D"]))
        _wait(30, lambda: "UP" in output("scontrol", "ping"), folder)
        daemons.append(_start(folder, ["slurmd", "-D"]))
        _wait(30, lambda: "idle" in output("sinfo", "--noheader", "--format=%T"), folder)
        yield
    finally:
        _stop(daemons)
        _kill_leftovers(folder)
        for link in links:
            link.unlink(missing_ok=True)


def output(*command: str) -> str:
    """What a command prints; Slurm's fail while its daemons start."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def jobs() -> list[dict[str, str]]:
    """All jobs since the start, as Slurm tells them, the oldest first."""
    lines = output("scontrol", "--details", "--oneliner", "show", "job").splitlines()
    found = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines if line.startswith("JobId")]
    return sorted(found, key=lambda job: int(job["JobId"]))


def queued() -> list[str]:
    """Numbers of the jobs that wait, run or end."""
    return output("squeue", "--noheader", "--format=%i").split()


def _missing() -> list[str]:
    return [name for name in COMMANDS if not shutil.which(name, path=PATH)]


def _install() -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        command = ["apt-get", "-qq", *words]
        subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL)


def _host() -> str:
    return socket.gethostname().split(".")[0]


def _configure(folder: Path) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    controller, node = _free_ports()
    values = {
        "mark": MARK, "host": _host(), "user": pwd.getpwuid(os.geteuid()).pw_name,
        "folder": folder, "controller": controller, "node": node,
        "cpus": CPUS, "memory": MEMORY_MB, "gpus": GPUS,
    }  # fmt: skip
    (folder / "slurm.conf").write_text(SLURM.format(**values))
    for index in range(GPUS):  # Slurm sets CUDA_VISIBLE_DEVICES for character devices only
        (folder / f"gpu{index}").symlink_to("/dev/null")
    gpus = f"NodeName={_host()} Name=gpu File={folder}/gpu[0-{GPUS - 1}]\n"
    (folder / "gres.conf").write_text(gpus)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _start(folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    """Start a daemon that dies with this process and does not hear its Ctrl-C."""
    with (folder / f"{command[0]}.log").open("wb") as log:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "PATH": PATH},
        )  # fmt: skip


def _stop(daemons: list[subprocess.Popen[bytes]]) -> None:
    """Cancel what runs, then stop the daemons, the last one first."""
    if len(daemons) == 3:
        output("scancel", "--signal=KILL", "--full", "--me")
        output("scancel", "--me")
        deadline = time.monotonic() + 20
        while queued() and time.monotonic() < deadline:
            time.sleep(0.2)
    for daemon in reversed(daemons):
        daemon.terminate()
        try:
            daemon.wait(15)
        except subprocess.TimeoutExpired:
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()


def _kill_leftovers(folder: Path) -> None:
    """Kill what jobs left, as control groups do on a real cluster.

    Snakemake can block itself where a job is cancelled in the moment that it ends: its handler
    of the signal waits for a lock that it holds.
    """
    for process in psutil.process_iter():
        try:
            submitted = Path(process.environ().get("SLURM_SUBMIT_DIR", "/"))
            if submitted.is_relative_to(folder.parent):  # where all tests of this run have folders
                process.kill()
        except psutil.Error:
            continue  # it ended, or is not ours


def _wait(seconds: float, ready: Callable[[], bool], folder: Path) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            logs = [f"{log}: {log.read_text()[-2000:]}" for log in sorted(folder.glob("*.log"))]
            raise TimeoutError("Slurm did not start\n" + "\n".join(logs))
        time.sleep(0.1)
