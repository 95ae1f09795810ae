import numpy as np
import pytest
from skimage.registration import phase_cross_correlation

from ptychobasis.core.grid import Grid
from ptychobasis.core.volume import Volume
from ptychobasis.evaluation.alignment import Aligned, find_shift
from ptychobasis.evaluation.alignment import align as align_volumes
from ptychobasis.evaluation.window import apodisation_window

SAMPLING = (0.25, 0.2)
GRID = Grid((60, 110), SAMPLING)  # 15 Å × 22 Å


def align(moving: np.ndarray, reference: np.ndarray, limit: float = 1.0) -> Aligned:
    """Both on pixels of the same size, with the usual window."""
    one, other = (Volume(array, SAMPLING, (3.0, -2.0)) for array in (moving, reference))
    return align_volumes(one, other, apodisation_window(other.grid, 2.0), limit)


def columns(dy: float = 0.0, dx: float = 0.0, slices: int = 3) -> np.ndarray:
    """A crystal-like field without symmetry, moved by (dy, dx) [Å]."""
    y = np.arange(GRID.shape[0])[:, None] * SAMPLING[0] - dy
    x = np.arange(GRID.shape[1]) * SAMPLING[1] - dx
    rng = np.random.default_rng(4)
    field = np.zeros((slices, *GRID.shape))
    for row in np.arange(-2, 19, 2.7):
        for column in np.arange(-2, 26, 3.8):
            jitter = rng.normal(scale=0.15, size=2)
            distance = (y - row - jitter[0]) ** 2 + (x - column - jitter[1]) ** 2
            weights = rng.uniform(0.5, 1, (slices, 1, 1))
            field += weights * np.exp(-distance / (2 * 0.45**2))
    return field


@pytest.mark.parametrize("shift", [(0.33, -0.71), (-0.52, 0.18), (0.0, 0.9), (0.04, 0.0)])
def test_shift_is_recovered_with_its_sign_on_a_non_square_grid(shift: tuple[float, float]) -> None:
    reference = columns()
    found = align(columns(*shift), reference)
    error = (np.array(found.shift_angstrom) + shift) / SAMPLING
    assert np.abs(error).max() < 0.02
    inner = (slice(None), slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(found.volume.array[inner], reference[inner], atol=0.02)


def test_positive_shift_moves_towards_larger_coordinates() -> None:
    spot = np.zeros((1, 32, 48))
    spot[0, 10, 20] = 1
    target = np.roll(spot, (2, 3), (1, 2))
    found = align(spot, target)
    assert found.shift_angstrom == pytest.approx((0.5, 0.6), abs=1e-3)


def test_agrees_with_scikit_image() -> None:
    reference, moving = columns(), columns(0.4, -0.3)
    ours = find_shift(moving, reference, GRID, apodisation_window(GRID, 2.0), 1.0)
    window = np.sin(np.pi * (np.arange(60) + 0.5) / 60)[:, None] ** 0.5
    a, b = (window * (f.sum(0) - f.sum(0).mean()) for f in (reference, moving))
    theirs, _, _ = phase_cross_correlation(a, b, upsample_factor=100, normalization=None)
    np.testing.assert_allclose(ours / SAMPLING, theirs, atol=0.1)


def test_shift_never_exceeds_the_limit() -> None:
    found = align(columns(0.0, 1.6), columns(), limit=1.0)
    assert max(map(abs, found.shift_angstrom)) <= 1.0


def test_a_lattice_period_is_not_jumped() -> None:
    x = np.arange(110) * SAMPLING[1]
    y = np.arange(60)[:, None] * SAMPLING[0]

    def lattice(dx: float) -> np.ndarray:
        period = 2 * np.pi / 2.5
        return (np.cos(period * (x - dx)) + np.cos(period * y))[None]

    found = align(lattice(0.6), lattice(0.0))
    assert found.shift_angstrom == pytest.approx((0, -0.6), abs=0.01)


def test_ramp_and_offset_are_removed_slice_by_slice() -> None:
    reference = columns()
    y = (np.arange(60) - 29.5) * SAMPLING[0]
    x = (np.arange(110) - 54.5) * SAMPLING[1]
    slopes = np.array([[0.02, -0.01], [0.0, 0.03], [-0.05, 0.0]])
    offsets = np.array([1.0, -2.0, 0.5])
    ramp = slopes[:, 0, None, None] * y[:, None] + slopes[:, 1, None, None] * x
    found = align(reference + ramp + offsets[:, None, None], reference)
    np.testing.assert_allclose(found.shift_angstrom, 0, atol=1e-9)
    np.testing.assert_allclose(found.volume.array, reference, atol=1e-9)


def test_shift_and_ramp_together() -> None:
    reference = columns()
    ramp = 0.03 * np.arange(60)[:, None] * SAMPLING[0] + 0.4
    found = align(columns(0.31, 0.47) + ramp, reference)
    np.testing.assert_allclose(found.shift_angstrom, (-0.31, -0.47), atol=0.005)
    inner = (slice(None), slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(found.volume.array[inner], reference[inner], atol=0.02)


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot align"):
        align(np.ones((1, 25, 25)), np.ones((2, 25, 25)))
