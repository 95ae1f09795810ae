"""Reconstructions of a small object whose patterns our own forward model made."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.convergence import ALONE, METHODS
from ptychobasis.bases.basis import Request
from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.bases.registry import build_basis
from ptychobasis.compute.devices import choose_device
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.forward.layout import lay_out_scan
from ptychobasis.forward.multislice import Multislice
from ptychobasis.forward.steps import one_step_each, propagation_steps
from ptychobasis.forward.waves import probe_spectrum
from ptychobasis.reconstruction import descent as module
from ptychobasis.reconstruction.descent import Descent
from ptychobasis.reconstruction.objective import prepare
from ptychobasis.reconstruction.run import reconstruct
from ptychobasis.reconstruction.settings import ReconstructionSettings as Settings

DETECTOR = Grid((32, 28), (0.3, 0.34))
OPTICS = Optics(60e3, 0.03, 30.0, DETECTOR)
SETTINGS = Settings(
    left_out=0,
    slice_depths_angstrom=(0.0, 15.0),
    epochs=40,
    batch=8,
    window_angstrom=None,
    propagation_step_angstrom=None,
    probe="known",
    device="cpu",
)


@dataclass(frozen=True)
class Sample:
    phase: np.ndarray
    patterns: np.ndarray
    positions: np.ndarray

    def compressed(self, name: str, size: int = 0) -> Compressed:
        basis = build_basis(name, Request(OPTICS, size))
        return Compressed(basis.forward(self.patterns), self.positions, basis, OPTICS)


@pytest.fixture(scope="module")
def sample() -> Sample:
    return atoms()


def atoms(absorption: float = 0.0) -> Sample:
    """Atoms of unequal height at places without symmetry, in two slices.

    Args:
        absorption: Absorption of an atom relative to its phase.
    """
    y, x = np.mgrid[0:6, 0:6] * 1.1
    positions = np.stack([y.ravel(), x.ravel()], axis=-1)
    layout = lay_out_scan(DETECTOR, positions)
    rows, columns = (
        layout.origin[i] + np.arange(layout.shape[i]) * DETECTOR.sampling[i] for i in (0, 1)
    )
    phase = np.zeros((2, *layout.shape))
    for s, cy, cx, height in ((0, 1.2, 2.3, 0.5), (0, 4.1, 3.9, 0.8), (1, 2.6, 4.6, 0.6),
                              (1, 4.4, 1.1, 0.7)):  # fmt: skip
        phase[s] += height * np.exp(-((rows[:, None] - cy) ** 2 + (columns - cx) ** 2) / 0.4)
    model = Multislice(layout, OPTICS.wavelength, one_step_each((0.0, 15.0)), dtype=torch.float64)
    spectrum = model.wave(probe_spectrum(DETECTOR, OPTICS))
    found = model.intensities(
        torch.as_tensor(phase * (1 + 1j * absorption) if absorption else phase),
        spectrum, np.arange(36),
    ).numpy()  # fmt: skip
    return Sample(phase, np.fft.fftshift(found, axes=(1, 2)), positions)


def agreement(found: np.ndarray, expected: np.ndarray) -> float:
    """Correlation of the projected phase within the scanned area."""
    centre = (slice(16, 33), slice(14, 29))
    a, b = found.sum(0)[centre].ravel(), expected.sum(0)[centre].ravel()
    return float(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize(
    ("name", "size", "least"),
    [("pixels", 0, 0.94), ("bright-field", 0, 0.94), ("zernike", 15, 0.9), ("binning", 3, 0.9)],
)
def test_the_object_is_found_where_it_is(
    sample: Sample, name: str, size: int, least: float
) -> None:
    result = reconstruct(sample.compressed(name, size), SETTINGS, seed=1)
    assert result.phase.array.shape == sample.phase.shape
    assert result.loss[-1] < 0.1 * result.loss[0]
    assert agreement(result.phase.array, sample.phase) > least
    assert agreement(result.phase.array[:, ::-1], sample.phase) < least - 0.2
    assert agreement(result.phase.array[:, :, ::-1], sample.phase) < least - 0.2


def test_an_absorbing_object_is_found_better_if_it_may_absorb() -> None:
    absorbing = atoms(0.3)
    data = absorbing.compressed("pixels")
    plain, found = (
        reconstruct(data, SETTINGS.model_copy(update={"absorption": absorbs}), seed=1)
        for absorbs in (False, True)
    )
    assert plain.absorption is None
    assert found.absorption is not None
    assert found.absorption.array.min() == 0
    assert agreement(found.phase.array, absorbing.phase) > 0.94
    assert agreement(plain.phase.array, absorbing.phase) < 0.8
    assert agreement(found.absorption.array, absorbing.phase) > 0.9
    assert found.loss[-1] < 0.3 * plain.loss[-1]


def test_amplitudes_of_pixels_find_it_too(sample: Sample) -> None:
    settings = SETTINGS.model_copy(update={"loss": "amplitude"})
    result = reconstruct(sample.compressed("pixels"), settings, seed=1)
    assert agreement(result.phase.array, sample.phase) > 0.94


def test_the_same_seed_gives_the_same_bits(sample: Sample) -> None:
    data = sample.compressed("zernike", 6)
    short = SETTINGS.model_copy(update={"epochs": 3})
    first, again, other = (reconstruct(data, short, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.phase.array, again.phase.array)
    np.testing.assert_array_equal(first.loss, again.loss)
    assert abs(first.phase.array - other.phase.array).max() > 1e-4


def test_positivity_is_kept_or_left(sample: Sample) -> None:
    data = sample.compressed("zernike", 6)
    free = SETTINGS.model_copy(update={"epochs": 3, "positivity": False})
    assert reconstruct(data, SETTINGS, 1).phase.array.min() >= 0
    assert reconstruct(data, free, 1).phase.array.min() < 0


@pytest.mark.parametrize("depths", [(0.0,), (0.0, 7.0, 15.0), (2.0, 4.0, 8.0, 11.0, 15.0)])
def test_any_number_of_slices(sample: Sample, depths: tuple[float, ...]) -> None:
    settings = SETTINGS.model_copy(update={"slice_depths_angstrom": depths, "epochs": 4})
    result = reconstruct(sample.compressed("bright-field"), settings, 1)
    assert len(result.phase.array) == len(depths)
    assert result.slice_depths == depths
    assert result.loss[-1] < result.loss[0]


@pytest.mark.parametrize("kind", ["donut", "bins", "pixels"])
def test_zeros_in_the_dark_field_weigh_in(sample: Sample, kind: str) -> None:
    data = sample.compressed("zernike", 15)
    settings = SETTINGS.model_copy(update={"dark_field": kind, "epochs": 4})
    without = SETTINGS.model_copy(update={"epochs": 4})
    first, second = reconstruct(data, settings, 1), reconstruct(data, without, 1)
    assert first.loss[0] > second.loss[0]
    assert first.loss[-1] < first.loss[0]


def test_a_coarser_model_of_the_same_window_finds_it(sample: Sample) -> None:
    settings = SETTINGS.model_copy(update={"model_pixels": (24, 22)})
    result = reconstruct(sample.compressed("zernike", 15), settings, 1)
    assert result.phase.sampling == pytest.approx((32 * 0.3 / 24, 28 * 0.34 / 22))
    assert result.loss[-1] < 0.15 * result.loss[0]


def test_a_diverging_run_stops_and_says_what_to_do(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    wild = SETTINGS.model_copy(update={"step_rad": 60.0, "positivity": False})
    data = sample.compressed("bright-field")
    broken = replace(data, coefficients=data.coefficients * np.float32("nan"))
    with pytest.raises(StudyError, match="diverged: loss nan after 1 epochs"):
        reconstruct(broken, SETTINGS, 1)
    kept = reconstruct(data, wild, 1)  # the curvature does not allow such a step
    assert kept.loss[-1] < kept.loss[0]
    monkeypatch.setattr(module, "_WEAK", 1e-6)  # as if any sample were strong
    with pytest.raises(StudyError, match=r"allowed: a smaller 'reconstruction\.step_rad'"):
        reconstruct(data, wild, 1)


@pytest.mark.parametrize("method", METHODS)
def test_other_methods_descend_too(sample: Sample, method: str) -> None:
    """Those of benchmarks/convergence.py, which nothing else runs."""
    data = sample.compressed("zernike", 15)
    alone = SETTINGS.model_copy(update=ALONE)
    objective = prepare(data, alone, torch.device("cpu"))
    spectrum, every = objective.spectrum(), np.arange(36)
    start = torch.zeros(2, *objective.forward.layout.shape)
    empty = objective.gradients(start, spectrum, every, probe=False).loss
    epochs, phase = METHODS[method](Descent(objective, alone), 0.05, 0.2)
    assert epochs >= 1
    assert objective.gradients(phase, spectrum, every, probe=False).loss < 0.9 * empty


def test_a_result_tells_how_it_was_made(sample: Sample) -> None:
    result = reconstruct(sample.compressed("zernike", 6), SETTINGS, 7)
    assert result.run.seed == 7
    assert result.run.stored_values == 6
    assert result.run.device == "cpu"
    assert result.run.patterns_per_second == pytest.approx(36 / result.run.seconds_per_epoch)
    assert result.run.processor_seconds_per_epoch > 0
    assert result.run.peak_memory_bytes > 10e6
    assert (result.run.pattern_pixels, result.run.wave_pixels) == (32 * 28, 32 * 28)
    assert result.config["epochs"] == 40
    assert abs(result.probe).argmax() == 16 * 28 + 14


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    def pretend(there: bool) -> Any:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: there)

    pretend(False)
    assert choose_device("auto").type == choose_device("cpu").type == "cpu"
    with pytest.raises(StudyError, match="'cuda' is not there"):
        choose_device("cuda")
    pretend(True)
    assert choose_device("auto").type == choose_device("auto", gpus=1).type == "cuda"
    assert choose_device("auto", gpus=0).type == "cpu"


def test_finer_steps_explain_a_thick_sample_better() -> None:
    """The true object of two slices that act all along their slabs, put into the model."""
    optics = Optics(60e3, 0.03, 0.0, DETECTOR)
    settings = SETTINGS.model_copy(update={"slice_depths_angstrom": (20.0, 60.0)})
    positions = np.stack(np.meshgrid([0.0, 1.1, 2.2], [0.0, 1.1, 2.2]), -1).reshape(-1, 2)
    layout = lay_out_scan(DETECTOR, positions)
    y, x = np.indices(layout.shape)
    middle = (y - layout.shape[0] / 2) ** 2 + (x - layout.shape[1] / 2) ** 2
    phase = torch.as_tensor(np.stack([1.0, 0.6])[:, None, None] * np.exp(-middle / 6.0))
    steps = propagation_steps(settings.slice_depths_angstrom, optics, 2.0)
    model = Multislice(layout, optics.wavelength, steps, dtype=torch.float64)
    spectrum = model.wave(probe_spectrum(DETECTOR, optics))
    patterns = np.fft.fftshift(model.intensities(phase, spectrum, np.arange(9)).numpy(), (1, 2))
    basis = build_basis("pixels", Request(optics, 0))
    data = Compressed(basis.forward(patterns), positions, basis, optics)

    def misfit(step: float | str | None) -> tuple[int, float]:
        keys = settings.model_copy(update={"propagation_step_angstrom": step})
        objective = prepare(data, keys, torch.device("cpu"))
        found = objective.gradients(
            phase.to(objective.forward.real), objective.spectrum(), np.arange(9), probe=False
        )
        return len(objective.forward.steps.depths), found.loss

    counts, losses = zip(*map(misfit, (None, "auto", 8.0, 2.0)), strict=True)
    assert counts == (2, 6, 10, 40)
    assert losses[0] > 10 * losses[1] > 20 * losses[2] > 0
    assert losses[3] < 1e-3 * losses[2]
