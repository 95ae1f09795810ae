"""Keys of the configuration: how reconstructions are compared."""

from ptychobasis.core.section import NonNegative, Positive, Section


class Evaluation(Section):
    """How reconstructions are compared."""

    reference: str
    """What all are compared with, as sweep/size."""
    band_per_angstrom: tuple[NonNegative, Positive]
    """Spatial frequencies from, to over which the Fourier shell correlation is averaged [1/Å]."""
    apodisation_angstrom: NonNegative = 2.0
    """Width of the soft edge of the compared area [Å]."""
