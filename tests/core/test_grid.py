"""Grid, detector geometry and centred cuts on odd, even and non-square shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import optics, paper_optics

from ptychobasis.core.grid import Grid, centred_slices

LENGTH = st.integers(1, 17)
SHAPE = st.tuples(LENGTH, LENGTH)
STEP = st.floats(0.01, 2)


@given(SHAPE, STEP, STEP)
def test_zero_frequency_lies_at_half_the_shape(
    shape: tuple[int, int], dy: float, dx: float
) -> None:
    grid = Grid(shape, (dy, dx))
    ky, kx = grid.frequencies()
    assert ky.shape == (shape[0], 1)
    assert kx.shape == (1, shape[1])
    for k, n, step in zip((ky, kx), shape, grid.reciprocal_sampling, strict=True):
        np.testing.assert_allclose(k.ravel(), (np.arange(n) - n // 2) * step, atol=1e-12 / dy / dx)
        assert k.ravel()[n // 2] == 0


def test_frequencies_are_those_of_the_fourier_transform() -> None:
    """A plane wave exp(2πi k·r) peaks where the axes say, by axis on a non-square grid."""
    grid = Grid((9, 12), (0.4, 0.3))
    ky, kx = grid.frequencies()
    y, x = np.arange(9)[:, None] * 0.4, np.arange(12)[None, :] * 0.3
    wave = np.exp(2j * np.pi * (ky[6, 0] * y + kx[0, 2] * x))
    spectrum = abs(np.fft.fftshift(np.fft.fft2(wave)))
    assert np.unravel_index(spectrum.argmax(), spectrum.shape) == (6, 2)
    assert spectrum[6, 2] == pytest.approx(spectrum.sum(), rel=1e-9)


def test_another_shape_keeps_the_window() -> None:
    grid = Grid((500, 400), (0.07, 0.08)).with_shape((128, 99))
    assert grid.shape == (128, 99)
    assert grid.extent == pytest.approx((35.0, 32.0), rel=1e-14)
    assert grid.reciprocal_sampling == pytest.approx((1 / 35, 1 / 32), rel=1e-14)


@given(SHAPE, st.data())
def test_centred_cuts_keep_the_zero_frequency(outer: tuple[int, int], data: st.DataObject) -> None:
    inner = (data.draw(st.integers(1, outer[0])), data.draw(st.integers(1, outer[1])))
    cut = centred_slices(outer, inner)
    window = (3.0, 5.0)
    large, small = (
        Grid(shape, (window[0] / shape[0], window[1] / shape[1])).frequencies()
        for shape in (outer, inner)
    )
    np.testing.assert_allclose(large[0][cut[0]], small[0], atol=1e-12)
    np.testing.assert_allclose(large[1][:, cut[1]], small[1], atol=1e-12)


@pytest.mark.parametrize("inner", [(6, 4), (5, 5), (7, 9)])
def test_a_larger_cut_is_refused(inner: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="does not fit into"):
        centred_slices((5, 4), inner)


def test_the_disc_of_the_paper() -> None:
    """21.6 pixels of 1.390 mrad; as many pixels as a circle of that area, and centred."""
    probe = paper_optics()
    step = probe.detector.reciprocal_sampling[0]
    assert step * probe.wavelength * 1e3 == pytest.approx(1.390, abs=5e-4)
    assert probe.aperture / step == pytest.approx(21.58, abs=0.01)
    disc = probe.bright_field()
    assert disc.sum() == pytest.approx(np.pi * (probe.aperture / step) ** 2, rel=0.01)
    rows, columns = np.nonzero(disc)
    assert (rows.mean(), columns.mean()) == (250, 250)


def test_polar_frequencies_follow_the_axes() -> None:
    probe = optics((21, 16))
    radius, azimuth = probe.polar_frequencies()
    ky, kx = probe.detector.frequencies()
    np.testing.assert_allclose(radius * np.sin(azimuth) * probe.aperture, ky + 0 * kx, atol=1e-12)
    np.testing.assert_allclose(radius * np.cos(azimuth) * probe.aperture, kx + 0 * ky, atol=1e-12)
