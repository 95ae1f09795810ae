"""Strength of slices and places of columns, which a Fourier shell correlation does not see."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

from ptychobasis.core.arrays import Float, Pair
from ptychobasis.core.volume import Volume, mirror_matrix
from ptychobasis.evaluation.alignment import fitted_plane

FEWEST_COLUMNS = 4
_APART = 1.0  # [Å] least distance of a column from the next
_HIGH = 0.25  # least height of a column, of the highest ones
_WINDOW = 0.5  # least weight of the window at a column
_PATCH = np.linspace(-0.3, 0.3, 7)  # [Å] around a maximum, where a paraboloid is fitted
_FARTHEST = 0.5  # [Å] from the true column; what is farther away is not the same column
_NEWTON_STEPS = 8


class Columns(NamedTuple):
    """How far columns of atoms are from their true places.

    Attributes:
        distances: ``(columns,)`` distance of each from its true place [Å]; NaN where none was
            found within 0.5 Å.
        places: ``(columns, 2)`` true places as (y, x) in scan coordinates [Å].
    """

    distances: Float
    places: Float

    @property
    def error_pm(self) -> float:
        """Root mean square of the distances [pm]; NaN for fewer than `FEWEST_COLUMNS`."""
        found = self.distances[np.isfinite(self.distances)]
        return 100 * float(np.sqrt((found**2).mean())) if len(found) >= FEWEST_COLUMNS else np.nan

    @property
    def found(self) -> float:
        """Share of the true columns that were found; NaN for fewer than `FEWEST_COLUMNS`."""
        count = len(self.distances)
        return float(np.isfinite(self.distances).mean()) if count >= FEWEST_COLUMNS else np.nan


def slice_scales(found: Volume, true: Volume, window: Float) -> tuple[Float, float]:
    """Strength of a reconstruction, as a multiple of the truth's.

    The multiple s makes Σ w (f - s t)² smallest for slices f of the reconstruction and t of the
    truth, both without their own planes, which no pattern tells.

    Args:
        found: Aligned phase [rad].
        true: Phase [rad] on the same pixels.
        window: Weights ``(y, x)``.

    Returns:
        One multiple for each slice, ``(slices,)``, and one for all of them together. NaN where
        the truth is flat.
    """
    f, t = (each.array - fitted_plane(each.array, window) for each in (found, true))
    product, power = ((window * t * other).sum((-2, -1)) for other in (f, t))
    scales = np.divide(product, power, out=np.full(len(power), np.nan), where=power > 0)
    return scales, float(product.sum() / power.sum()) if power.sum() > 0 else np.nan


def column_positions(found: Volume, true: Volume, window: Float) -> Columns:
    """Compare the places of columns of atoms in two projections.

    Columns are maxima of the true projection, the sum over all slices, that stand out and apart.
    In both projections a paraboloid is fitted around each maximum, on values in between the
    pixels that a sum of cosines gives, and moved until it is centred.

    Args:
        found: Aligned phase [rad].
        true: Phase [rad] on the same pixels.
        window: Weights ``(y, x)``; columns near its edge are left out.
    """
    projections = [np.asarray(each.array, np.float64).sum(0) for each in (found, true)]
    starts = _maxima(projections[1], true.sampling, window)
    ours, theirs = (
        np.array([_summit(image, true.sampling, start) for start in starts]).reshape(-1, 2)
        for image in projections
    )
    sound = np.isfinite(theirs).all(axis=1)
    ours, theirs = ours[sound], theirs[sound]
    distances = np.linalg.norm(ours - theirs, axis=1)
    distances[~(distances <= _FARTHEST)] = np.nan
    return Columns(distances, theirs + true.origin)


def _maxima(image: Float, sampling: Pair, window: Float) -> Float:
    """Places ``(n, 2)`` of the columns' highest pixels, from the first pixel on [Å]."""
    size = [2 * round(_APART / 2 / step) + 1 for step in sampling]
    background = float(np.median(image[window > _WINDOW]))
    peaks = (image == maximum_filter(image, size)) & (window > _WINDOW)
    heights = image[peaks] - background
    if not len(heights) or heights.max() <= 0:
        return np.empty((0, 2))
    # the highest in general: one heavy column must not hide all others
    high = heights >= _HIGH * np.percentile(heights, 75)
    places = np.argwhere(peaks)[high] * sampling
    if len(places) < 2:
        return places
    nearest = cKDTree(places).query(places, k=2)[0][:, 1]
    return places[nearest >= _APART]


def _summit(image: Float, sampling: Pair, start: Float) -> Float:
    """Place (y, x) of the maximum near `start`, from the first pixel on [Å]; NaN for none."""
    y, x = (axis.ravel() for axis in np.meshgrid(_PATCH, _PATCH, indexing="ij"))
    fit = np.linalg.pinv(np.stack([np.ones_like(y), y, x, y * y, x * x, y * x], axis=1))
    at = np.array(start, float)
    for _ in range(_NEWTON_STEPS):
        rows, columns = (
            mirror_matrix(image.shape[axis], sampling[axis], at[axis] + _PATCH, sampling[axis])
            for axis in (0, 1)
        )
        _, gy, gx, yy, xx, yx = fit @ (rows @ image @ columns.T).ravel()
        curvature = np.array([[2 * yy, yx], [yx, 2 * xx]])
        if np.linalg.eigvalsh(curvature).max() >= 0:
            return np.full(2, np.nan)
        step = np.linalg.solve(curvature, [-gy, -gx])
        at = at + np.clip(step, -_PATCH[-1], _PATCH[-1])
        if np.linalg.norm(at - start) > 2 * _FARTHEST:
            return np.full(2, np.nan)
    return at
