"""What tells slices apart: synthetic columns whose every slice has its own number of atoms."""

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import NDArray

from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.core.variant import Variant
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Truth
from ptychobasis.evaluation.compare import evaluate
from ptychobasis.evaluation.depth import correlations, depth_table, in_band, unshared
from ptychobasis.evaluation.field import true_phase
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.evaluation.window import apodisation_window
from ptychobasis.reconstruction.result_file import Reconstruction, Run
from ptychobasis.report.figures.depth import draw_depth, unshared_volume

Array = NDArray[np.floating]
ENERGY, ZERNIKE = 60e3, Variant("zernike", "36")
DEPTHS = (0.0, 10.0, 20.0, 30.0)  # of 30 Å: the outer two stand for half as much
GRID, ORIGIN = Grid((80, 100), (0.25, 0.26)), (1.0, 2.0)
POSITIONS = np.stack(np.meshgrid(np.arange(4.0, 18), np.arange(5.0, 25), indexing="ij"), -1)
KEYS = Evaluation(reference="uncompressed/all", band_per_angstrom=(0.15, 1.2))
RUN = Run("zernike", 36, "cpu", 0, 2.0, 1.5, 288.0, 1, 4, 4)


def sample(alike: bool = False, layers: int = 12) -> Truth:
    """Columns through 30 Å, in each layer of each an atom or two; or one everywhere."""
    shape, step = (170, 220), 0.14
    y, x = (np.arange(1.5, n * step, 2.3) for n in shape)
    along_y, along_x = (
        np.exp(-((np.arange(n)[:, None] * step - at) ** 2) / (2 * 0.4**2))
        for n, at in zip(shape, (y, x), strict=True)
    )
    atoms = 1.0 + np.random.default_rng(5).integers(0, 2, (layers, len(y), len(x))) * (not alike)
    potential = 20 * along_y @ atoms @ along_x.T
    volume = Volume(potential.astype(np.float32), (step, step), (0.0, 0.0))
    return Truth(volume, 30 / layers)


def recon(change: Callable[[Array], Array], truth: Truth | None = None) -> Reconstruction:
    """A perfect reconstruction with its ``(slices, y, x)`` changed."""
    phase = change(true_phase(truth or sample(), ENERGY, DEPTHS, GRID, ORIGIN).array)
    return Reconstruction(
        Volume(phase.astype(np.float32), GRID.sampling, ORIGIN), np.ones((64, 64), np.complex64),
        np.array([1.0]), DEPTHS[: len(phase)], ENERGY, RUN, {},
    )  # fmt: skip


def mixed(matrix: Array) -> Callable[[Array], Array]:
    return lambda slices: np.einsum("ij,jyx->iyx", matrix, slices)


def table(result: Reconstruction, truth: Truth | None = None) -> pd.DataFrame:
    return depth_table(result, ZERNIKE, POSITIONS, truth or sample(), KEYS)


def matrix(found: pd.DataFrame, column: str) -> Array:
    return found.pivot(index="slice", columns="true_slice", values=column).to_numpy()


def test_a_perfect_reconstruction_gives_the_unit_matrix() -> None:
    found = table(recon(lambda slices: slices))
    np.testing.assert_allclose(matrix(found, "share"), np.eye(4), atol=2e-3)
    np.testing.assert_allclose(found["correlation"], found["perfect_correlation"], atol=2e-3)
    np.testing.assert_allclose(np.diag(matrix(found, "correlation")), 1, atol=1e-3)
    assert matrix(found, "correlation")[~np.eye(4, dtype=bool)].max() < 0.2
    assert found["share_error"].max() < 2e-3
    assert found["true_depth_angstrom"].tolist() == list(DEPTHS) * 4
    assert found["depth_angstrom"].tolist() == np.repeat(DEPTHS, 4).tolist()


def test_the_slices_fsc_is_the_diagonal_and_does_not_tell_depths_apart() -> None:
    result = recon(lambda slices: slices)
    summary = evaluate(result, ZERNIKE, POSITIONS, KEYS, truth=sample()).summary
    fsc = matrix(table(result), "mean_fsc")
    np.testing.assert_allclose(np.diag(fsc), summary["mean_fsc"][:4], rtol=1e-6)
    assert fsc.min() > 0.6  # columns are there at every depth


def test_permuted_slices_give_the_permuted_matrix() -> None:
    order = [2, 0, 3, 1]
    straight, found = table(recon(lambda s: s)), table(recon(lambda s: s[order]))
    np.testing.assert_allclose(matrix(found, "share"), np.eye(4)[order], atol=2e-3)
    np.testing.assert_allclose(
        matrix(found, "correlation"), matrix(straight, "correlation")[order], atol=5e-3
    )


