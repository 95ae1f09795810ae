"""How a scan that does not fit into memory is gone through: in blocks, one read ahead."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Cut = tuple[int, slice, slice]  # first point, rows and columns of the scan


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Fetch the next item in a thread while the last one is used; None ends the items."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, items, None)
        while (item := following.result()) is not None:
            following = pool.submit(next, items, None)
            yield item


def scan_cuts(scan_shape: tuple[int, int], most: int, chunk: int) -> Iterator[Cut]:
    """Cut a scan into runs of at most `most` points.

    Whole rows if they fit, otherwise pieces of a row that end where chunks end.
    """
    rows, columns = scan_shape
    step = max(1, most // columns)
    width = columns if most >= columns else most // chunk * chunk or most
    for i in range(0, rows, step):
        for j in range(0, columns, width):
            yield i * columns + j, slice(i, i + step), slice(j, j + width)
