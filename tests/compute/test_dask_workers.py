"""Compression by the workers of a dask cluster: the same bits, also when one of them dies."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client, LocalCluster
from numpy.typing import NDArray
from shared import optics, random_dataset

from ptychobasis.bases import compress as compression
from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.compress import PatternReader, compress, leading_vectors
from ptychobasis.bases.quantise import Store
from ptychobasis.bases.registry import build_basis
from ptychobasis.compute import dask_workers as cluster
from ptychobasis.compute.dask_workers import mapped
from ptychobasis.core.errors import StudyError
from ptychobasis.data.dataset import Dataset, read_dataset

OPTICS = optics(defocus=8.0)
SCAN = (24, 11)
TINY = 4 * 11 * 26 * 4  # bytes of the rows of the disc, of four patterns


@pytest.fixture(scope="module")
def two() -> Iterator[LocalCluster]:
    """Two workers in processes of their own, with nannies that replace them when they die."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as found:
        yield found


@pytest.fixture
def workers(two: LocalCluster) -> LocalCluster:
    """The two, alive again after whatever another test did to them."""
    two.wait_for_workers(2)
    return two


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return random_dataset(tmp_path / "dataset.h5", OPTICS, SCAN)


def stored(dataset: Dataset, reader: PatternReader, name: str, store: Store = "float32") -> bytes:
    """The whole compressed file; singular vectors go through the blocks as well."""
    vectors = partial(leading_vectors, dataset, reader=reader)
    size = 0 if name == "pixels" else 6
    basis = build_basis(name, Request(OPTICS, size, vectors))
    path = dataset.path.with_name("compressed.h5")
    compress(dataset, basis, path, store=store, reader=reader)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "store"),
    [("zernike", "float32"), ("zernike", "int8"), ("svd", "float32"), ("pixels", "float32")],
)
def test_workers_give_the_same_bits(
    workers: LocalCluster,
    dataset: Dataset,
    name: str,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = stored(dataset, PatternReader(TINY), name, store)
    monkeypatch.chdir(dataset.path.parent)  # where workers are not
    there = read_dataset("dataset.h5")
    assert stored(there, PatternReader(TINY, workers.scheduler_address), name, store) == expected


def test_blocks_lie_in_memory_as_if_made_here(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the network leaves an array between two places of its type, numpy sums otherwise."""

    def sent(_: str, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            yield [moved(block) for block in work(item)]

    def moved(block: NDArray[np.float32]) -> NDArray[np.float32]:
        room = np.empty(block.nbytes + 64, np.uint8)
        start = -room.ctypes.data % 64 + 3
        found = room[start : start + block.nbytes].view(np.float32).reshape(block.shape[::-1]).T
        found[:] = block
        assert not found.flags.aligned
        return found

    monkeypatch.setattr(compression, "mapped", sent)
    disc = Basis("pixels", OPTICS.bright_field())
    here = list(PatternReader(TINY).coefficients(dataset, disc))
    there = list(PatternReader(TINY, "tcp://mocked:1").coefficients(dataset, disc))
    assert len(here) == 72
    for mine, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(other, mine)
        assert (other.strides, other.flags.aligned) == (mine.strides, True)


class Deadly(PatternReader):
    """Kills a worker in the middle of the work, one that holds what was not fetched yet."""

    def coefficients(self, dataset: Dataset, basis: Basis) -> Iterator[NDArray[np.float32]]:
        assert self.scheduler is not None
        with Client(self.scheduler, set_as_default=False) as watch:
            pids = watch.run(os.getpid)
            for number, block in enumerate(super().coefficients(dataset, basis)):
                if number == 20:
                    victim = ""
                    while not victim:  # the masks are one thing that a worker holds
                        held = watch.has_what()
                        victim = next((each for each in pids if len(held[each]) > 1), "")
                    os.kill(pids[victim], signal.SIGKILL)
                yield block
            assert pids[victim] not in watch.run(os.getpid).values()


@pytest.mark.slow
def test_a_worker_that_is_killed_changes_nothing(workers: LocalCluster, dataset: Dataset) -> None:
    expected = stored(dataset, PatternReader(TINY), "zernike")
    assert len(dataset.cuts(TINY)) > 100  # of which workers get 16 at a time
    assert stored(dataset, Deadly(TINY, workers.scheduler_address), "zernike") == expected


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense"])
def test_a_scheduler_that_does_not_answer(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(cluster, "_PATIENCE", 0.5)
    with pytest.raises(StudyError, match=rf"^compression\.dask_scheduler is '{address}'.*allowed"):
        stored(dataset, PatternReader(scheduler=address), "zernike")
    assert list(dataset.path.parent.iterdir()) == [dataset.path]


@pytest.mark.slow
def test_a_worker_that_does_not_find_the_file(
    workers: LocalCluster, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = dataset.cuts(TINY)
    monkeypatch.setattr(Dataset, "cuts", lambda *_: cuts)
    dataset.path.unlink()
    told = r"worker.*dask_scheduler.*dataset\.h5: there is no such file.*file system that all share"
    with pytest.raises(StudyError, match=told):
        stored(dataset, PatternReader(TINY, workers.scheduler_address), "zernike")
    assert list(dataset.path.parent.iterdir()) == []


@pytest.mark.slow
def test_workers_that_all_die(workers: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.scheduler, "allowed_failures", 0)
    told = r"dask_scheduler is 'tcp.*did not do the work.*allowed: a cluster that lives on"
    with pytest.raises(StudyError, match=told):
        list(mapped(workers.scheduler_address, os._exit, [1]))


@pytest.mark.slow
def test_workers_without_the_package(
    workers: LocalCluster, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_NEEDED", "no_such_package")
    with pytest.raises(StudyError, match=r"whose worker tcp\S+ lacks.*'no_such_package'.*allowed"):
        stored(dataset, PatternReader(TINY, workers.scheduler_address), "zernike")
    assert list(dataset.path.parent.iterdir()) == [dataset.path]
