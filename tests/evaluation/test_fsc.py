import math

import numpy as np
import pytest
import torch
from torch_fourier_shell_correlation import fourier_correlation

from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.evaluation.fsc import (
    Curve,
    band_mean,
    fourier_shell_correlation,
    resolution,
)
from ptychobasis.evaluation.window import apodisation_window

SAMPLING = (0.25, 0.2)


def window_of(image: np.ndarray) -> np.ndarray:
    """A window with a soft edge of 1 Å."""
    return apodisation_window(Grid((image.shape[-2], image.shape[-1]), SAMPLING), 1.0)


def other_package(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shells 1, 2, … of two square images by torch-fourier-shell-correlation.

    Its shells are triangles that share a pixel between two neighbours. It is given whole
    spectra: of half a spectrum it would count the column k_x = 0 twice.
    """
    fa, fb = (torch.fft.fft2(torch.from_numpy(x)) for x in (a, b))
    return fourier_correlation(fa, fb, image_shape=a.shape, rfft=False).numpy()[1:-1]


def noise(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def curve(fsc: list[float], step: float = 0.1) -> Curve:
    values = np.array(fsc)
    return Curve(step * np.arange(1, len(fsc) + 1), values, np.ones(len(fsc), int))


@pytest.mark.parametrize("shape", [(40, 60), (41, 33), (3, 40, 60)])
def test_identical_images_correlate_fully(shape: tuple[int, ...]) -> None:
    image = noise(0, shape)
    result = fourier_shell_correlation(image, image, SAMPLING, window_of(image))
    np.testing.assert_allclose(result.fsc, 1, atol=1e-12)


def test_shells_are_physical_and_stop_at_the_lower_nyquist_frequency() -> None:
    shape = (40, 90)  # 10 Å × 18 Å, Nyquist 2 and 2.5 1/Å
    result = fourier_shell_correlation(noise(0, shape), noise(1, shape), SAMPLING)
    np.testing.assert_allclose(result.q, np.arange(1, 37) / 18)
    disc = np.pi * (result.q + 0.5 / 18) ** 2 * 10 * 18  # area over that of a Fourier pixel
    np.testing.assert_allclose(1 + result.samples.cumsum()[8:], disc[8:], rtol=0.04)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_wave_appears_at_its_physical_frequency(axis: int) -> None:
    shape = (40, 90)
    frequency = 0.5  # five periods in 10 Å, nine in 18 Å
    position = np.arange(shape[axis]) * SAMPLING[axis]
    wave = np.cos(2 * np.pi * frequency * position)
    image = np.broadcast_to(wave[:, None] if axis == 0 else wave, shape)
    rest = 1e-6 * noise(0, shape)
    result = fourier_shell_correlation(image + rest, image - rest, SAMPLING)
    assert result.q[result.fsc > 0.5] == pytest.approx([frequency])


def test_contrast_reversal_is_minus_one() -> None:
    image = noise(0, (32, 48))
    result = fourier_shell_correlation(image, 3 - 2 * image, SAMPLING, window_of(image))
    np.testing.assert_allclose(result.fsc, -1, atol=1e-12)


def test_independent_noise_has_the_variance_of_its_samples() -> None:
    shape = (4, 48, 64)
    curves = [
        fourier_shell_correlation(noise(2 * i, shape), noise(2 * i + 1, shape), SAMPLING)
        for i in range(150)
    ]
    normalised = np.array([c.fsc for c in curves]) * np.sqrt(curves[0].samples)
    np.testing.assert_allclose(normalised.std(0), 1, atol=0.25)
    assert normalised.std() == pytest.approx(1, abs=0.03)
    assert abs(normalised.mean()) < 0.05


def test_known_signal_to_noise_ratio() -> None:
    shape, ratio = (256, 256), 2.0
    signal = math.sqrt(ratio) * noise(0, shape)
    result = fourier_shell_correlation(
        signal + noise(1, shape), signal + noise(2, shape), (0.2, 0.2), 2.0
    )
    assert np.average(result.fsc, weights=result.samples) == pytest.approx(
        ratio / (1 + ratio), abs=0.01
    )
    outside = np.abs(result.fsc - ratio / (1 + ratio)) * np.sqrt(result.samples)
    assert np.median(outside) < 2


def test_a_filter_without_phase_leaves_the_curve_alone() -> None:
    shape = (48, 48)
    a, b = noise(0, shape), noise(0, shape) + noise(1, shape)
    k = np.hypot(*(np.fft.ifftshift(f) for f in Grid(shape, (0.2, 0.2)).frequencies()))
    shells = np.rint(k * 48 * 0.2)  # the filter is constant within each shell
    soft = np.fft.ifft2(np.fft.fft2(b) * np.exp(-((shells / 12) ** 2))).real
    plain = fourier_shell_correlation(a, b, (0.2, 0.2))
    filtered = fourier_shell_correlation(a, 7 * soft - 4, (0.2, 0.2))
    np.testing.assert_allclose(filtered.fsc, plain.fsc, atol=1e-12)


def test_volume_weighs_slices_by_their_power() -> None:
    shape = (40, 40)
    a, b = noise(0, shape), noise(1, shape)
    volume = fourier_shell_correlation(np.stack([a, 10 * a]), np.stack([a, 10 * b]), SAMPLING)
    single = fourier_shell_correlation(a, b, SAMPLING)
    pa, pb = (abs(np.fft.fft2(x)) ** 2 for x in (a, b))
    assert volume.samples.tolist() == (2 * single.samples).tolist()
    assert np.average(volume.fsc, weights=volume.samples) < 0.1
    k = np.hypot(*(np.fft.ifftshift(f) for f in Grid(shape, SAMPLING).frequencies()))
    ring = np.rint(k * 10) == 5
    cross = (np.fft.fft2(a) * np.fft.fft2(b).conj()).real
    expected = (pa + 100 * cross)[ring].sum() / math.sqrt(
        (101 * pa)[ring].sum() * (pa + 100 * pb)[ring].sum()
    )
    assert volume.fsc[4] == pytest.approx(expected)


def test_empty_shells_are_zero() -> None:
    image = np.cos(2 * np.pi * np.arange(32) / 8) * np.ones((32, 1))
    result = fourier_shell_correlation(image, np.zeros((32, 32)), (0.2, 0.2))
    np.testing.assert_array_equal(result.fsc, 0)


def test_agrees_with_another_package_on_whole_shells() -> None:
    # Where |k| is a whole number of shells (axes, and triples such as 3² + 4² = 5²) triangles
    # and boxes are the same.
    n = 64
    index = np.fft.fftfreq(n, 1 / n)
    radius = np.hypot(index[:, None], index)
    whole = np.isclose(radius, np.rint(radius)) & (radius < n // 2)
    a, b = noise(0, (n, n)), noise(0, (n, n)) + noise(1, (n, n))
    a, b = (np.fft.ifft2(np.fft.fft2(x) * whole).real for x in (a, b))
    ours = fourier_shell_correlation(a, b, (0.2, 0.2))
    np.testing.assert_allclose(ours.fsc[:-1], other_package(a, b), atol=2e-4)


def test_agrees_with_another_package_on_images() -> None:
    n = 192
    shells = np.hypot(*(f * n for f in np.meshgrid(*2 * [np.fft.fftfreq(n)])))
    soft = np.fft.ifft2(np.fft.fft2(noise(0, (n, n))) * np.exp(-((shells / 50) ** 2))).real
    a, b = soft + 0.3 * noise(1, (n, n)), soft + 0.3 * noise(2, (n, n))
    found = fourier_shell_correlation(a, b, (0.2, 0.2))
    ours, noise_level = found.fsc[4:-1], 1 / np.sqrt(found.samples[4:-1])
    difference = ours - other_package(a, b)[4:]
    assert ours[:20].min() > 0.85
    assert abs(ours[-20:]).max() < 0.25
    assert (abs(difference) / noise_level).max() < 2  # of the shells' shapes, not of the formula
    assert abs(difference.mean()) < 0.002


def test_apodisation_is_a_raised_cosine() -> None:
    window = apodisation_window(Grid((40, 80), (0.25, 0.25)), 2.0)
    depth = (np.arange(8) + 0.5) * 0.25
    np.testing.assert_allclose(window[:8, 40], np.sin(np.pi * depth / 4) ** 2)
    np.testing.assert_allclose(window, window[::-1, ::-1])
    assert window[8:-8, 8:-8].min() == 1


def test_apodisation_wider_than_the_field_is_refused() -> None:
    with pytest.raises(StudyError, match="apodisation_angstrom is 6"):
        apodisation_window(Grid((40, 40), (0.25, 0.25)), 6)


def test_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot correlate"):
        fourier_shell_correlation(np.ones((4, 4)), np.ones((4, 5)), SAMPLING)


def test_resolution_interpolates_the_first_crossing() -> None:
    found = resolution(curve([1, 0.8, 0.4, 0.1, 0.9]), 0.5)
    assert found.angstrom == pytest.approx(1 / 0.275)
    assert not found.is_bound


def test_resolution_never_crossed_is_a_bound() -> None:
    assert resolution(curve([1, 0.8, 0.6]), 0.5) == (pytest.approx(1 / 0.3), True)


def test_resolution_of_nothing_is_infinite() -> None:
    assert resolution(curve([0.2, 0.9]), 0.5) == (math.inf, False)
    assert resolution(curve([0.2, 0.9]), 0.5, low=0.1) == (pytest.approx(1 / 0.2), True)
    assert resolution(curve([0.2, 0.9]), 0.5, low=3) == (math.inf, False)


def test_band_mean_is_open_at_both_ends_and_counts_missing_shells_as_zero() -> None:
    values = curve([1, 0.8, 0.6, 0.2], step=0.125)
    assert band_mean(values, 0.125, 0.5) == pytest.approx(0.7)
    assert band_mean(values, 0.3, 0.7) == pytest.approx(0.8 / 3)


def test_band_without_shells_is_refused() -> None:
    with pytest.raises(StudyError, match="band_per_angstrom"):
        band_mean(curve([1, 1]), 0.11, 0.19)
