"""Geometry that cannot work is refused before any job, of simulations and of ready data sets.

Each limit has a good case and a bad one beside it.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shared
from ase import Atoms
from ase.io import write
from studies import ROOT, changed, measured, refusal

from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Truth
from ptychobasis.study import geometry_checks
from ptychobasis.study.geometry import cell_size, geometry
from ptychobasis.study.load import load_study
from ptychobasis.study.probe_extent import diameter, share_outside

SWEEPS = {"uncompressed": {"basis": "pixels"}, "zernike": {"basis": "zernike", "sizes": [36]}}
SIGMA = "simulation.frozen_phonons.sigma_angstrom"
NO_SIMULATION = dict.fromkeys(["crystal", "microscope", "scan", "detector", "simulation"])


@pytest.fixture(autouse=True)
def _in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def of_file(path: Path, **changes: Any) -> dict[str, Any]:
    """A study of a ready data set."""
    keys = {**NO_SIMULATION, "dataset.file": str(path), "sweeps": SWEEPS}
    return changed(keys | {"figures.compare": ["uncompressed/all"]} | changes)


def small(**changes: Any) -> dict[str, Any]:
    """The default study with two sweeps."""
    return changed({"sweeps": SWEEPS, "figures.compare": ["uncompressed/all"]} | changes)


OPTICS = Optics(60e3, 0.03, 0.0, Grid((128, 128), (35 / 128, 35 / 128)))


def test_the_share_of_a_focused_probe_is_that_of_the_airy_pattern() -> None:
    # square around a circle: Born and Wolf, 8.5.2, J0² + J1² is outside of a circle
    from scipy.special import j0, j1  # noqa: PLC0415

    half = 5.0
    v = 2 * math.pi * OPTICS.aperture * half
    circle = j0(v) ** 2 + j1(v) ** 2
    around = j0(v * math.sqrt(2)) ** 2 + j1(v * math.sqrt(2)) ** 2
    assert 0.95 * around < share_outside(OPTICS, (2 * half, 2 * half), 0.0) < circle


@pytest.mark.parametrize("distance", [2500.0, 2800.0])
def test_far_from_focus_the_probe_is_the_shadow_of_its_aperture(distance: float) -> None:
    radius = distance * 0.03
    share = share_outside(OPTICS, (radius, radius), distance)
    assert share == pytest.approx(1 - 1 / math.pi, abs=0.01)  # a square of r² in a disc of πr²
    assert diameter(OPTICS, distance) == pytest.approx(2 * radius, rel=0.02)


def test_500_angstrom_of_defocus_in_16_lie_outside_by_63_per_cent() -> None:
    assert share_outside(OPTICS, (16.0, 16.0), 500.0) == pytest.approx(0.63, abs=0.01)


@pytest.mark.parametrize(("good", "bad"), [(550.0, 640.0), (-460.0, -550.0)])
def test_the_probe_stays_in_the_detectors_window(tmp_path: Path, good: float, bad: float) -> None:
    """Through 92 Å of sample, whether the data are simulated or given."""
    told = "of it lies outside the detector's window of 35 x 35 Å; allowed: 5%"
    load_study(small(**{"microscope.defocus_angstrom": good}))
    message = refusal(small(**{"microscope.defocus_angstrom": bad}))
    assert message.startswith("config/mine.yaml: microscope.defocus_angstrom puts the probe up to")
    assert told in message
    load_study(of_file(measured(tmp_path / "good.h5", defocus=good)))
    message = refusal(of_file(measured(tmp_path / "bad.h5", defocus=bad)))
    assert "dataset.file" in message
    assert told in message


def test_the_probe_stays_in_the_window_of_the_model() -> None:
    load_study(small(**{"reconstruction.window_angstrom": [9.0, 9.0]}))
    message = refusal(small(**{"reconstruction.window_angstrom": [5.0, 5.0]}))
    assert "outside reconstruction.window_angstrom of 5 x 5 Å" in message
    message = refusal(small(**{"reconstruction.window_angstrom": [35.0, 35.1]}))
    assert (
        "reconstruction.window_angstrom is [35.0, 35.1]; allowed: up to the detector's" in message
    )


def test_a_search_of_the_focus_stays_in_the_window() -> None:
    keys = {"sweeps.zernike.reconstruction": {"probe_defocus_angstrom": 400}}
    load_study(small(**keys))
    keys["sweeps.zernike.reconstruction"]["focus_search_angstrom"] = 300
    assert "sweeps.zernike.reconstruction.probe_defocus_angstrom puts" in refusal(small(**keys))


@pytest.mark.parametrize(("pixels", "allowed"), [(68, True), (66, False)])
def test_the_camera_reaches_beyond_the_disc(tmp_path: Path, pixels: int, allowed: bool) -> None:
    """1.5 radii of 0.616 1/Å are 32.4 pixels of 1 / 35 1/Å on either side."""
    band = {"evaluation.band_per_angstrom": [0.15, 0.9], "claims.up_to_per_angstrom": 0.9}
    pair = [pixels, pixels]
    simulated = small(**{"detector.pixels": pair, **band})
    given = of_file(measured(tmp_path / "mine.h5", pixels=(pixels, pixels)), **band)
    for study in (simulated, given):
        if allowed:
            load_study(study)
        else:
            assert "radii along y; allowed: 1.5 radii or more" in refusal(study)


@pytest.mark.parametrize(("step", "allowed"), [(7.4, True), (7.6, False)])
def test_neighbouring_positions_overlap(tmp_path: Path, step: float, allowed: bool) -> None:
    """92.17 Å below the focus the probe is 2 x 92.17 x 0.03 + 1.22 x 0.0487 / 0.03 = 7.5 Å wide."""
    truth = Truth(Volume(np.zeros((24, 8, 8), np.float32), (0.2, 0.2), (0.0, 0.0)), 3.84)
    positions = shared.positions((5, 6), (step, step))
    file = measured(tmp_path / "mine.h5", positions=positions, truth=truth)
    simulated = small(**{"scan.shape": [5, 6], "scan.step_angstrom": [1, step]})
    for study in (simulated, of_file(file)):
        if allowed:
            load_study(study)
        else:
            assert "has steps of 7.6 Å along" in refusal(study)


@pytest.mark.parametrize(
    ("shape", "allowed"), [((4, 30), True), ((3, 30), False), ((1, 30), False)]
)
def test_a_field_is_large_enough_to_compare(
    tmp_path: Path, shape: tuple[int, int], allowed: bool
) -> None:
    """Eight pixels of the model, of 0.27 Å, are 2.2 Å; a line scan has none."""
    keys = {"evaluation.apodisation_angstrom": 1}
    positions = shared.positions(shape)
    given = of_file(measured(tmp_path / "mine.h5", positions=positions), **keys)
    for study in (small(**{"scan.shape": list(shape), **keys}), given):
        if allowed:
            load_study(study)
        else:
            assert "allowed: 2.188 Å or more along each axis, 8 pixels" in refusal(study)


def test_the_apodised_edges_of_a_data_set_leave_a_field(tmp_path: Path) -> None:
    file = measured(tmp_path / "mine.h5")
    load_study(of_file(file, **{"evaluation.apodisation_angstrom": 8.5}))
    told = refusal(of_file(file, **{"evaluation.apodisation_angstrom": 8.6}))
    assert "evaluation.apodisation_angstrom is 8.6; allowed: up to 8.5 Å" in told


def test_the_band_lies_below_the_nyquist_frequency(tmp_path: Path) -> None:
    file = measured(tmp_path / "mine.h5")
    for base in (small, lambda **keys: of_file(file, **keys)):
        load_study(base(**{"evaluation.band_per_angstrom": [0.15, 1.82]}))
        told = refusal(base(**{"evaluation.band_per_angstrom": [0.15, 1.84]}))
        assert "reaches 1.84; allowed: up to 1.829 1/Å" in told
        told = refusal(base(**{"evaluation.band_per_angstrom": [0.4, 0.45]}))
        assert "claims.up_to" in told or "3 shells" in told


def test_the_band_holds_shells_and_what_claims_ask_for() -> None:
    band = {"evaluation.band_per_angstrom": [1.0, 1.13]}
    load_study(small(**band))  # shells of 25 Å are 0.04 1/Å wide
    band = {"evaluation.band_per_angstrom": [1.0, 1.1]}
    assert "allowed: a band of 0.12 1/Å or wider, 3 shells" in refusal(small(**band))
    load_study(small(**{"claims.up_to_per_angstrom": 1.23}))
    told = refusal(small(**{"claims.up_to_per_angstrom": 1.24}))
    assert "claims.up_to_per_angstrom is 1.24; allowed: more than 0.15 and up to 1.23 1/Å" in told


def oxide(**changes: Any) -> dict[str, Any]:
    keys = {"sweeps": SWEEPS, "figures.compare": ["uncompressed/all"]}
    return changed(keys | changes, "oxide")


def test_slices_lie_within_the_sample_of_a_structure_file(tmp_path: Path) -> None:
    load_study(oxide(**{"reconstruction.slice_depths_angstrom": [0, 23.43]}))
    told = refusal(oxide(**{"reconstruction.slice_depths_angstrom": [0, 23.44]}))
    assert "reaches 23.44 Å; allowed: up to the sample's thickness, 23.43 Å" in told
    # along [110] the period is a √2
    keys = {"crystal.file.zone_axis": [2, 2, 0], "reconstruction.slice_depths_angstrom": [0, 33.13]}
    study = load_study(oxide(**keys))
    assert geometry(study).thickness == pytest.approx(6 * 3.905 * math.sqrt(2), rel=1e-3)
    keys["reconstruction.slice_depths_angstrom"] = [0, 33.2]
    assert "thickness, 33.14 Å" in refusal(oxide(**keys))


def test_what_a_structure_file_tells_is_found_when_the_study_is_planned(tmp_path: Path) -> None:
    cell = {"crystal.file.zone_axis": [1, 1, -2, 0]}
    assert (
        "crystal.file: config/structures/SrTiO3.cif: zone_axis is [1, 1, -2, 0], four"
        in refusal(oxide(**cell))
    )
    titania = Atoms(
        "TiO2", scaled_positions=[[0, 0, 0], [0, 0, 0.2], [0, 0, 0.8]], cell=[4, 4, 9.3]
    )
    titania.pbc = True
    file = str(tmp_path / "TiO2.xyz")
    write(file, [titania, titania])
    keys: dict[str, Any] = {"crystal.file.path": file, SIGMA: {"Ti": 0.07, "O": 0.1}}
    assert "holds 2 structures (0: TiO2, 1: TiO2)" in refusal(oxide(**keys))
    keys |= {"crystal.file.index": 1, "crystal.file.zone_axis": [1, 1, 1]}
    assert "right angles to the zone axis [1, 1, 1]" in (told := refusal(oxide(**keys)))
    assert "zone axes nearby that have them are [" in told
    keys["crystal.file.zone_axis"] = [1, 1, 0]
    assert geometry(load_study(oxide(**keys))).thickness == pytest.approx(6 * 4 * math.sqrt(2))


def test_vacuum_of_a_structure_file_counts_as_depth() -> None:
    """The first slice may lie below the surface, and empty space below the last."""
    keys: dict[str, Any] = {"crystal.file.vacuum_angstrom": [30, 10]}
    keys["reconstruction.slice_depths_angstrom"] = [30, 63.4]
    assert geometry(load_study(oxide(**keys))).thickness == pytest.approx(40 + 6 * 3.905, abs=1e-3)
    keys["reconstruction.slice_depths_angstrom"] = [30, 63.5]
    assert "up to the sample's thickness, 63.43 Å" in refusal(oxide(**keys))


def test_aberrations_keep_the_probe_in_its_window() -> None:
    load_study(small(**{"microscope.aberrations": {"astigmatism_angstrom": 40}}))
    told = refusal(small(**{"microscope.aberrations": {"spherical_mm": 0.2}}))
    assert (
        "microscope.aberrations spread the probe as 1892 Å of defocus do" in told
    )  # C30 α², and the thickness


def test_a_turned_scan_needs_a_larger_sample() -> None:
    flat, turned = (load_study(small(**{"scan.rotation_degrees": angle})) for angle in (0, 45))
    assert cell_size(turned)[0] > cell_size(flat)[0] + 3
    file = {"crystal.dislocation.size_angstrom": list(cell_size(flat)), "scan.rotation_degrees": 45}
    assert "which holds the scan, the window" in refusal(small(**file))


def test_slices_lie_within_the_truth_of_a_data_set(tmp_path: Path) -> None:
    truth = Truth(Volume(np.zeros((10, 8, 8), np.float32), (0.2, 0.2), (0.0, 0.0)), 3.0)
    file = measured(tmp_path / "mine.h5", truth=truth)
    load_study(of_file(file, **{"reconstruction.slice_depths_angstrom": [0, 30]}))
    told = refusal(of_file(file, **{"reconstruction.slice_depths_angstrom": [0, 30.1]}))
    assert "thickness, 30.00 Å" in told


def test_a_truth_that_is_too_coarse_limits_the_band(tmp_path: Path) -> None:
    truth = Truth(Volume(np.zeros((40, 8, 8), np.float32), (0.45, 0.45), (0.0, 0.0)), 3.0)
    file = measured(tmp_path / "mine.h5", truth=truth)
    assert "allowed: up to 1.111 1/Å" in refusal(of_file(file))


def test_a_wave_does_not_take_any_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slabs of the default study are 15.3, 30.7, 30.7 and 15.3 Å thick."""
    monkeypatch.setattr(geometry_checks, "MOST_STEPS", 48)
    load_study(small(**{"reconstruction.propagation_step_angstrom": 2}))
    message = refusal(small(**{"reconstruction.propagation_step_angstrom": 1}))
    assert "reconstruction.propagation_step_angstrom is 1.0, which makes 94 steps" in message
    assert "allowed: up to 48 steps" in message


