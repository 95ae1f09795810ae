"""Every basis: adjoint, orthonormality, completeness, closed forms, counts and refusals."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shared
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ptychobasis.bases import disc_functions as bases_functions
from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.dark_field import dark_field
from ptychobasis.bases.disc_functions import complete_zernike_orders, zernike_indices
from ptychobasis.bases.registry import BASES, build_basis
from ptychobasis.core.errors import StudyError
from ptychobasis.core.optics import Optics

Float = NDArray[np.floating]
OPTICS = shared.optics((41, 36), (0.22, 0.25))
PAPER = shared.paper_optics()
FINE = shared.optics((160, 150), (0.35, 0.37))  # radius about 35 pixels
# another number of pixels and another size of them along y and x
OBLONG = shared.optics((48, 60), (0.5, 0.35))
SIZES = {
    "binning": 3,
    "annular": 4,
    "segmented": 8,
    "moments": 5,
    "zernike": 15,
    "disc-harmonics": 12,
    "hadamard": 10,
    "random": 7,
    "svd": 9,
}


def random_patterns(count: int, optics: Optics = OPTICS, seed: int = 0) -> Float:
    return np.random.default_rng(seed).random((count, *optics.detector.shape))


def make_vectors(optics: Optics) -> Callable[[NDArray[np.bool_], int], Float]:
    """Leading singular vectors of random patterns."""

    def vectors(support: NDArray[np.bool_], count: int) -> Float:
        seen = random_patterns(30, optics, seed=1)[:, support]
        return np.linalg.svd(seen, full_matrices=False)[2][:count]

    return vectors


def make(name: str, folder: Path, optics: Optics = OPTICS) -> Basis:
    """The basis registered as `name`, of a size that suits the small detectors."""

    path = folder / "mine.npy"
    np.save(path, np.random.default_rng(2).normal(size=(4, *optics.detector.shape)))
    return build_basis(name, Request(optics, SIZES.get(name, 0), make_vectors(optics), path))


def refusal(name: str, request: Request) -> str:
    with pytest.raises(StudyError) as caught:
        build_basis(name, request)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# linear maps


@pytest.mark.parametrize("name", BASES)
def test_adjoint_identity(name: str, tmp_path: Path) -> None:
    """<Ax, y> = <x, Aᵀy>, for a stack of patterns on a non-square detector."""
    basis = make(name, tmp_path)
    x = random_patterns(3)
    y = np.random.default_rng(5).normal(size=(3, basis.size))
    ax, aty = basis.forward(x), basis.adjoint(y)
    assert ax.shape == (3, basis.size)
    assert aty.shape == x.shape
    left, right = (ax.astype(float) * y).sum(axis=1), (x * aty).sum(axis=(1, 2))
    scale = np.linalg.norm(ax, axis=1) * np.linalg.norm(y, axis=1)
    np.testing.assert_allclose((left - right) / scale, 0, atol=1e-6)


@pytest.mark.parametrize("name", BASES)
def test_forward_is_the_inner_product_with_the_masks(name: str, tmp_path: Path) -> None:
    basis = make(name, tmp_path)
    x = random_patterns(2)
    expected = np.einsum("nyx,myx->nm", x, basis.masks().astype(float))
    found = basis.forward(x)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)
    assert found.dtype == np.float32
    assert (basis.masks().any(axis=0) <= basis.support).all()


@pytest.mark.parametrize("optics", [OPTICS, OBLONG])
@pytest.mark.parametrize("name", BASES)
def test_masks_are_orthonormal(name: str, optics: Optics, tmp_path: Path) -> None:
    basis = make(name, tmp_path, optics)
    masks = basis.masks().reshape(basis.size, -1)
    seen = masks[:, basis.support.ravel()].astype(float)
    np.testing.assert_allclose(seen @ seen.T, np.eye(basis.size), atol=2e-6)


@pytest.mark.parametrize("name", [name for name, kind in BASES.items() if kind.sized])
def test_a_sized_basis_has_its_size_and_independent_masks(name: str, tmp_path: Path) -> None:
    basis = make(name, tmp_path, OBLONG)
    matrix = basis.masks()[:, basis.support].astype(float)
    assert np.linalg.matrix_rank(matrix) == basis.size
    assert basis.name == name
    if name != "binning":
        assert basis.size == SIZES[name]
        np.testing.assert_array_equal(basis.support, OBLONG.bright_field())


@given(st.floats(0.012, 0.04), st.integers(1, 4), st.integers(1, 10))
def test_projections_never_gain_energy(semi_angle: float, edge: int, masks: int) -> None:
    """Bessel's inequality for orthonormal masks, for discs of any size."""
    optics = Optics(60e3, semi_angle, 0.0, OPTICS.detector)
    x = random_patterns(1, optics, seed=masks)[0]
    for name, size in (("binning", edge), ("zernike", masks)):
        basis = build_basis(name, Request(optics, size))
        kept = np.square(basis.forward(x).astype(float)).sum()
        assert kept <= np.square(x[basis.support]).sum() * (1 + 1e-5)
        again = basis.forward(basis.adjoint(basis.forward(x)))
        np.testing.assert_allclose(again, basis.forward(x), atol=1e-4)


