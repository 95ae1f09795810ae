"""The kinds of bases: how a basis is built, and what a study must know of it beforehand."""

from collections.abc import Callable
from dataclasses import dataclass

from ptychobasis.bases.basis import Basis, Request


def as_asked(request: Request) -> float:
    """As many numbers as the sweep asks for."""
    return request.size


@dataclass(frozen=True)
class BasisKind:
    """A kind of basis.

    Attributes:
        build: Function that makes the basis from a request.
        title: Its name in figures.
        sized: Whether a sweep asks for sizes.
        needs_patterns: Whether the masks are made from the patterns of a data set. Then a study
            cannot build it before there are patterns, and there are at most as many masks as
            pixels of the bright-field disc, or as patterns.
        needs_masks_file: Whether the masks come from a file.
        stores_pixels: Whether each mask is one pixel. Such numbers are never negative, so the loss
            may be ``amplitude``; and pixels outside of a smaller model are left out.
        count: Function that tells about how many numbers are stored of a pattern, for what a job
            asks of memory and time.
        complete_sizes: Function that tells the sizes up to a limit that end a complete order; None
            where every size will do.
    """

    build: Callable[[Request], Basis]
    title: str
    sized: bool = True
    needs_patterns: bool = False
    needs_masks_file: bool = False
    stores_pixels: bool = False
    count: Callable[[Request], float] = as_asked
    complete_sizes: Callable[[int], list[int]] | None = None
