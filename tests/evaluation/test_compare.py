from dataclasses import replace

import numpy as np
import pytest

from ptychobasis.core.electrons import interaction_constant
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.data.dataset import Truth
from ptychobasis.evaluation.compare import Measure, combine, evaluate
from ptychobasis.evaluation.field import layers_of_slices, scanned_field, truth_on_grid
from ptychobasis.reconstruction.result_file import Counting, Reconstruction, Run

ENERGY = 60e3
DEPTHS = (0.0, 10.0)
ATOMS = np.random.default_rng(1).uniform((2, 1, 0), (20, 25, 20), (40, 3))  # y, x, depth


TRUTH_SAMPLING, TRUTH_ORIGIN = (0.14, 0.13), (-0.731, -1.113)
SAMPLING, ORIGIN = (0.27, 0.25), (1.05, 0.4)
RUN = Run("zernike", 36, "cpu", 0, 2.0, 1.5, 288.0, 1, 4, 4)


def gaussians(
    shape: tuple[int, int],
    sampling: tuple[float, float],
    origin: tuple[float, float],
    atoms: np.ndarray,
    width: float = 0.4,
) -> np.ndarray:
    """Σ 10 exp(-r² / 2w²) [V·Å] sampled where asked."""
    y = origin[0] + np.arange(shape[0]) * sampling[0]
    x = origin[1] + np.arange(shape[1]) * sampling[1]
    gy = np.exp(-((y[:, None] - atoms[:, 0]) ** 2) / (2 * width**2))
    gx = np.exp(-((x[:, None] - atoms[:, 1]) ** 2) / (2 * width**2))
    return 10 * gy @ gx.T


