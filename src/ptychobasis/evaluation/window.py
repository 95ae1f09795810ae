"""Where two objects are compared: inside the scan, with a soft edge."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import Delaunay, QhullError

from ptychobasis.core.arrays import Float
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.core.volume import Volume

# a gap between positions is outside of the scan if its circle is larger than so many of the
# usual gap's
_WIDEST_GAP = 3.0
_TOLERANCE = 1e-3  # of a triangle, so that a pixel on the outline is inside


def apodisation_window(grid: Grid, edge: float) -> Float:
    """Raised-cosine (Tukey) window that rises from 0 at the border to 1 at `edge` [Å].

    Args:
        grid: Shape ``(y, x)`` and sampling [Å] of the field.
        edge: Width of the rise at each border [Å]; 0 leaves the field as it is.

    Returns:
        ``(y, x)`` weights, symmetric about the centre of the field.

    Raises:
        StudyError: The two rises would overlap.
    """
    if edge < 0 or 2 * edge > min(grid.extent):
        raise StudyError(
            f"evaluation: apodisation_angstrom is {edge:g}; allowed is 0 up to half of the "
            f"evaluated field of {grid.extent[0]:.4g} × {grid.extent[1]:.4g} Å"
        )
    if edge == 0:
        return np.ones(grid.shape)
    rises = []
    for pixels, step in zip(grid.shape, grid.sampling, strict=True):
        centre = np.arange(pixels) + 0.5
        rises.append(_rise(np.minimum(centre, pixels - centre) * step, edge))
    return np.outer(*rises)


def scan_window(field: Volume, positions: ArrayLike, edge: float) -> Float:
    """Weights ``(y, x)`` with which a field is compared: 1 inside the scan, 0 outside.

    They are the smaller of two windows with a raised-cosine edge: that of the field's borders,
    and that of the scan's outline. A scan that fills its bounding box has the first one alone. A
    turned or spiral scan leaves corners dark, and these do not count.

    Args:
        field: The compared field; see `Volume.cropped`.
        positions: ``(..., 2)`` scan positions as (y, x) [Å].
        edge: Width of the rise [Å].

    Raises:
        StudyError: The scan is too narrow for the edge, or its positions lie on one line.
    """
    borders = apodisation_window(field.grid, edge)
    inside = inside_scan(field, positions)
    if inside.all():
        return borders
    # to the nearest pixel outside; its own border is half a pixel nearer
    depth = distance_transform_edt(np.pad(inside, 1), sampling=field.sampling)[1:-1, 1:-1]
    depth = np.where(inside, depth - min(field.sampling) / 2, 0)
    if depth.max() < edge:
        raise StudyError(
            f"evaluation: apodisation_angstrom is {edge:g}; allowed is 0 up to half of the "
            f"scan's width, {depth.max():.3g} Å"
        )
    return np.minimum(borders, _rise(depth, edge) if edge else inside)


def _rise(depth: Float, edge: float) -> Float:
    return 0.5 - 0.5 * np.cos(np.pi * np.minimum(depth / edge, 1))


def inside_scan(field: Volume, positions: ArrayLike) -> NDArray[np.bool_]:
    """Pixels ``(y, x)`` inside the outline of the scan.

    The outline is the α-shape of the positions (Edelsbrunner, Kirkpatrick and Seidel, IEEE
    Trans. Inf. Theory 29 (1983) 551): their Delaunay triangles, without those whose
    circumscribed circle is larger than three times the median.

    Args:
        field: Whose pixels are asked for.
        positions: ``(..., 2)`` scan positions as (y, x) [Å].

    Raises:
        StudyError: The positions lie on one line.
    """
    points = np.asarray(positions, float).reshape(-1, 2)
    try:
        mesh = Delaunay(points)
    except QhullError:
        raise StudyError(
            f"evaluation: the {len(points)} scan positions lie on one line; allowed: a scan with "
            "an area, which can be compared"
        ) from None
    radii = _circumradii(points[mesh.simplices])
    kept = radii <= _WIDEST_GAP * np.median(radii)
    y, x = (
        start + step * np.arange(pixels)
        for start, step, pixels in zip(field.origin, field.sampling, field.grid.shape, strict=True)
    )
    pixels = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
    triangle = mesh.find_simplex(pixels, tol=_TOLERANCE)
    return (triangle >= 0) & kept[triangle]


def _circumradii(corners: Float) -> Float:
    """Radii ``(n,)`` of the circles through the corners ``(n, 3, 2)`` of triangles."""
    sides = corners - np.roll(corners, 1, axis=1)
    (ay, ax), (by, bx) = sides[:, 0].T, sides[:, 1].T
    area = np.abs(ay * bx - ax * by) / 2
    product = np.linalg.norm(sides, axis=2).prod(axis=1)
    return np.divide(product, 4 * area, out=np.full(len(area), np.inf), where=area > 0)