def test_an_object_that_is_the_same_at_all_depths_shows_no_depth() -> None:
    weights = np.outer([0.5, 1, 1, 0.5], np.full(4, 1 / 3))
    found = table(recon(mixed(weights)))
    np.testing.assert_allclose(found["correlation"], 0, atol=0.03)
    np.testing.assert_allclose(matrix(found, "share"), weights, atol=2e-3)


def test_leakage_into_neighbours_is_measured() -> None:
    leak = np.array([[0.7, 0.2, 0, 0], [0.3, 0.6, 0.2, 0], [0, 0.2, 0.6, 0.3], [0, 0, 0.2, 0.7]])
    np.testing.assert_allclose(matrix(table(recon(mixed(leak))), "share"), leak, atol=2e-3)


def test_shares_tell_the_scale_and_correlations_do_not() -> None:
    found = table(recon(lambda slices: 0.5 * slices))
    np.testing.assert_allclose(np.diag(matrix(found, "share")), 0.5, atol=1e-3)
    np.testing.assert_allclose(np.diag(matrix(found, "correlation")), 1, atol=1e-3)


def test_a_sample_whose_slices_are_alike_tells_nothing() -> None:
    truth = sample(alike=True)
    found = table(recon(lambda slices: slices, truth), truth)
    assert (found["perfect_correlation"] == 0).all()
    share = matrix(found, "share")
    np.testing.assert_allclose(share[1], share[2], atol=1e-3)
    np.testing.assert_allclose(share[:, 1], share[:, 2], atol=1e-3)


def test_standard_errors_are_the_scatter_of_noise() -> None:
    rng = np.random.default_rng(2)

    def noisy(slices: Array) -> Array:
        return slices + rng.normal(0, 0.05, slices.shape)

    tables = [table(recon(noisy)) for _ in range(12)]
    scatter = np.std([matrix(t, "share") for t in tables], axis=0).mean()
    expected = np.mean([t["share_error"].mean() for t in tables])
    assert 0.01 < scatter < 0.3
    assert scatter == pytest.approx(expected, rel=0.25)
    assert all((matrix(t, "correlation").argmax(axis=1) == range(4)).all() for t in tables)


def test_own_parts_leave_out_a_common_picture_of_any_strength() -> None:
    rng = np.random.default_rng(0)
    common, own = rng.normal(size=(30, 40)), rng.normal(size=(3, 30, 40))
    alike = np.array([0.5, 1, 2])[:, None, None] * common
    assert (unshared(alike) == 0).all()
    rest = unshared(alike + 0.1 * own)
    # as much as is left of the average over three independent pictures, and no more
    assert np.abs(correlations(rest, common[None])).max() < 0.05
    assert np.diag(correlations(rest, own)).min() > 0.4


def test_only_the_band_counts() -> None:
    y, x = (np.arange(n) * d for n, d in zip(GRID.shape, GRID.sampling, strict=True))
    waves = [np.cos(2 * np.pi * q * x) + 0 * y[:, None] for q in (1 / 13, 10 / 13, 18 / 13)]
    volume = Volume(np.stack(waves), GRID.sampling, ORIGIN)
    power = (in_band(volume, apodisation_window(GRID, 2.0), KEYS.band_per_angstrom) ** 2).mean(
        (1, 2)
    )
    assert power[1] > 0.2
    assert power[[0, 2]].max() < 0.1 * power[1]  # the window spreads some


def test_one_slice_is_compared_with_itself() -> None:
    one = replace(recon(lambda slices: slices.sum(axis=0, keepdims=True)), slice_depths=(0.0,))
    found = table(one)
    assert len(found) == 1
    assert found["share"].item() == pytest.approx(1, abs=1e-3)
    assert found["correlation"].item() == 0


def test_a_diverged_reconstruction_is_refused() -> None:
    with pytest.raises(StudyError, match="zernike/36 holds NaN"):
        table(recon(lambda slices: slices * np.nan))


def test_the_figure_writes_the_shares_and_draws_every_slice() -> None:
    result = recon(lambda slices: slices[::-1])
    own = unshared_volume(result.phase.cropped(POSITIONS), POSITIONS, KEYS)
    other = table(result).assign(size="10", share=7.77)
    rows = pd.concat([other, table(result)], ignore_index=True)
    figure = draw_depth(rows, {ZERNIKE: ("Zernike\n36 numbers", own)}, own, DEPTHS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FigureCanvasAgg(figure).draw()
    first = figure.axes[0]
    texts = [text.get_text() for text in first.texts]
    assert [float(text) for text in texts] == pytest.approx(np.eye(4)[::-1].ravel(), abs=0.01)
    drawn = [image for axes in figure.axes for image in axes.images]
    assert len(drawn) >= 9  # a matrix, and four slices twice; the colour bar may add one
    np.testing.assert_array_equal(drawn[1].get_array(), own.array[0])
    assert first.get_xlabel() == f"true slice (± {table(result)['share_error'].max():.2f})"
    assert "not shared, 30 Å" in [axes.get_title() for axes in figure.axes]