# completeness


def test_pixels_lose_nothing() -> None:
    basis, x = build_basis("pixels", Request(OPTICS)), random_patterns(2).astype(np.float32)
    np.testing.assert_array_equal(basis.adjoint(basis.forward(x)), x)


@pytest.mark.parametrize("optics", [OPTICS, PAPER])
def test_bins_of_one_pixel_are_the_bright_field(optics: Optics) -> None:
    bins, disc = (build_basis(name, Request(optics, 1)) for name in ("binning", "bright-field"))
    np.testing.assert_array_equal(bins.support, disc.support)
    np.testing.assert_array_equal(bins.matrix, np.eye(disc.size))


def test_as_many_singular_vectors_as_pixels_lose_nothing() -> None:
    disc = OPTICS.bright_field()
    x = random_patterns(150) * disc

    def vectors(support: NDArray[np.bool_], count: int) -> Float:
        return np.linalg.svd(x[:, support], full_matrices=False)[2][:count]

    basis = build_basis("svd", Request(OPTICS, int(disc.sum()), vectors))
    np.testing.assert_allclose(basis.adjoint(basis.forward(x)), x, atol=1e-5)


@pytest.mark.parametrize("order", [2, 4, 7])
def test_complete_orders_lose_no_polynomial_of_their_degree(order: int) -> None:
    count = (order + 1) * (order + 2) // 2
    ky, kx = (k / OPTICS.aperture for k in OPTICS.detector.frequencies())
    powers = [ky**p * kx**q for p in range(order + 2) for q in range(order + 2 - p)]
    basis = build_basis("zernike", Request(OPTICS, count))
    x = np.stack(powers) * OPTICS.bright_field()
    degree = np.array([p + q for p in range(order + 2) for q in range(order + 2 - p)])
    lost = np.abs(basis.adjoint(basis.forward(x)) - x).max(axis=(1, 2))
    assert lost[degree <= order].max() < 1e-5
    assert lost[degree > order].min() > 1e-3


