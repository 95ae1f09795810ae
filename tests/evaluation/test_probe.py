"""The probe as an unknown: its limits, its focus, its distance to the true one, joint runs."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shared
import torch

from ptychobasis.bases.basis import Request
from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.optics import Optics
from ptychobasis.core.variant import Variant
from ptychobasis.evaluation.probe_error import ProbeError, compare_probes
from ptychobasis.forward.layout import lay_out_scan
from ptychobasis.forward.multislice import Multislice
from ptychobasis.forward.steps import one_step_each
from ptychobasis.forward.waves import crop_probe, probe_spectrum, within_aperture
from ptychobasis.reconstruction.focus import find_defocus
from ptychobasis.reconstruction.grids import forward_grids
from ptychobasis.reconstruction.run import reconstruct
from ptychobasis.reconstruction.settings import ReconstructionSettings as Settings
from ptychobasis.report.figures.probe import draw_probes
from ptychobasis.report.tables import add_probes

OPTICS = shared.optics((48, 40), (0.25, 0.31), 12.0)
DETECTOR = OPTICS.detector
SETTINGS = Settings(
    left_out=0,
    slice_depths_angstrom=(0.0, 20.0),
    epochs=40,
    batch=8,
    window_angstrom=None,
    propagation_step_angstrom=None,
    probe="known",
    device="cpu",
)


def picture(optics: Optics, window: tuple[int, int] = DETECTOR.shape) -> np.ndarray:
    """The probe of the optics in real space, centred, as a result file holds it."""
    spectrum = crop_probe(probe_spectrum(DETECTOR, optics), window)
    return np.fft.fftshift(np.fft.ifft2(spectrum, norm="ortho"))


@pytest.fixture(scope="module")
def data() -> Compressed:
    """All pixels of patterns of a random structure, whose probe is 12 Å out of focus."""
    y, x = np.mgrid[0:6, 0:7] * 0.9
    positions = np.stack([y.ravel(), x.ravel()], axis=-1)
    layout = lay_out_scan(DETECTOR, positions)
    generator = np.random.default_rng(3)
    noise = generator.uniform(size=(2, *layout.shape))
    k2 = np.square(np.fft.fftfreq(layout.shape[0], 0.25))[:, None]
    k2 = k2 + np.square(np.fft.fftfreq(layout.shape[1], 0.31))
    smooth = np.fft.ifft2(np.fft.fft2(noise) * np.exp(-6 * k2)).real
    phase = torch.as_tensor(0.5 * (smooth - smooth.min()) / np.ptp(smooth))
    model = Multislice(layout, OPTICS.wavelength, one_step_each((0.0, 20.0)), dtype=torch.float64)
    spectrum = model.wave(probe_spectrum(DETECTOR, OPTICS))
    patterns = model.intensities(phase, spectrum, np.arange(len(positions))).numpy()
    basis = build_basis("zernike", Request(OPTICS, 21))
    coefficients = basis.forward(np.fft.fftshift(patterns, axes=(1, 2)))
    return Compressed(coefficients, positions, basis, OPTICS)


def test_the_aperture_holds_the_probe_and_little_else() -> None:
    inside = within_aperture(DETECTOR, OPTICS)
    spectrum = probe_spectrum(DETECTOR, OPTICS)
    assert np.abs(spectrum[~inside]).max() == 0
    lit = (np.abs(spectrum) > 0).sum()
    assert lit <= inside.sum() < 1.35 * lit


@pytest.mark.parametrize("window", [(48, 40), (36, 30)])
@pytest.mark.parametrize("defocus", [-17.0, 0.0, 6.5])
def test_a_defocused_probe_is_that_far_off(window: tuple[int, int], defocus: float) -> None:
    probe = picture(replace(OPTICS, defocus=OPTICS.defocus + defocus), window)
    error = compare_probes(probe, DETECTOR.sampling, OPTICS)
    # a small window cuts off what tells a large defocus
    assert error.defocus == pytest.approx(defocus, abs=0.05 if window == (48, 40) else 1.5)
    assert error.outside < 0.01
    assert (error.distance < 1e-6) == (defocus == 0)
    assert error.norm == pytest.approx(1, abs=0.05)


def test_phase_size_and_place_are_no_errors() -> None:
    probe = np.roll(picture(OPTICS), (3, -2), axis=(0, 1)) * (0.3 - 0.4j)
    error = compare_probes(probe, DETECTOR.sampling, OPTICS)
    assert error.distance < 1e-3
    assert error.norm == pytest.approx(0.5, abs=1e-6)


def test_energy_outside_the_aperture_is_told() -> None:
    spectrum = probe_spectrum(DETECTOR, OPTICS)
    inside = within_aperture(DETECTOR, OPTICS)
    ring = ~inside / math.sqrt((~inside).sum())
    mixed = math.sqrt(0.75) * spectrum + math.sqrt(0.25) * ring
    probe = np.fft.fftshift(np.fft.ifft2(mixed, norm="ortho"))
    error = compare_probes(probe, DETECTOR.sampling, OPTICS)
    assert error.outside == pytest.approx(0.25, abs=1e-9)
    assert error.distance == pytest.approx(math.sqrt(2 - 2 * math.sqrt(0.75)), abs=1e-6)


@pytest.mark.parametrize("best", [-7.0, 3.3])
def test_the_search_finds_the_best_defocus(best: float) -> None:
    asked = []

    def misfit(defocus: float) -> float:
        asked.append(defocus)
        return 1 + (defocus - best) ** 2 / 900

    assert find_defocus(misfit, 0.0, 30.0) == pytest.approx(best, abs=0.5)
    assert max(map(abs, asked)) <= 30
    assert len(asked) <= 15


def test_the_window_holds_every_defocus_of_the_search(data: Compressed) -> None:
    auto = SETTINGS.model_copy(update={"window_angstrom": "auto"})
    large = replace(data, optics=shared.optics((160, 130), (0.25, 0.31), 12.0))
    shapes = [
        forward_grids(large, auto.model_copy(update=keys))[1].shape
        for keys in ({}, {"focus_search_angstrom": 60.0}, {"probe_defocus_angstrom": 72.0})
    ]
    assert shapes[0] < shapes[1] == shapes[2] < (160, 130)


def run(data: Compressed, **keys: object) -> tuple[float, ProbeError]:
    result = reconstruct(data, SETTINGS.model_copy(update=keys), seed=1)
    return float(result.loss[-1]), compare_probes(result.probe, result.phase.sampling, OPTICS)


def test_a_known_probe_stays_as_it_is(data: Compressed) -> None:
    result = reconstruct(data, SETTINGS.model_copy(update={"epochs": 3}), seed=1)
    np.testing.assert_allclose(result.probe, picture(OPTICS), atol=1e-6)


def test_a_wrong_focus_is_found_by_the_search(data: Compressed) -> None:
    _, wrong = run(data, probe_defocus_angstrom=-8.0, epochs=2)
    _, found = run(data, probe_defocus_angstrom=-8.0, epochs=2, focus_search_angstrom=40.0)
    assert wrong.defocus == pytest.approx(-20, abs=0.1)
    assert abs(found.defocus) < 4


def test_a_joint_probe_explains_more_and_comes_closer(data: Compressed) -> None:
    start = {"probe_defocus_angstrom": 0.0, "probe_start_epoch": 5}
    loss, before = run(data, **start)
    less, after = run(data, **start, probe="joint")
    least, free = run(data, **start, probe="joint", probe_pull=0.0)
    assert least < less < 0.95 * loss
    assert after.distance < 0.9 * before.distance > free.distance


def test_only_the_aperture_keeps_a_joint_probe_from_the_dark_field(data: Compressed) -> None:
    joint = {"probe": "joint", "probe_pull": 0.0, "probe_start_epoch": 5, "probe_step": 0.2}
    _, kept = run(data, **joint)
    _, free = run(data, **joint, probe_band_limit=False)
    assert kept.outside < 1e-6
    assert free.outside > 1e-3


def test_probes_are_drawn_beside_the_true_one(data: Compressed) -> None:
    blurred = reconstruct(
        data, SETTINGS.model_copy(update={"epochs": 1, "probe_defocus_angstrom": 90.0}), seed=1
    )
    figure = draw_probes([("blurred", blurred)], OPTICS)
    above, below = np.array(figure.axes).reshape(2, 2)
    assert [axes.get_title() for axes in above] == ["true", "blurred"]
    assert "focus +" in below[1].get_xlabel()
    true, found = (np.asarray(axes.get_images()[0].get_array()) for axes in above)
    assert true.max() == pytest.approx(1)
    assert found.max() < 0.8  # spread over a larger disc
    # both spectra fill the aperture alike
    for axes in below:
        picture = np.asarray(axes.get_images()[0].get_array())
        inside = within_aperture(DETECTOR, OPTICS)
        assert picture[np.fft.fftshift(~inside)].max() < 0.05
    # every panel is filled, so that its scale bar and letter stand on the picture
    for axes in figure.axes:
        left, right, bottom, top = axes.get_images()[0].get_extent()
        assert left <= axes.get_xlim()[0] < axes.get_xlim()[1] <= right
        assert top <= axes.get_ylim()[1] < axes.get_ylim()[0] <= bottom


def test_the_table_tells_the_errors_of_every_probe() -> None:
    summary = pd.DataFrame({"sweep": ["a", "a", "b"], "size": ["1", "1", "2"], "mean_fsc": 0.5})
    errors = {
        Variant("a", "1"): ProbeError(0.1, 0.2, 3.0, 1.0),
        Variant("b", "2"): ProbeError(0, 0, 0, 1),
    }
    table = add_probes(summary, errors)
    assert table["probe_outside"].tolist() == [0.1, 0.1, 0]
    assert table["probe_defocus"].tolist() == [3, 3, 0]