def sample_truth() -> Truth:
    shape = (170, 220)
    layer = (ATOMS[:, 2] // 2).astype(int)
    layers = [gaussians(shape, TRUTH_SAMPLING, TRUTH_ORIGIN, ATOMS[layer == i]) for i in range(10)]
    return Truth(np.stack(layers), TRUTH_SAMPLING, TRUTH_ORIGIN, 2.0)


def sample_recon() -> Reconstruction:
    """What a perfect reconstruction finds: 20 Å of sample, slices at 0 and 10 Å."""
    shape, upper = (70, 92), ATOMS[:, 2] // 2 * 2 + 1 <= 5
    sigma = interaction_constant(ENERGY)
    parts = [ATOMS[upper], ATOMS[~upper]]
    phase = [sigma * gaussians(shape, SAMPLING, ORIGIN, part) for part in parts]
    return Reconstruction(
        phase=np.stack(phase),
        probe=np.ones((64, 64), np.complex64),
        loss=np.array([1.0, 0.5]),
        slice_depths=DEPTHS,
        sampling=SAMPLING,
        origin=ORIGIN,
        energy=ENERGY,
        run=RUN,
        config={},
    )


POSITIONS = np.stack(np.meshgrid(np.arange(3, 18), np.arange(3, 22), indexing="ij"), -1)


def test_layers_go_to_the_nearest_slice() -> None:
    owner = layers_of_slices(48, 1.92, [0, 30.7, 61.3, 92])
    middle = (np.arange(48) + 0.5) * 1.92
    expected = np.searchsorted([15.35, 46.0, 76.65], middle)
    assert owner.tolist() == expected.tolist()
    assert layers_of_slices(5, 1.0, [3.0]).tolist() == [0] * 5


def test_truth_on_grid_equals_the_analytical_sum_at_offset_origins() -> None:
    recon = sample_recon()
    grid = Grid((70, 92), recon.sampling)
    found = truth_on_grid(sample_truth(), ENERGY, DEPTHS, grid, recon.origin)
    assert recon.phase.max() > 0.01
    np.testing.assert_allclose(found, recon.phase, atol=2e-4 * recon.phase.max())


@pytest.mark.parametrize("depths", [[0.0], [0, 5, 10, 15], [3, 4, 19]])
def test_slices_partition_the_total_potential(depths: list[float]) -> None:
    truth = sample_truth()
    grid = Grid((60, 80), (0.27, 0.25))
    whole = truth_on_grid(truth, ENERGY, [0.0], grid, (2.0, 1.5))[0]
    parts = truth_on_grid(truth, ENERGY, depths, grid, (2.0, 1.5))
    assert parts.shape == (len(depths), 60, 80)
    np.testing.assert_allclose(parts.sum(0), whole, atol=1e-12)


def test_grid_beyond_the_truth_is_refused() -> None:
    with pytest.raises(StudyError, match="true potential covers y"):
        truth_on_grid(sample_truth(), ENERGY, DEPTHS, Grid((60, 20), (0.5, 0.5)), (0, 0))


def test_scanned_field_holds_the_pixels_between_the_outer_positions() -> None:
    rows, columns = scanned_field((70, 92), (0.5, 0.25), (1.0, -2.0), [[3.0, 0.1], [9.2, 6.0]])
    assert (rows.start, rows.stop) == (4, 17)  # 3.0 … 9.0 Å
    assert (columns.start, columns.stop) == (9, 33)  # 0.25 … 6.0 Å


def test_scan_outside_or_too_small_is_refused() -> None:
    with pytest.raises(StudyError, match="coordinate system"):
        scanned_field((20, 20), (0.5, 0.5), (0, 0), [[0, 0], [30, 5]])
    with pytest.raises(StudyError, match="at least 8"):
        scanned_field((20, 20), (0.5, 0.5), (0, 0), [[1, 1], [9, 2]])


def test_a_perfect_reconstruction_scores_one_against_the_truth() -> None:
    result = evaluate(sample_recon(), ("zernike", "36"), POSITIONS, truth=sample_truth())
    assert result.summary["slice"].tolist() == ["0", "1", "volume"]
    np.testing.assert_allclose(result.summary["mean_fsc"], 1, atol=1e-3)
    assert result.summary["shift_y_angstrom"].abs().max() < 0.01
    assert set(result.curves["against"]) == {"truth"}
    assert result.curves.columns.tolist() == [
        "sweep", "size", "basis", "stored_values", "against", "slice",
        "q_per_angstrom", "fsc", "samples",
    ]  # fmt: skip
    expected = {
        "final_loss": 0.5,
        "epochs": 2,
        "seconds_per_epoch": 2.0,
        "processor_seconds_per_epoch": 1.5,
        "pattern_pixels": 4,
        "wave_pixels": 4,
    }
    for column, value in expected.items():
        assert result.summary[column].tolist() == [value] * 3


def test_shift_ramp_and_offset_do_not_count() -> None:
    recon = sample_recon()
    moved = replace(recon, origin=(recon.origin[0] + 0.4, recon.origin[1] - 0.3))
    tilted = replace(moved, phase=moved.phase + 0.01 * np.arange(92) - 3)
    result = evaluate(tilted, ("zernike", "36"), POSITIONS, truth=sample_truth())
    np.testing.assert_allclose(result.summary["mean_fsc"], 1, atol=2e-3)
    np.testing.assert_allclose(result.summary["shift_y_angstrom"], -0.4, atol=0.01)
    np.testing.assert_allclose(result.summary["shift_x_angstrom"], 0.3, atol=0.01)


def test_swapped_slices_score_low() -> None:
    recon = sample_recon()
    swapped = replace(recon, phase=recon.phase[::-1])
    result = evaluate(swapped, ("zernike", "36"), POSITIONS, reference=recon)
    assert result.summary["mean_fsc"].max() < 0.5


def test_reference_on_a_coarser_grid_is_resampled() -> None:
    recon = sample_recon()
    coarse = Grid((40, 50), (0.45, 0.44))
    phase = truth_on_grid(sample_truth(), ENERGY, DEPTHS, coarse, (1.3, 0.9))
    reference = replace(
        recon, phase=phase.astype(np.float32), sampling=coarse.sampling, origin=(1.3, 0.9)
    )
    measure = Measure(band=(0.15, 0.9))
    result = evaluate(recon, ("zernike", "36"), POSITIONS, reference, measure=measure)
    np.testing.assert_allclose(result.summary["mean_fsc"], 1, atol=2e-3)


def test_noise_lowers_score_and_resolution() -> None:
    recon = sample_recon()
    rng = np.random.default_rng(0)
    noise = 0.01 * rng.normal(size=recon.phase.shape)
    noisy = replace(recon, phase=(recon.phase + noise).astype(np.float32))
    result = evaluate(noisy, ("binning", "7"), POSITIONS, recon, sample_truth())
    volume = result.summary[result.summary["slice"] == "volume"]
    assert volume["against"].tolist() == ["reference", "truth"]
    assert volume["mean_fsc"].between(0.2, 0.98).all()
    half, weak = volume["resolution_half"], volume["resolution_143"]
    assert (half >= weak).all()
    assert np.isfinite(half).all()


def test_other_slices_than_the_reference_are_refused() -> None:
    recon = sample_recon()
    other = replace(recon, slice_depths=(0.0, 12.0))
    with pytest.raises(StudyError, match="zernike/36 has slices at"):
        evaluate(recon, ("zernike", "36"), POSITIONS, reference=other)


def test_a_diverged_reconstruction_is_refused() -> None:
    recon = sample_recon()
    phase = recon.phase.copy()
    phase[0, 30, 40] = np.nan
    with pytest.raises(StudyError, match="zernike/36 holds NaN"):
        evaluate(replace(recon, phase=phase), ("zernike", "36"), POSITIONS, reference=recon)


def test_nothing_to_compare_with_is_refused() -> None:
    with pytest.raises(StudyError, match=r"evaluation\.reference"):
        evaluate(sample_recon(), ("zernike", "36"), POSITIONS)


def test_tables_combine() -> None:
    recon = sample_recon()
    one = evaluate(recon, ("zernike", "36"), POSITIONS, recon)
    both = combine([one, one])
    assert len(both.curves) == 2 * len(one.curves)
    assert both.summary.index.is_unique


def test_counts_are_columns_where_someone_counted() -> None:
    counting = Counting(400, 14400, 0, 40000, 3600)
    recon = replace(sample_recon(), counting=counting)
    counted = evaluate(recon, ("a", "1"), POSITIONS, truth=sample_truth())
    assert set(counted.summary["unknowns_per_pattern"]) == {100.0}
    assert set(counted.summary["knowns_per_unknown_in_band"]) == {4.0}
    plain = evaluate(sample_recon(), ("a", "1"), POSITIONS, truth=sample_truth())
    assert not set(counting.columns()) & set(plain.summary)