def test_bins_hold_the_mean_of_their_pixels() -> None:
    basis = build_basis("binning", Request(OPTICS, 3))
    x = random_patterns(1)[0]
    y, x0 = (n // 2 for n in OPTICS.detector.shape)
    centre = next(m for m, mask in enumerate(basis.masks()) if mask[y, x0])
    block = x[y - 1 : y + 2, x0 - 1 : x0 + 2]
    assert basis.forward(x)[centre] == pytest.approx(3 * block.mean(), rel=1e-6)
    np.testing.assert_array_equal(np.unique((basis.masks() > 0).sum(axis=(1, 2))), [9])
    assert (basis.support >= OPTICS.bright_field()).all()


# Zernike polynomials


def closed_forms(optics: Optics) -> dict[int, Float]:
    """Low orders in Cartesian coordinates of the unit disc, by OSA/ANSI index."""
    ky, kx = (k / optics.aperture for k in optics.detector.frequencies())
    y, x = np.broadcast_arrays(ky, kx)
    r2 = x**2 + y**2
    return {
        0: np.ones_like(x),  # piston
        1: y,  # tilt
        2: x,
        3: 2 * x * y,  # oblique astigmatism
        4: 2 * r2 - 1,  # defocus
        5: x**2 - y**2,  # vertical astigmatism
        6: 3 * x**2 * y - y**3,  # trefoil
        7: (3 * r2 - 2) * y,  # coma
        8: (3 * r2 - 2) * x,
        9: x**3 - 3 * x * y**2,
        12: 6 * r2**2 - 6 * r2 + 1,  # spherical aberration
    }


def test_zernike_masks_are_the_closed_forms_but_for_sampling() -> None:
    basis = build_basis("zernike", Request(FINE, 15))
    disc, masks = FINE.bright_field(), basis.masks().astype(float)
    np.testing.assert_array_equal(basis.support, disc)
    for j, form in closed_forms(FINE).items():
        expected = np.where(disc, form, 0)
        overlap = (masks[j] * expected).sum() / np.linalg.norm(expected)
        assert overlap > 0.998, j


def test_sampled_polynomials_are_exactly_the_closed_forms() -> None:
    """Before the orthonormalisation; inside and on the edge of the unit disc."""
    rho, theta = FINE.polar_frequencies()
    disc = FINE.bright_field()
    for j, form in closed_forms(FINE).items():
        found = bases_functions._zernike_polynomial(j, rho[disc], theta[disc])
        np.testing.assert_allclose(found, form[disc], atol=1e-12, err_msg=str(j))


def test_piston_is_constant_and_tilts_point_along_their_axes() -> None:
    basis = build_basis("zernike", Request(OPTICS, 3))
    piston, tilt_y, tilt_x = basis.masks().astype(float)
    np.testing.assert_allclose(piston[basis.support], 1 / np.sqrt(basis.support.sum()), rtol=1e-5)
    ky, kx = (k + np.zeros(OPTICS.detector.shape) for k in OPTICS.detector.frequencies())
    for tilt, k in ((tilt_y, ky), (tilt_x, kx)):
        seen, along = tilt[basis.support], k[basis.support]
        assert np.corrcoef(seen, along)[0, 1] > 0.9999
        assert seen[along > 0].min() > 0


def test_coefficients_of_a_disc_moved_along_y_have_the_sign_of_the_move() -> None:
    basis = build_basis("zernike", Request(OPTICS, 3))
    disc = OPTICS.bright_field().astype(float)
    for axis in (0, 1):
        moved = basis.forward(np.roll(disc, 2, axis))
        assert moved[1 + axis] > 0.1 * moved[0]
        assert abs(moved[2 - axis]) < 1e-5


def test_indices_follow_osa_ansi() -> None:
    first = [(0, 0), (1, -1), (1, 1), (2, -2), (2, 0), (2, 2), (3, -3), (3, -1), (3, 1), (3, 3)]
    assert [zernike_indices(j) for j in range(10)] == first


@given(st.integers(0, 5000))
def test_indices_invert_the_formula(j: int) -> None:
    n, m = zernike_indices(j)
    assert (n * (n + 2) + m) // 2 == j
    assert (n - m) % 2 == 0
    assert -n <= m <= n


def test_36_masks_are_all_orders_up_to_7() -> None:
    assert zernike_indices(35) == (7, 7)
    assert zernike_indices(36) == (8, -8)
    orders = [zernike_indices(j)[0] for j in range(36)]
    assert [orders.count(n) for n in range(8)] == list(range(1, 9))


def test_complete_orders() -> None:
    assert complete_zernike_orders(36) == [1, 3, 6, 10, 15, 21, 28, 36]
    assert complete_zernike_orders(35)[-1] == 28
    assert complete_zernike_orders(0) == []


# the paper's geometry


def test_counts_of_the_paper() -> None:
    counts = {edge: build_basis("binning", Request(PAPER, edge)).size for edge in (3, 5, 7, 9, 11)}
    assert counts[7] == 45
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
    assert len(set(counts.values())) == len(counts)
    assert build_basis("zernike", Request(PAPER, 36)).size == 36
    assert build_basis("pixels", Request(PAPER)).size == 250_000


@pytest.mark.parametrize(
    ("mrad", "paper"), [(29.2, False), (29.4, True), (34.6, True), (34.9, False)]
)
def test_45_bins_tell_the_convergence_angle(mrad: float, paper: bool) -> None:
    optics = Optics(60e3, mrad * 1e-3, 0.0, PAPER.detector)
    assert (build_basis("binning", Request(optics, 7)).size == 45) is paper


# other numbers of pixels


@pytest.mark.parametrize("shape", [(24, 25), (41, 27), (31, 36), (60, 51), (25, 60), (42, 37)])
@pytest.mark.parametrize("name", [name for name in BASES if name not in ("pixels", "file")])
def test_another_detector_keeps_the_coefficients(
    name: str, shape: tuple[int, int], tmp_path: Path
) -> None:
    """Of patterns that vanish outside the pixels that both detectors have."""
    basis = make(name, tmp_path)
    moved = basis.on_shape(shape)
    small, large = random_patterns(2) * basis.support, np.zeros((2, *shape))
    y, x = (
        np.arange(n)[s.any(axis=1 - a)] - n // 2
        for a, (n, s) in enumerate(zip(basis.support.shape, [basis.support] * 2, strict=True))
    )
    rows, columns = np.ix_(y, x)
    old = small[:, rows + small.shape[1] // 2, columns + small.shape[2] // 2]
    large[:, rows + shape[0] // 2, columns + shape[1] // 2] = old
    np.testing.assert_allclose(moved.forward(large), basis.forward(small), rtol=1e-5, atol=1e-6)
    assert moved.support.shape == shape
    assert moved.size == basis.size


def test_a_detector_that_cuts_masks_is_refused() -> None:
    basis = build_basis("zernike", Request(OPTICS, 6))
    with pytest.raises(StudyError, match=r"9 x 36 pixels is too small for the masks of 'zernike'"):
        basis.on_shape((9, 36))
    with pytest.raises(StudyError, match="too small"):
        basis.on_shape((41, 9))


# refusals and the registry


def test_bins_beyond_the_detector_are_refused() -> None:
    assert "bins of 43 pixels" in refusal("binning", Request(OPTICS, 43))


def test_too_many_zernike_masks_are_refused() -> None:
    pixels = int(OPTICS.bright_field().sum())
    assert f"1 to {pixels}" in refusal("zernike", Request(OPTICS, pixels + 1))
    assert "not independent" in refusal("zernike", Request(OPTICS, pixels))


def test_svd_without_data_is_refused() -> None:
    assert "needs the patterns" in refusal("svd", Request(OPTICS, 3))


def test_an_unknown_basis_is_refused_with_the_nearest() -> None:
    told = refusal("zernicke", Request(OPTICS, 6))
    assert "did you mean 'zernike'?" in told
    assert ", ".join(BASES) in told


def test_titles_tell_bases_apart() -> None:
    assert len({kind.title for kind in BASES.values()}) == len(BASES)


@pytest.mark.parametrize("name", BASES)
def test_counts_are_about_the_numbers_stored(name: str, tmp_path: Path) -> None:
    """Bins are counted as if the disc had no rim; all others exactly."""
    basis = make(name, tmp_path, FINE)
    asked = Request(FINE, SIZES.get(name, 0), masks_file=tmp_path / "mine.npy")
    expected = pytest.approx(basis.size, rel=0.25 if name == "binning" else 0)
    assert BASES[name].count(asked) == expected


@pytest.mark.parametrize("name", BASES)
def test_what_the_registry_says_of_a_basis_is_true(name: str, tmp_path: Path) -> None:
    kind = BASES[name]
    assert kind.stores_pixels == (make(name, tmp_path).matrix is None)
    bare = Request(OPTICS, SIZES.get(name, 0))
    if kind.needs_patterns:
        assert "patterns" in refusal(name, bare)
    elif kind.needs_masks_file:
        assert "masks_file" in refusal(name, bare)
    else:
        build_basis(name, bare)
    if kind.sized:
        other = Request(OPTICS, SIZES[name] + 4, make_vectors(OPTICS))
        assert build_basis(name, other).size != build_basis(name, replace(other, size=4)).size


# dark field


@pytest.mark.parametrize("kind", ["donut", "bins", "pixels"])
@pytest.mark.parametrize("bright", ["bright-field", "binning", "svd"])
def test_dark_field_masks_partition_the_dark_pixels(kind: str, bright: str, tmp_path: Path) -> None:
    seen = make(bright, tmp_path).support
    dark = dark_field(kind, seen, edge=3)
    # bins that the detector's edge cuts off are left out: rows -20..20 end in whole bins
    # of 3, columns -18..17 do with the exception of the two outermost
    whole = np.ones(seen.shape, bool)
    if kind == "bins":
        offsets = [np.arange(n) - n // 2 for n in seen.shape]
        fits = [np.isin((o + 1) // 3, _whole(o)) for o in offsets]
        whole = fits[0][:, None] & fits[1][None, :]
        assert 0 < (~whole).sum() < 0.2 * whole.size
    np.testing.assert_array_equal(dark.support, ~seen & whole)
    masks = dark.masks()
    np.testing.assert_array_equal((masks != 0).sum(axis=0), dark.support)
    np.testing.assert_allclose(np.square(masks.astype(float)).sum(axis=(1, 2)), 1, rtol=1e-5)
    assert not masks[:, seen].any()
    assert (masks >= 0).all()


def _whole(offsets: NDArray[np.int64]) -> list[int]:
    """Numbers of the bins of three pixels, one centred at 0, that lie inside."""
    return [b for b in range(-20, 21) if {3 * b - 1, 3 * b, 3 * b + 1} <= set(offsets.tolist())]


@pytest.mark.parametrize("kind", ["donut", "bins", "pixels"])
@pytest.mark.parametrize("stack", [(), (3,), (2, 4)])
def test_dark_field_sums_its_masks_and_owns_its_adjoint(kind: str, stack: tuple[int, ...]) -> None:
    dark = dark_field(kind, OPTICS.bright_field(), edge=3)
    generator = np.random.default_rng(7)
    x, y = generator.random((*stack, *OPTICS.detector.shape)), generator.normal(size=dark.size)
    ax, aty = dark.forward(x), dark.adjoint(np.broadcast_to(y, (*stack, dark.size)))
    assert ax.dtype == aty.dtype == np.float32
    expected = np.einsum("...yx,myx->...m", x, dark.masks().astype(float))
    np.testing.assert_allclose(ax, expected, rtol=1e-5)
    np.testing.assert_allclose(ax @ y, (x * aty).sum(axis=(-2, -1)), atol=1e-4)


def test_dark_field_bins_take_the_memory_of_pixels() -> None:
    bright = build_basis("binning", Request(PAPER, 7)).support
    tracemalloc.start()
    dark = dark_field("bins", bright)
    dark.forward(np.ones((2, 500, 500), np.float32))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert dark.size == 71**2 - 45  # 71 whole bins of 7 pixels fit into 500, one centred
    assert peak < 100 * bright.size  # bytes; dense masks took 20,000 per pixel


def test_dark_field_counts() -> None:
    bright = OPTICS.bright_field()
    assert dark_field("donut", bright).size == 1
    assert dark_field("pixels", bright).size == bright.size - bright.sum()
    inner = shared.optics((140, 128), (35 / 140, 35 / 128))
    bins = build_basis("binning", Request(inner, 7)).support
    # 19 x 17 whole bins of 7 pixels, one centred; 45 of them hold the bright field
    assert dark_field("bins", bins, edge=7).size == 19 * 17 - 45


def test_an_unknown_dark_field_is_refused() -> None:
    with pytest.raises(StudyError, match="no dark field 'ring'; allowed: none, donut, bins"):
        dark_field("ring", OPTICS.bright_field())
