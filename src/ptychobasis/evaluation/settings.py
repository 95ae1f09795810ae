"""Keys of the configuration: how reconstructions are compared."""

from typing import Annotated

from pydantic import Field

from ptychobasis.core.section import Frequency, Section


class Evaluation(Section):
    """How reconstructions are compared."""

    reference: Annotated[str, Field(max_length=120)]
    """The reconstruction that all are compared with, as sweep/size."""
    band_per_angstrom: tuple[Annotated[float, Field(ge=0, le=20)], Frequency]
    """Spatial frequencies from, to over which the Fourier shell correlation is averaged [1/Å]."""
    apodisation_angstrom: Annotated[float, Field(ge=0, le=500)] = 2.0
    """Width of the soft edge of the compared area [Å]."""
