"""Keys of the configuration: patterns from elsewhere."""

from pathlib import Path
from typing import Literal

from ptychobasis.core.section import Section


class Dataset(Section):
    """Patterns from elsewhere, in place of a simulation."""

    file: Path | None = None
    """A ready dataset.h5; then crystal, microscope, scan, detector and simulation are left out."""
    mask_flaws: bool = False
    """Leave out bad frames and pixels that the checks find, in place of refusing the data set."""
    intensity_scale: Literal["global", "pattern", "none"] = "global"
    """Fit a factor of the intensities: one for all patterns, one for each, or none."""
