"""The engine's chunks, threads, padding and adjoint against a plain multislice and autograd."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from shared import optics
from through import differentiable, plain_patterns

from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.forward import kernels
from ptychobasis.forward import multislice as engine
from ptychobasis.forward.fft import plan_fft
from ptychobasis.forward.layout import lay_out_scan
from ptychobasis.forward.multislice import Multislice
from ptychobasis.forward.steps import one_step_each
from ptychobasis.forward.waves import probe_spectrum

OPTICS = optics((24, 20), (0.5, 0.4), defocus=8.0)
GRID = OPTICS.detector
POSITIONS = np.stack(np.meshgrid([0.0, 1.13, 2.2], [0.0, 0.4, 0.9, 2.71], indexing="ij"), -1)
BATCH = np.array([3, 7, 0, 11, 5])
DETECTORS = [None, (24, 20), (36, 25)]


def make(distances: list[float], **keys: Any) -> tuple[Multislice, torch.Tensor, torch.Tensor]:
    """A model in double precision, a random phase and the spectrum of the probe."""
    layout = lay_out_scan(GRID, POSITIONS.reshape(-1, 2))
    model = Multislice(
        layout,
        OPTICS.wavelength,
        one_step_each(np.cumsum([0.0, *distances]).tolist()),
        dtype=torch.float64,
        **keys,
    )
    generator = torch.Generator().manual_seed(len(distances))
    shape = (len(distances) + 1, *layout.shape)
    phase = torch.rand(shape, generator=generator, dtype=torch.float64)
    return model, phase, model.wave(probe_spectrum(GRID, OPTICS))


def square_loss(intensities: torch.Tensor, batch: np.ndarray) -> torch.Tensor:
    """Some loss of the intensities that differs between positions."""
    wanted = torch.as_tensor(batch, dtype=intensities.dtype)[:, None, None] * 1e-4
    return (intensities - wanted).square().sum() / len(batch)


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("distances", [[], [10.0], [10.0, 7.0, 13.0]])
def test_patterns_are_those_of_plain_multislice(
    distances: list[float], detector: tuple[int, int] | None
) -> None:
    model, phase, spectrum = make(distances, detector=detector)
    expected = plain_patterns(model, phase, spectrum, BATCH, OPTICS.wavelength, distances)
    np.testing.assert_allclose(model.intensities(phase, spectrum, BATCH), expected, atol=1e-15)
    assert expected.shape[1:] == (detector or GRID.shape)


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("distances", [[], [10.0], [10.0, 7.0, 13.0]])
def test_the_gradient_is_autograds(
    distances: list[float], detector: tuple[int, int] | None
) -> None:
    model, phase, spectrum = make(distances, detector=detector)
    value, gradient, _ = model.loss_and_gradient(phase, spectrum, BATCH, square_loss)
    leaf = phase.clone().requires_grad_()
    patterns = plain_patterns(model, leaf, spectrum, BATCH, OPTICS.wavelength, distances)
    expected = square_loss(patterns, BATCH)
    expected.backward()
    assert value == pytest.approx(expected.item(), rel=1e-12)
    assert leaf.grad is not None
    np.testing.assert_allclose(
        gradient, leaf.grad, rtol=0, atol=1e-12 * float(leaf.grad.abs().max())
    )


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("distances", [[], [10.0, 7.0]])
def test_the_gradient_of_the_probe_is_autograds(
    distances: list[float], detector: tuple[int, int] | None, threads: int
) -> None:
    model, phase, spectrum = make(distances, detector=detector, threads=threads)
    plain = model.loss_and_gradient(phase, spectrum, BATCH, square_loss)
    slope = model.loss_and_gradient(phase, spectrum, BATCH, square_loss, probe=True)
    leaf = spectrum.clone().requires_grad_()
    patterns = plain_patterns(model, phase, leaf, BATCH, OPTICS.wavelength, distances)
    square_loss(patterns, BATCH).backward()
    assert leaf.grad is not None
    assert slope.probe is not None
    np.testing.assert_allclose(
        slope.probe, leaf.grad, rtol=0, atol=1e-12 * float(leaf.grad.abs().max())
    )
    assert plain.probe is None
    assert torch.equal(plain.phase, slope.phase)


@pytest.mark.parametrize("detector", [None, (11, 8)])
def test_the_gradient_is_the_slope(detector: tuple[int, int] | None) -> None:
    small = Grid((6, 8), (0.7, 0.5))
    layout = lay_out_scan(small, POSITIONS.reshape(-1, 2))
    model = Multislice(
        layout, OPTICS.wavelength, one_step_each((0.0, 11.0, 20.0)), detector, torch.float64
    )
    spectrum = model.wave(probe_spectrum(small, replace(OPTICS, detector=small)))
    phase = torch.rand((3, *layout.shape), dtype=torch.float64).requires_grad_()
    value = differentiable(model, spectrum, BATCH, square_loss)
    assert torch.autograd.gradcheck(value, (phase,), atol=1e-7)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("chunk_bytes", [1, 3 * 6 * 24 * 20 * 16, 2**30])
def test_chunks_and_threads_change_nothing(
    monkeypatch: pytest.MonkeyPatch, threads: int, chunk_bytes: int
) -> None:
    model, phase, spectrum = make([10.0, 7.0])
    value, gradient, _ = model.loss_and_gradient(phase, spectrum, BATCH, square_loss)
    monkeypatch.setattr(engine, "_CHUNK_BYTES", chunk_bytes)
    other, *_ = make([10.0, 7.0], threads=threads)
    again, found, _ = other.loss_and_gradient(phase, spectrum, BATCH, square_loss)
    assert again == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(found, gradient, atol=1e-14 * float(gradient.abs().max()))


def fill_memory(monkeypatch: pytest.MonkeyPatch, most: int, after: int = 0) -> list[int]:
    """Let all passes but the first ones fail with more than `most` positions; their positions."""
    forward, counts = Multislice._forward, list[int]()

    def limited(self: Multislice, *arguments: Any) -> None:
        counts.append(len(arguments[-1]))
        if counts[-1] > most and len(counts) > after:
            raise torch.OutOfMemoryError("CUDA out of memory")
        forward(self, *arguments)

    monkeypatch.setattr(Multislice, "_forward", limited)
    return counts


@pytest.mark.parametrize("after", [0, 1])  # nothing or something was summed up already
def test_a_full_gpu_halves_its_chunks_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, after: int
) -> None:
    batch = np.arange(12)
    model, phase, spectrum = make([10.0, 7.0])
    expected = model.loss_and_gradient(phase, spectrum, batch, square_loss, probe=True)
    patterns = model.intensities(phase, spectrum, batch)
    monkeypatch.setattr(engine, "_CHUNK_BYTES", 6 * 6 * 24 * 20 * 16)  # two chunks of 6
    counts = fill_memory(monkeypatch, 3, after)
    model, *_ = make([10.0, 7.0])
    found = model.loss_and_gradient(phase, spectrum, batch, square_loss, probe=True)
    assert counts == [6] * (1 + after) + [3] * 4
    assert found.loss == pytest.approx(expected.loss, rel=1e-13)
    for ours, whole in ((found.phase, expected.phase), (found.probe, expected.probe)):
        assert ours is not None
        assert whole is not None
        np.testing.assert_allclose(ours, whole, atol=1e-14 * float(whole.abs().max()))
    np.testing.assert_allclose(model.intensities(phase, spectrum, batch), patterns, atol=1e-16)
    assert caplog.messages == [  # once: it stays with chunks that fit
        "out of memory on the GPU with 6 positions at a time; going on with 3"
    ]


def test_patterns_also_halve_their_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    model, phase, spectrum = make([10.0, 7.0])
    expected = model.intensities(phase, spectrum, BATCH)
    counts = fill_memory(monkeypatch, 1)
    np.testing.assert_allclose(model.intensities(phase, spectrum, BATCH), expected, atol=1e-16)
    assert counts == [5, 3, 2, 1, 1, 1, 1, 1]


def test_a_gpu_without_memory_for_one_position_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    model, phase, spectrum = make([10.0])
    fill_memory(monkeypatch, 0)
    with pytest.raises(StudyError, match="too small for a single position; allowed: "):
        model.loss_and_gradient(phase, spectrum, BATCH, square_loss)


def test_threads_give_the_same_bits_every_time() -> None:
    model, phase, spectrum = make([10.0], threads=2)
    batch = np.arange(12)
    first, *others = (
        model.loss_and_gradient(phase, spectrum, batch, square_loss) for _ in range(4)
    )
    for value, gradient, _ in others:
        assert value == first[0]
        assert torch.equal(gradient, first[1])


def test_waves_of_an_earlier_batch_leave_nothing_behind() -> None:
    model, phase, spectrum = make([10.0], detector=(36, 25))
    before = model.intensities(phase, spectrum, BATCH)
    model.loss_and_gradient(phase * 3, spectrum, BATCH[::-1].copy(), square_loss)
    assert torch.equal(model.intensities(phase, spectrum, BATCH), before)


def test_energy_is_kept_by_a_padded_far_field() -> None:
    model, phase, spectrum = make([10.0, 12.0], detector=(40, 32))
    total = model.intensities(phase, spectrum, BATCH).sum(dim=(1, 2))
    np.testing.assert_allclose(total, 1, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_loops_are_the_operations_of_torch(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    """What a GPU does, done on the CPU, against the loops."""
    generator = torch.Generator().manual_seed(0)

    def waves(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=dtype.to_complex())

    transmission, starts = waves(16, 14), np.array([[0, 3], [4, 0], [4, 1], [2, 2]])
    wave, exit_wave, far = waves(4, 12, 10), waves(4, 12, 10), waves(4, 9, 8)
    slope = torch.randn((4, 9, 8), generator=generator, dtype=dtype)
    found = []
    for numpy_ in (True, False):
        if not numpy_:  # a tensor of another device takes the operations of torch
            monkeypatch.setattr(kernels, "_on_cpu", lambda _: False)
        out, weighed = torch.empty_like(wave), far.clone()
        gradient, both = (torch.zeros((16, 14), dtype=d) for d in (dtype, dtype.to_complex()))
        kernels.transmit(wave, transmission, starts, out)
        for each in (gradient, both):
            adjoint = wave.clone()
            kernels.transmit_back(adjoint, exit_wave, transmission, starts, each)
        kernels.weigh(weighed, slope)
        found.append((out, adjoint, gradient, both, weighed, kernels.intensity(far)))
    for loop, operation in zip(*found, strict=True):
        torch.testing.assert_close(loop, operation)
    torch.testing.assert_close(found[0][3].real, found[0][2])


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_planned_transforms_are_those_of_numpy(dtype: torch.dtype) -> None:
    source, target = (torch.zeros((3, 12, 10), dtype=dtype) for _ in range(2))
    forward, back = plan_fft(source, target), plan_fft(target, target, inverse=True)
    values = torch.randn((3, 12, 10), dtype=dtype)
    source.copy_(values)
    forward()
    tolerance = 1e-5 if dtype == torch.complex64 else 1e-12
    np.testing.assert_allclose(target, np.fft.fft2(values.numpy()), atol=tolerance)
    back()
    np.testing.assert_allclose(target / 120, values, atol=tolerance)
