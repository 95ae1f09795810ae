"""Knowns and unknowns: against the paper's count, areas and the definition of the dose."""

from pathlib import Path

import numpy as np
import pytest
import shared
import torch

from ptychobasis.bases.basis import Request
from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.bases.registry import build_basis
from ptychobasis.forward.layout import lay_out_scan
from ptychobasis.forward.waves import probe_spectrum, propagator
from ptychobasis.reconstruction.counting import count, illumination
from ptychobasis.reconstruction.objective import prepare
from ptychobasis.reconstruction.result_file import Counting
from ptychobasis.reconstruction.settings import ReconstructionSettings
from ptychobasis.study.load import load_study

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]
OPTICS = shared.optics((64, 56), (0.2, 0.22))


def scan(ny: int, nx: int, step: float = 1.0) -> np.ndarray:
    y, x = np.mgrid[0:ny, 0:nx] * step
    return np.stack([y.ravel(), x.ravel()], axis=-1)


def counted(name: str, size: int = 0, **settings: object) -> Counting:
    """Of a small scan in two slices, on the detector's own grid."""
    positions, basis = scan(9, 7), build_basis(name, Request(OPTICS, size))
    stored = np.ones((len(positions), basis.size), np.float32)
    data = Compressed(stored, positions, basis, OPTICS)
    keys = {"model_pixels": None, "window_angstrom": None, "slice_depths_angstrom": (0.0, 15.0)}
    return prepare(data, ReconstructionSettings.model_validate(keys | settings), CPU).counting


def test_the_paper_has_about_200_unknowns_per_pattern_and_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    study = load_study("config/paper.yaml")
    optics, positions = study.optics(), study.scan_positions().reshape(-1, 2)
    layout = lay_out_scan(optics.detector, positions)
    depths = study.reconstruction.slice_depths_angstrom
    spectrum = probe_spectrum(optics.detector, optics)
    for slices in (depths[:1], depths):
        dose = illumination(layout, spectrum, optics.wavelength, slices)
        found = count((36, 0), dose, layout, optics.aperture)
        share = len(slices)
        assert found.unknowns / found.patterns == pytest.approx(share / 0.07**2, rel=0.06)
        # π (2a)² numbers per Å², and one pattern per Å²
        within = np.pi * (2 * 0.03 / 0.04866) ** 2
        assert found.unknowns_in_band / found.patterns == pytest.approx(share * within, rel=0.06)


def test_knowns_are_the_numbers_that_the_loss_compares() -> None:
    zernike = counted("zernike", 15)
    assert (zernike.patterns, zernike.knowns, zernike.zeros) == (63, 63 * 15, 0)
    assert counted("zernike", 15, dark_field="donut").zeros == 63
    dark = 64 * 56 - int(OPTICS.bright_field().sum())
    assert counted("zernike", 15, dark_field="pixels").zeros == 63 * dark
    assert counted("pixels").knowns == 63 * 64 * 56
    # pixels beyond the model's are not compared
    assert counted("pixels", model_pixels=(48, 40)).knowns == 63 * 48 * 40


def test_a_coarser_model_asks_for_fewer_pixels_but_for_as_much_of_the_band() -> None:
    fine, coarse = counted("zernike", 6), counted("zernike", 6, model_pixels=(48, 42))
    assert coarse.unknowns == pytest.approx(fine.unknowns * 0.75**2, rel=0.08)
    assert coarse.unknowns_in_band == pytest.approx(fine.unknowns_in_band, rel=0.08)


def test_slices_multiply_the_unknowns_and_a_band_limit_takes_from_them() -> None:
    one, three = (counted("zernike", 6, slice_depths_angstrom=d) for d in ((0.0,), (0.0, 3.0, 6.0)))
    assert three.unknowns == pytest.approx(3 * one.unknowns, rel=0.05)
    limited = counted("zernike", 6, slice_depths_angstrom=(0.0,), band_limit_per_angstrom=1.0)
    # a circle of radius 1 in a rectangle of 5 by 1 / 0.22
    assert limited.unknowns == pytest.approx(one.unknowns * np.pi * 0.2 * 0.22, rel=0.02)
    assert limited.unknowns_in_band == limited.unknowns
    twice = 2 * OPTICS.aperture
    same = counted("zernike", 6, slice_depths_angstrom=(0.0,), band_limit_per_angstrom=twice)
    assert same.unknowns == same.unknowns_in_band == one.unknowns_in_band


def test_the_dose_is_the_sum_of_probes_where_they_stand() -> None:
    positions = scan(3, 4, 0.83)
    layout = lay_out_scan(OPTICS.detector, positions)
    spectrum = probe_spectrum(OPTICS.detector, OPTICS)
    dose = illumination(layout, spectrum, OPTICS.wavelength, (0.0, 40.0))
    assert dose.shape == (2, *layout.shape)
    for found, depth in zip(dose, (0.0, 40.0), strict=True):
        wave = spectrum * propagator(OPTICS.detector, OPTICS.wavelength, depth)
        probe = abs(np.fft.fftshift(np.fft.ifft2(wave, norm="ortho"))) ** 2
        expected = np.zeros(layout.shape)
        for y, x in layout.starts:
            expected[y : y + 64, x : x + 56] += probe
        np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(dose.sum(axis=(1, 2)), 12)


def test_columns_are_ratios_of_the_counts() -> None:
    columns = Counting(10, 360, 20, 2000, 120).columns()
    assert columns == {
        "knowns": 360, "zeros": 20, "unknowns": 2000, "unknowns_in_band": 120,
        "unknowns_per_pattern": 200, "knowns_per_unknown_in_band": 3,
    }  # fmt: skip