def test_thick_samples_and_large_ones_are_refused() -> None:
    load_study(small(**{"crystal.repeats": 40, "reconstruction.slice_depths_angstrom": [0, 92]}))
    assert "crystal.repeats is 1400, a thickness of 5376 Å" in refusal(
        small(**{"crystal.repeats": 1400})
    )
    assert "voxels; allowed" in refusal(
        small(**{"crystal.dislocation.size_angstrom": [1900, 1900], "crystal.repeats": 80})
    )


def test_a_damaged_data_set_is_told_when_the_study_is_planned(tmp_path: Path) -> None:
    file = tmp_path / "mine.h5"
    file.write_text("no HDF5")
    assert f"dataset.file: {file}" in refusal(of_file(file))


def test_the_size_that_is_asked_for_is_the_size_that_null_makes() -> None:
    study = load_study(small())
    assert cell_size(study) == pytest.approx((15 + 35 + 8, 25 + 35 + 8))
    load_study(small(**{"crystal.dislocation.size_angstrom": list(cell_size(study))}))
    assert "at least 58" in refusal(small(**{"crystal.dislocation.size_angstrom": [52, 72]}))
    # waves of 1.15 times the window ask for more where it is large
    wide = {"detector.window_angstrom": [70, 70], "detector.pixels": [256, 256]}
    assert cell_size(load_study(small(**wide)))[0] == pytest.approx(15 + 1.15 * 70)
