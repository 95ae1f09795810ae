"""All bases by name.

To add a basis, write one function that takes a `Request` and returns a `Basis` (see
`ptychobasis.basis`; its neighbours are in `bases_detectors`, `bases_functions` and
`bases_data`), and register it in `BASES` (and in `SIZELESS` if it has but one size). Masks
need not be orthonormal, but none may follow from the others. Then
``python -m ptychobasis.config_docs`` tells the schema of the configuration; a line in
``config/README.md`` and a name in `ptychobasis.figures` tell people.
"""

from collections.abc import Callable

from ptychobasis import bases_data, bases_detectors, bases_functions
from ptychobasis.bases_detectors import dark_field
from ptychobasis.bases_functions import complete_zernike_orders, zernike_indices
from ptychobasis.basis import Basis, Request
from ptychobasis.errors import StudyError, nearest

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
    "pixels": bases_detectors.pixels,
    "bright-field": bases_detectors.bright_field,
    "binning": bases_detectors.binning,
    "annular": bases_detectors.annular,
    "segmented": bases_detectors.segmented,
    "moments": bases_detectors.moments,
    "zernike": bases_functions.zernike,
    "disc-harmonics": bases_functions.disc_harmonics,
    "hadamard": bases_functions.hadamard,
    "random": bases_functions.random,
    "svd": bases_data.svd,
    "file": bases_data.from_file,
}
SIZELESS = ("pixels", "bright-field", "file")


def build_basis(name: str, request: Request) -> Basis:
    """Build the basis registered as `name`."""
    if name not in BASES:
        raise StudyError(f"no basis '{name}'; allowed: {', '.join(BASES)}{nearest(name, BASES)}")
    return BASES[name](request)
