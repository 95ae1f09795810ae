"""Types of arrays that several rooms use."""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating]
Pair = tuple[float, float]
