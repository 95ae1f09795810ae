"""All bases by name.

To add a basis, write one function that takes a `Request` and returns a `Basis` (see
`ptychobasis.bases.basis`; its neighbours are in `detectors`, `disc_functions` and
`from_data`), and register it in `BASES` (and in `SIZELESS` if it has but one size). Masks
need not be orthonormal, but none may follow from the others. Then
``python -m ptychobasis.study.key_reference`` tells the schema of the configuration; a line in
``config/README.md`` and a name in `ptychobasis.report.figures.style` tell people.
"""

from collections.abc import Callable

from ptychobasis.bases import detectors, disc_functions, from_data
from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.detectors import dark_field
from ptychobasis.bases.disc_functions import complete_zernike_orders, zernike_indices
from ptychobasis.core.errors import StudyError, nearest

__all__ = [
    "BASES",
    "SIZELESS",
    "Basis",
    "Request",
    "build_basis",
    "complete_zernike_orders",
    "dark_field",
    "zernike_indices",
]

BASES: dict[str, Callable[[Request], Basis]] = {
    "pixels": detectors.pixels,
    "bright-field": detectors.bright_field,
    "binning": detectors.binning,
    "annular": detectors.annular,
    "segmented": detectors.segmented,
    "moments": detectors.moments,
    "zernike": disc_functions.zernike,
    "disc-harmonics": disc_functions.disc_harmonics,
    "hadamard": disc_functions.hadamard,
    "random": disc_functions.random,
    "svd": from_data.svd,
    "file": from_data.from_file,
}
SIZELESS = ("pixels", "bright-field", "file")


def build_basis(name: str, request: Request) -> Basis:
    """Build the basis registered as `name`."""
    if name not in BASES:
        raise StudyError(f"no basis '{name}'; allowed: {', '.join(BASES)}{nearest(name, BASES)}")
    return BASES[name](request)
