from dataclasses import replace

import numpy as np
import pytest

from ptychobasis.core.electrons import interaction_constant
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.core.variant import Variant
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Truth
from ptychobasis.evaluation.compare import combine, evaluate
from ptychobasis.evaluation.field import layers_of_slices, true_phase
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.reconstruction.result_file import Counting, Reconstruction, Run

ENERGY = 60e3
DEPTHS = (0.0, 10.0)
ATOMS = np.random.default_rng(1).uniform((2, 1, 0), (20, 25, 20), (40, 3))  # y, x, depth


TRUTH_SAMPLING, TRUTH_ORIGIN = (0.14, 0.13), (-0.731, -1.113)
SAMPLING, ORIGIN = (0.27, 0.25), (1.05, 0.4)
ZERNIKE = Variant("zernike", "36")
KEYS = Evaluation(reference="uncompressed/all", band_per_angstrom=(0.15, 1.23))
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
    return Truth(Volume(np.stack(layers), TRUTH_SAMPLING, TRUTH_ORIGIN), 2.0)


def sample_recon() -> Reconstruction:
    """What a perfect reconstruction finds: 20 Å of sample, slices at 0 and 10 Å."""
    shape, upper = (70, 92), ATOMS[:, 2] // 2 * 2 + 1 <= 5
    sigma = interaction_constant(ENERGY)
    parts = [ATOMS[upper], ATOMS[~upper]]
    phase = [sigma * gaussians(shape, SAMPLING, ORIGIN, part) for part in parts]
    return Reconstruction(
        phase=Volume(np.stack(phase), SAMPLING, ORIGIN),
        probe=np.ones((64, 64), np.complex64),
        loss=np.array([1.0, 0.5]),
        slice_depths=DEPTHS,
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
    expected = recon.phase.array
    found = true_phase(sample_truth(), ENERGY, DEPTHS, recon.phase.grid, ORIGIN)
    assert expected.max() > 0.01
    np.testing.assert_allclose(found.array, expected, atol=2e-4 * expected.max())
    assert (found.sampling, found.origin) == (SAMPLING, ORIGIN)


@pytest.mark.parametrize("depths", [[0.0], [0, 5, 10, 15], [3, 4, 19]])
def test_slices_partition_the_total_potential(depths: list[float]) -> None:
    truth = sample_truth()
    grid = Grid((60, 80), (0.27, 0.25))
    whole = true_phase(truth, ENERGY, [0.0], grid, (2.0, 1.5)).array[0]
    parts = true_phase(truth, ENERGY, depths, grid, (2.0, 1.5)).array
    assert parts.shape == (len(depths), 60, 80)
    np.testing.assert_allclose(parts.sum(0), whole, atol=1e-12)


def test_grid_beyond_the_truth_is_refused() -> None:
    with pytest.raises(StudyError, match="true potential covers y"):
        true_phase(sample_truth(), ENERGY, DEPTHS, Grid((60, 20), (0.5, 0.5)), (0, 0))


def test_a_perfect_reconstruction_scores_one_against_the_truth() -> None:
    result = evaluate(sample_recon(), ZERNIKE, POSITIONS, KEYS, truth=sample_truth())
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


def test_absorption_is_told_as_its_mean_in_the_scanned_field() -> None:
    recon = sample_recon()
    absorption = np.full(recon.phase.array.shape, 7.0)
    like = recon.phase.cropped(POSITIONS)
    top, left = (round((a - b) / d) for a, b, d in zip(like.origin, ORIGIN, SAMPLING, strict=True))
    inside = (slice(top, top + like.grid.shape[0]), slice(left, left + like.grid.shape[1]))
    absorption[0][inside], absorption[1][inside] = 0.1, 0.04
    absorbing = replace(recon, absorption=replace(recon.phase, array=absorption))
    result = evaluate(absorbing, ZERNIKE, POSITIONS, KEYS, truth=sample_truth())
    np.testing.assert_allclose(result.summary["absorption_mean"], [0.1, 0.04, 0.07])
    plain = evaluate(recon, ZERNIKE, POSITIONS, KEYS, truth=sample_truth())
    assert "absorption_mean" not in plain.summary
    np.testing.assert_array_equal(plain.summary["mean_fsc"], result.summary["mean_fsc"])


def test_shift_ramp_and_offset_do_not_count() -> None:
    recon = sample_recon()
    tilted = recon.phase.array + 0.01 * np.arange(92) - 3
    moved = Volume(tilted, SAMPLING, (ORIGIN[0] + 0.4, ORIGIN[1] - 0.3))
    result = evaluate(replace(recon, phase=moved), ZERNIKE, POSITIONS, KEYS, truth=sample_truth())
    np.testing.assert_allclose(result.summary["mean_fsc"], 1, atol=2e-3)
    np.testing.assert_allclose(result.summary["shift_y_angstrom"], -0.4, atol=0.01)
    np.testing.assert_allclose(result.summary["shift_x_angstrom"], 0.3, atol=0.01)


def test_swapped_slices_score_low() -> None:
    recon = sample_recon()
    swapped = replace(recon, phase=replace(recon.phase, array=recon.phase.array[::-1]))
    result = evaluate(swapped, ZERNIKE, POSITIONS, KEYS, reference=recon)
    assert result.summary["mean_fsc"].max() < 0.5


def test_reference_on_a_coarser_grid_is_resampled() -> None:
    recon = sample_recon()
    coarse = Grid((40, 50), (0.45, 0.44))
    phase = true_phase(sample_truth(), ENERGY, DEPTHS, coarse, (1.3, 0.9))
    keys = KEYS.model_copy(update={"band_per_angstrom": (0.15, 0.9)})
    result = evaluate(recon, ZERNIKE, POSITIONS, keys, replace(recon, phase=phase))
    np.testing.assert_allclose(result.summary["mean_fsc"], 1, atol=2e-3)


def test_noise_lowers_score_and_resolution() -> None:
    recon = sample_recon()
    rng = np.random.default_rng(0)
    noise = 0.01 * rng.normal(size=recon.phase.array.shape)
    noisy = replace(recon, phase=replace(recon.phase, array=recon.phase.array + noise))
    result = evaluate(noisy, Variant("binning", "7"), POSITIONS, KEYS, recon, sample_truth())
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
        evaluate(recon, ZERNIKE, POSITIONS, KEYS, reference=other)


def test_a_diverged_reconstruction_is_refused() -> None:
    recon = sample_recon()
    phase = recon.phase.array.copy()
    phase[0, 30, 40] = np.nan
    diverged = replace(recon, phase=replace(recon.phase, array=phase))
    with pytest.raises(StudyError, match="zernike/36 holds NaN"):
        evaluate(diverged, ZERNIKE, POSITIONS, KEYS, reference=recon)


def test_nothing_to_compare_with_is_refused() -> None:
    with pytest.raises(StudyError, match=r"evaluation\.reference"):
        evaluate(sample_recon(), ZERNIKE, POSITIONS, KEYS)


def test_tables_combine() -> None:
    recon = sample_recon()
    one = evaluate(recon, ZERNIKE, POSITIONS, KEYS, recon)
    both = combine([one, one])
    assert len(both.curves) == 2 * len(one.curves)
    assert both.summary.index.is_unique


def test_counts_are_columns_where_someone_counted() -> None:
    counting = Counting(400, 14400, 0, 40000, 3600)
    recon = replace(sample_recon(), counting=counting)
    counted = evaluate(recon, ZERNIKE, POSITIONS, KEYS, truth=sample_truth())
    assert set(counted.summary["unknowns_per_pattern"]) == {100.0}
    assert set(counted.summary["knowns_per_unknown_in_band"]) == {4.0}
    plain = evaluate(sample_recon(), ZERNIKE, POSITIONS, KEYS, truth=sample_truth())
    assert not set(counting.columns()) & set(plain.summary)


def test_strength_and_columns_are_in_the_summary() -> None:
    """Half the strength is no matter of the correlation, but of the scale."""
    recon = sample_recon()
    weak = replace(recon, phase=replace(recon.phase, array=recon.phase.array * [[[0.5]], [[2.0]]]))
    summary = evaluate(weak, ZERNIKE, POSITIONS, KEYS, truth=sample_truth()).summary
    np.testing.assert_allclose(summary["scale"][:2], [0.5, 2.0], rtol=2e-3)
    assert 0.5 < summary["scale"][2] < 2.0
    assert summary["column_error_pm"].isna().tolist() == [True, True, False]
    perfect = evaluate(recon, ZERNIKE, POSITIONS, KEYS, truth=sample_truth()).summary
    assert perfect["column_error_pm"][2] < 0.5
    assert perfect["columns_found"][2] == 1
