"""Work of the workers of a dask cluster: results in order, only a few of them at a time."""

import logging
import operator
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ptychobasis.core.errors import StudyError

if TYPE_CHECKING:  # takes a second to import
    from distributed import Client

log = logging.getLogger(__name__)

Result = TypeVar("Result")
KEY = "compression.dask_scheduler"
_PATIENCE = 10.0  # for an answer of the scheduler [s]
_NEEDED = "ptychobasis.bases.compress"  # by the workers
_AHEAD = 3  # items that are given out for each thread of the workers


def mapped(address: str, work: Callable[[Any], Result], items: Iterable[Any]) -> Iterator[Result]:
    """Apply `work` to each of `items` on the workers of a dask cluster.

    If a worker dies, dask lets another do its part again.

    Args:
        address: Address of the scheduler.
        work: Function of one item; it is sent to the workers once.
        items: Arguments of the function; they are sent as they are needed.

    Yields:
        The results, in the order of `items`.

    Raises:
        StudyError: No scheduler answers, or the workers cannot do the work.
    """
    from distributed import KilledWorker  # noqa: PLC0415  (takes a second)

    with _connected(address) as client:
        try:
            yield from _in_order(client, work, items)
        except StudyError as error:
            raise StudyError(
                f"a worker of the dask cluster of {KEY} = '{address}': {error}; every worker has "
                "to find the data set under this path, on a file system that all share"
            ) from error
        except (KilledWorker, CancelledError, OSError) as error:
            raise StudyError(
                f"{KEY} is '{address}', whose workers did not do the work ({error}); allowed: a "
                "cluster that lives on, with enough memory"
            ) from error


def _in_order(
    client: "Client", work: Callable[[Any], Result], items: Iterable[Any]
) -> Iterator[Result]:
    # a result like any other: a worker that comes later, or in place of one that died, gets it too
    shared = client.submit(partial, work, pure=False)
    waiting: deque[Any] = deque()
    for item in items:
        waiting.append(client.submit(operator.call, shared, item, pure=False))
        if len(waiting) >= _AHEAD * max(1, sum(client.nthreads().values())):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _connected(address: str) -> "Client":
    from distributed import Client  # noqa: PLC0415

    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise StudyError(
            f"{KEY} is '{address}', where no dask scheduler answers ({error}); allowed: the "
            "address of one that runs, such as tcp://10.0.0.1:8786, or null"
        ) from error
    # dask would start a worker that lacks a module again and again
    answers = client.run(exec, f"import {_NEEDED}", on_error="return")
    log.info("%d dask workers at %s%s", len(answers), address, "" if answers else ", waiting")
    for worker, answer in answers.items():
        if isinstance(answer, ImportError):
            client.close()
            raise StudyError(
                f"{KEY} is '{address}', whose worker {worker} lacks what it needs ({answer}); "
                "allowed: workers with ptychobasis installed"
            )
    return client
