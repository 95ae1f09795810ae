"""A reader in a process of its own, with limits of time and memory."""

import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ptychobasis.core.errors import StudyError

MOST_SECONDS = 20
MOST_BYTES = 2 * 2**30
_LONGEST = 1500  # characters of a sentence


class Outcome(NamedTuple):
    """What became of an input.

    Attributes:
        kind: ``accepted`` and ``refused`` are right; ``crash``, ``hang`` and ``wrong`` are not.
        text: The sentence, or what went wrong.
    """

    kind: str
    text: str = ""


def watched(work: Callable[[], str]) -> Outcome:
    """Do some work in a fork of this process.

    Args:
        work: Returns what is wrong with its result, empty where nothing is.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(MOST_SECONDS)
        _limit_memory()
        os.write(writer, json.dumps(_outcome(work)).encode()[:60_000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _, status, used = os.wait4(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGALRM:
            return Outcome("hang", f"more than {MOST_SECONDS} s")
        return Outcome("crash", f"ended by {signal.Signals(number).name}")
    if used.ru_maxrss * 1024 > MOST_BYTES:
        return Outcome("crash", f"{used.ru_maxrss / 2**20:.1f} GB of memory")
    return Outcome(*json.loads(said))


def _outcome(work: Callable[[], str]) -> Outcome:
    try:
        with Path(os.devnull).open("w") as nowhere:
            sys.stdout = sys.stderr = nowhere  # ASE's readers print
            wrong = work()
    except StudyError as error:
        text = str(error)
        plain = text.isprintable() and len(text) < _LONGEST
        return Outcome("refused", text) if plain else Outcome("wrong", f"no sentence: {text!r}")
    except BaseException:
        return Outcome("crash", traceback.format_exc()[-3000:])
    return Outcome("wrong", wrong) if wrong else Outcome("accepted")


def _limit_memory() -> None:
    """Let this process have `MOST_BYTES` more than it has; not everywhere is that known."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return
    most = pages * os.sysconf("SC_PAGE_SIZE") + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
