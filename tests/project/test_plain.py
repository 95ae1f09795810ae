"""The plain reference of the panel, and what its table says."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from shared import optics

from benchmarks import panel, plain
from ptychobasis.bases.basis import Request
from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.volume import Volume
from ptychobasis.forward.multislice import Multislice
from ptychobasis.forward.steps import propagation_steps
from ptychobasis.forward.waves import crop_probe, probe_spectrum
from ptychobasis.reconstruction.losses import CoefficientLoss
from ptychobasis.reconstruction.settings import ReconstructionSettings

OPTICS = optics(defocus=20.0)
DEPTHS = (10.0, 40.0)  # slabs of 25 Å, which are cut into steps
SETTINGS = ReconstructionSettings(
    slice_depths_angstrom=DEPTHS,
    epochs=25,
    batch=6,
    left_out=0.1,
    device="cpu",
    window_angstrom=(7.8, 7.7),
)
BATCH = np.array([3, 0, 17])


def product(data: Compressed, dtype: torch.dtype) -> tuple[Multislice, torch.Tensor]:
    """The product's forward model on the same grids, and its probe."""
    layout = plain.model(data, SETTINGS).layout
    steps = propagation_steps(DEPTHS, OPTICS, "auto")
    assert steps.slices.count(0) > 1
    shape = OPTICS.detector.shape
    forward = Multislice(layout, OPTICS.wavelength, steps, shape, dtype=dtype)
    probe = crop_probe(probe_spectrum(OPTICS.detector, OPTICS), layout.window.shape)
    return forward, forward.wave(probe)


@pytest.fixture(scope="module")
def data() -> Compressed:
    """Numbers of a few atoms in two slices, from the product's forward model."""
    y, x = np.mgrid[0:5, 0:6] * 0.9
    basis = build_basis("pixels", Request(OPTICS))
    empty = np.zeros((y.size, basis.size), np.float32)
    found = Compressed(empty, np.stack([y.ravel(), x.ravel()], axis=-1), basis, OPTICS)
    forward, spectrum = product(found, torch.float32)
    phase = torch.as_tensor(atoms(forward.layout.shape)).float()
    patterns = forward.intensities(phase, spectrum, np.arange(y.size)).numpy()
    return replace(found, coefficients=basis.forward(np.fft.fftshift(patterns, axes=(1, 2))))


def atoms(shape: tuple[int, int]) -> np.ndarray:
    """Phase ``(2, y, x)`` of atoms at random places [rad]."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    places = np.random.default_rng(3).uniform(8, min(shape) - 8, (2, 6, 2))
    return np.array([
        sum(0.5 * np.exp(-((y - a) ** 2 + (x - b) ** 2) / 4) for a, b in each) for each in places
    ])  # fmt: skip


def test_plain_patterns_are_those_of_the_product(data: Compressed) -> None:
    forward, spectrum = product(data, torch.float64)
    own = plain.model(data, SETTINGS, torch.float64)
    phase = torch.as_tensor(atoms(forward.layout.shape))
    assert own.layout.window.shape != own.detector
    found = own.patterns(phase, BATCH)
    np.testing.assert_allclose(found, forward.intensities(phase, spectrum, BATCH), atol=1e-15)


@pytest.mark.parametrize(("basis", "size"), [("zernike", 10), ("pixels", 0)])
@pytest.mark.parametrize("shape", [(30, 26), (26, 24)])
def test_plain_misfit_is_the_product_s_loss(
    data: Compressed, basis: str, size: int, shape: tuple[int, int]
) -> None:
    masks = build_basis(basis, Request(OPTICS, size))
    numbers = masks.forward(data.basis.adjoint(data.coefficients))
    stored = replace(data, basis=masks, coefficients=numbers)
    patterns = torch.rand((3, *shape), generator=torch.Generator().manual_seed(1)) / 100
    expected = CoefficientLoss(masks, numbers, shape)(patterns, BATCH)
    torch.testing.assert_close(plain.Misfit(stored, shape)(patterns, BATCH), expected)


def test_plain_descent_explains_patterns_that_it_did_not_see(data: Compressed) -> None:
    found = plain.reconstruct(data, SETTINGS, seed=1)
    assert found.misfit[-1] < 0.3 * found.misfit[0]
    assert found.phase.array.min() == 0
    forward, _ = product(data, torch.float32)
    phase = atoms(forward.layout.shape)
    assert np.corrcoef(found.phase.array.sum(0).ravel(), phase.sum(0).ravel())[0, 1] > 0.8


def test_plain_stays_at_the_truth(data: Compressed) -> None:
    layout = plain.model(data, SETTINGS).layout
    true = Volume(atoms(layout.shape), layout.window.sampling, layout.origin)
    found = plain.reconstruct(data, SETTINGS.model_copy(update={"epochs": 1}), 1, true)
    assert found.misfit[0] < 1e-4 < found.misfit[1]


@pytest.mark.parametrize(("asked", "count", "size"), [(32, 200, 32), ("auto", 340, 20),
                                                      ("auto", 90, 8)])  # fmt: skip
def test_batches(asked: int | str, count: int, size: int) -> None:
    assert plain.batch_size(asked, count) == size


def test_the_page_says_what_samples_are_for() -> None:
    lines = (ROOT / "config/panel/README.md").read_text().splitlines()
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in lines if row[:2] == "| "]
    uses = {row[0]: row[-1] for row in rows if row[0] in panel.SAMPLES}
    assert uses == {name: "judge" if name in panel.JUDGED else "choose" for name in panel.SAMPLES}


def test_totals_count_what_is_behind_and_what_failed() -> None:
    def row(sample: str, ahead: float, use: str = "judge") -> dict[str, object]:
        return {"sample": sample, "use": use, "ahead": ahead}

    table = pd.DataFrame([
        row(sample="au", ahead=0.01), row(sample="au", ahead=-0.004),
        row(sample="gan", ahead=-0.006), row(sample="gan", ahead=-0.2),
        row(sample="mos2", use="choose", ahead=np.nan),
    ])  # fmt: skip
    found = panel.totals(table, minutes=3).set_index("use")
    assert found["behind"].to_dict() == {"choose": 1, "judge": 2, "both": 3}
    assert found["samples_behind"].to_dict() == {"choose": 1, "judge": 1, "both": 2}
    assert found.loc["judge", "median_ahead"] == pytest.approx(-0.005)
