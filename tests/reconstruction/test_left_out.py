"""Patterns that are left out judge a model that was not adapted to them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_run import SETTINGS as ALL_PATTERNS
from test_run import Sample, sample

from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.reconstruction.left_out import choose_left_out, predict_left_out
from ptychobasis.reconstruction.losses import noise_of_roots
from ptychobasis.reconstruction.objective import Objective, prepare
from ptychobasis.reconstruction.result_file import LeftOut
from ptychobasis.reconstruction.run import reconstruct

__all__ = ["sample"]  # a fixture
SETTINGS = ALL_PATTERNS.model_copy(update={"left_out": 0.02})
CPU = torch.device("cpu")
ELECTRONS = 3e4


@pytest.mark.parametrize(
    ("count", "share", "wanted"),
    [(540, 0.02, 11), (144, 0.02, 8), (36, 0.02, 3), (5, 0.02, 0), (10_000, 0.02, 200), (99, 0, 0)],
)
def test_two_per_cent_at_least_eight_but_no_more_than_a_tenth(
    count: int, share: float, wanted: int
) -> None:
    chosen = choose_left_out(count, share, seed=4)
    assert len(set(chosen.tolist())) == len(chosen) == wanted
    assert (np.diff(chosen) > 0).all()
    assert ((chosen >= 0) & (chosen < count)).all()
    np.testing.assert_array_equal(chosen, choose_left_out(count, share, seed=4))
    if 0 < wanted < 100:
        assert chosen.tolist() != choose_left_out(count, share, seed=5).tolist()


def objective(data: Compressed, left_out: np.ndarray) -> Objective:
    return prepare(data, SETTINGS, CPU, left_out=left_out)


def test_no_step_sees_them(sample: Sample) -> None:
    data = sample.compressed("zernike", 15)
    chosen = choose_left_out(36, 0.02, 3)
    found = reconstruct(data, SETTINGS.model_copy(update={"epochs": 3}), 3, CPU)
    spoilt = data.coefficients.copy()
    spoilt[chosen] = 0.5 * spoilt[chosen][:, ::-1]
    scale = np.square(data.coefficients.astype(float)).sum(axis=1).mean()
    now = np.square(spoilt.astype(float)).sum(axis=1).mean()
    # the scale of the loss is a mean of all; it cancels in the steps but for rounding
    other = reconstruct(
        replace(data, coefficients=spoilt), SETTINGS.model_copy(update={"epochs": 3}), 3, CPU
    )
    assert found.left_out is not None
    assert other.left_out is not None
    assert found.left_out.patterns == len(chosen) == 3
    if abs(now / scale - 1) < 0.2:
        one, two = found.phase.array, other.phase.array
        assert np.abs(one - two).max() < 0.1 * np.abs(one).max()
    assert other.left_out.misfit > 2 * found.left_out.misfit


def test_the_true_object_explains_everything(sample: Sample) -> None:
    data = sample.compressed("pixels")
    chosen = choose_left_out(36, 0.1, 3)
    made = objective(data, chosen)
    assert set(made.fitted()) | set(chosen) == set(range(36))
    phase = torch.as_tensor(sample.phase, dtype=torch.float32)
    true = predict_left_out(made, phase, made.spectrum())
    empty = predict_left_out(made, torch.zeros_like(phase), made.spectrum())
    assert true is not None
    assert empty is not None
    assert true.misfit < 1e-3
    assert true.explained == pytest.approx(1, abs=1e-4)
    assert true.holds
    assert empty.explained == pytest.approx(0, abs=1e-6)
    assert math.isnan(true.sigmas)
    assert predict_left_out(objective(data, chosen[:0]), phase, made.spectrum()) is None


@pytest.mark.parametrize(("name", "size"), [("pixels", 0), ("bright-field", 0), ("zernike", 15)])
def test_noise_alone_is_one_sigma(sample: Sample, name: str, size: int) -> None:
    """The variance of coefficients under Poisson noise, against noise that was drawn."""
    counts = np.random.default_rng(0).poisson(ELECTRONS * sample.patterns)
    noisy = replace(sample, patterns=counts / ELECTRONS)
    data = replace(noisy.compressed(name, size), electrons=ELECTRONS)
    made = objective(data, np.arange(36))
    phase = torch.as_tensor(sample.phase, dtype=torch.float32)
    found = predict_left_out(made, phase, made.spectrum())
    assert found is not None
    assert found.sigmas == pytest.approx(1, abs=0.05)
    assert found.explained == pytest.approx(1, abs=0.02)
    assert found.beyond_noise < 0.3 * found.misfit


def test_roots_of_counts_have_the_noise_that_was_drawn() -> None:
    means = np.array([0.001, 0.1, 1.0, 10.0, 200.0])
    counts = np.random.default_rng(0).poisson(means, (400_000, 5))
    drawn = ((np.sqrt(counts) - np.sqrt(means)) ** 2).mean(0)
    np.testing.assert_allclose(noise_of_roots(means), drawn, rtol=0.02, atol=1e-4)


@pytest.mark.parametrize("electrons", [1e7, 3e4, 300])
def test_amplitudes_have_the_noise_of_counts(sample: Sample, electrons: float) -> None:
    counts = np.random.default_rng(0).poisson(electrons * sample.patterns)
    data = replace(sample, patterns=counts / electrons).compressed("bright-field")
    settings = SETTINGS.model_copy(update={"loss": "amplitude"})
    made = prepare(replace(data, electrons=electrons), settings, CPU, left_out=np.arange(36))
    phase = torch.as_tensor(sample.phase, dtype=torch.float32)
    found = predict_left_out(made, phase, made.spectrum())
    assert found is not None
    assert found.sigmas == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("name", "size"), [("pixels", 0), ("zernike", 15)])
def test_a_flipped_scan_is_no_explanation(
    sample: Sample, caplog: pytest.LogCaptureFixture, name: str, size: int
) -> None:
    data = sample.compressed(name, size)
    settings = SETTINGS.model_copy(update={"left_out": 0.1, "epochs": 25})
    right = reconstruct(data, settings, 1, CPU).left_out
    assert right is not None
    assert right.holds
    assert "does not explain" not in caplog.text
    flipped = replace(data, positions=np.ascontiguousarray(data.positions * [1, -1]))
    wrong = reconstruct(flipped, settings, 1, CPU).left_out
    assert wrong is not None
    assert not wrong.holds
    assert wrong.misfit > 2 * right.misfit
    assert "the model does not explain the data" in caplog.text


def test_a_weak_sample_need_not_be_explained() -> None:
    assert LeftOut(8, 0.02, 0.1, math.nan, 0.02).holds
    assert not LeftOut(8, 0.02, -0.1, math.nan, 0.02).holds
    assert LeftOut(8, 0.5, math.nan, 1.0, 0.02).holds  # the noise hides the sample
    assert LeftOut(8, 0.1, 0.3, math.nan, 0.1).holds
    assert not LeftOut(8, 0.1, 0.1, math.nan, 0.1).holds
    assert not LeftOut(8, 0.2, 0.2, math.nan, 0.2).holds
    assert LeftOut(8, 0.19, 0.8, math.nan, 0.19).holds
    assert not LeftOut(8, 0.19, 0.6, math.nan, 0.19).holds
    assert not LeftOut(8, 0.5, 0.8, math.nan, 0.5).holds
    assert LeftOut(8, 0.5, 0.8, 1.0, 0.05).holds  # noise
