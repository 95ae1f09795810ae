"""All bases by name.

To add a basis:

1. Write one function that takes a `Request` and returns a `Basis` (see `ptychobasis.bases.basis`),
   in a module of `ptychobasis.bases`: its neighbours are in `detectors`, `disc_functions` and
   `from_data`. It may raise `StudyError` for what it cannot do. Masks need not be orthonormal, but
   none may follow from the others: `build_basis` makes them orthonormal.
2. Name it in `BASES`: one entry, with the title that figures show, and what
   `ptychobasis.bases.kind.BasisKind` says beside.

Sweeps, checks, resources and figures then know it. ``python -m ptychobasis.study.key_reference``
writes the schema of the configuration anew, for editors.

`BASES` is a plain table: `ptychobasis.study.code_digest` reads it as text, so that jobs run again
for changes of the entries that they use, and for no others. Name functions as ``module.function``.
"""

from collections.abc import Callable
from dataclasses import replace

from ptychobasis.bases import detectors, disc_functions, from_data
from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.kind import BasisKind
from ptychobasis.bases.orthonormal import orthonormal
from ptychobasis.core.errors import StudyError, nearest

BASES: dict[str, BasisKind] = {
    "pixels": BasisKind(
        detectors.pixels,
        "all pixels",
        sized=False,
        stores_pixels=True,
        count=detectors.count_pixels,
    ),
    "bright-field": BasisKind(
        detectors.bright_field,
        "bright-field pixels",
        sized=False,
        stores_pixels=True,
        count=detectors.count_bright_field,
    ),
    "binning": BasisKind(detectors.binning, "binning", count=detectors.count_bins),
    "annular": BasisKind(detectors.annular, "rings"),
    "segmented": BasisKind(detectors.segmented, "segments"),
    "moments": BasisKind(detectors.moments, "moments and rings"),
    "zernike": BasisKind(
        disc_functions.zernike, "Zernike", complete_sizes=disc_functions.complete_zernike_orders
    ),
    "disc-harmonics": BasisKind(disc_functions.disc_harmonics, "disc harmonics"),
    "hadamard": BasisKind(disc_functions.hadamard, "Walsh–Hadamard"),
    "random": BasisKind(disc_functions.random, "random signs"),
    "svd": BasisKind(from_data.svd, "SVD", needs_patterns=True),
    "file": BasisKind(
        from_data.from_file,
        "own masks",
        sized=False,
        needs_masks_file=True,
        count=from_data.count_masks,
    ),
}


def build_basis(name: str, request: Request) -> Basis:
    """Build the basis registered as `name`, of orthonormal masks.

    Raises:
        StudyError: There is no such basis, or it cannot be made from this request.
    """
    if name not in BASES:
        raise StudyError(f"no basis '{name}'; allowed: {', '.join(BASES)}{nearest(name, BASES)}")
    found = BASES[name].build(request)
    taken = {text.lower() for other, kind in BASES.items() for text in (other, kind.title)}
    if BASES[name].needs_masks_file and found.name.lower() in taken:  # svd.npy is no SVD
        found = replace(found, name=f"own {found.name}")
    return orthonormal(found, str(request.masks_file or f"basis '{name}'"))


def named(has: Callable[[BasisKind], object]) -> list[str]:
    """Names of the bases whose kind has a property."""
    return [name for name, kind in BASES.items() if has(kind)]
