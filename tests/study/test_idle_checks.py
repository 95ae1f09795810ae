"""Keys that would have no effect, names that are taken and values beyond physics are refused."""

from typing import Any

import pytest
from studies import ROOT, changed, refusal

from ptychobasis.study.load import load_study

PHONONS = "simulation.frozen_phonons"
JOINT = "sweeps.both.reconstruction"


@pytest.fixture(autouse=True)
def _in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


# one key, a value that is allowed, one beside it that is not, and what is said
LIMITS: list[tuple[str, Any, Any, str]] = [
    # without effect
    (f"{JOINT}.probe_start_epoch", 59, 60, "would never move; allowed: less than its 60 epochs"),
    (f"{JOINT}.probe", "joint", "known", "probe_pull is given for a known probe"),
    ("sweeps.known.reconstruction.probe_band_limit", None, False, "is given for a known probe"),
    ("sweeps.uncompressed.reconstruction.dark_field", "none", "donut", "leaves no pixel outside"),
    ("reconstruction.band_limit_per_angstrom", 1.82, 1.84, "beyond which the model holds nothing"),
    (f"{PHONONS}.sigma_angstrom.Si", 0.01, 0, "all alike, since every sigma_angstrom is 0"),
    (f"{PHONONS}.sigma_angstrom.Ge", None, 0.1, "allowed: elements of the crystal, Si"),
    ("figures.formats", ["png"], ["png", "png"], "allowed: each once"),
    ("figures.compare", ["zernike/36"], ["zernike/36", "zernike/36"], "allowed: each once"),
    # names
    ("study", "references", "reference", "holds published results"),
    ("study", "cons", "con", "a device of Windows"),
    ("study", "a" * 80, "a" * 81, "up to 80 characters"),
    ("study", "a-b_1", "../a", "text that matches"),
    ("study", "a_b", ".", "text that matches"),
    # physics, each with its unit
    (f"{PHONONS}.sigma_angstrom.Si", 0.5, 7.57, "allowed: a number from 0 to 0.5 Å"),
    (f"{PHONONS}.sigma_angstrom.Si", 0.1, 1e13, "allowed: a number from 0 to 0.5 Å"),
    (f"{PHONONS}.configurations", 1000, 10**15, "allowed: a whole number from 1 to 1000"),
    ("simulation.slice_thickness_angstrom", 10, 50, "allowed: a number from 0.1 to 10 Å"),
    ("simulation.slice_thickness_angstrom", 10, 1e300, "allowed: a number from 0.1 to 10 Å"),
    ("crystal.dislocation.lattice_constant_angstrom", 5.48, 54, "a number from 5.38 to 5.48 Å"),
    ("crystal.repeats", 26, 10**400, "a whole number from 1 to 10000"),
    ("microscope.voltage_kv", 65, 300_000, "a number from 5 to 3000 kV"),
    ("microscope.semi_angle_mrad", 30, 0.03, "a number from 0.1 to 150 mrad"),
    ("scan.step_angstrom", [1, 1], [1, 1e10], "a number from 0.01 to 500 Å"),
    ("detector.window_angstrom", [35, 35], [35, 35e9], "a number from 1 to 2000 Å"),
    ("detector.pixels", [128, 128], [128, 4097], "a whole number from 8 to 4096"),
    ("seeds", [2**32 - 1], [2**32], "a whole number from 0 to 4294967295"),
    ("simulation.batch", 4096, 4097, "a whole number from 1 to 4096"),
    ("reconstruction.epochs", 10_000, 10_001, "a whole number from 1 to 10000"),
    ("reconstruction.step_rad", 3.2, 3.3, "a number from 1e-05 to 3.2 rad"),
    (
        "reconstruction.model_pixels",
        "auto",
        "atuo",
        "allowed: 'auto' or 2 whole numbers from 8 to 4096 or null (did you mean 'auto'?)",
    ),
    ("reconstruction.model_pixels", [128, 128], [128, 7], "'auto' or 2 whole numbers from 8"),
    ("reconstruction.propagation_step_angstrom", 1, 0.9, "1 to 200"),
]


@pytest.mark.parametrize(
    ("key", "good", "bad", "told"), LIMITS, ids=[f"{x[0]}-{x[2]}"[:70] for x in LIMITS]
)
def test_limits(key: str, good: Any, bad: Any, told: str) -> None:
    load_study(changed({key: good} if good is not None else {}))
    message = refusal(changed({key: bad}))
    assert told in message
    assert len(message) < 500


def test_smoothness_along_the_beam_asks_for_several_slices() -> None:
    keys: dict[str, Any] = {"reconstruction.smoothness_along_beam": 0.1}
    load_study(changed(keys))
    keys |= {"reconstruction.slice_depths_angstrom": [0], "figures.slice": 1}
    assert "reconstruction.smoothness_along_beam is 0.1 for the only slice" in refusal(
        changed(keys)
    )


def test_steps_of_a_length_ask_for_several_slices() -> None:
    load_study(changed({"reconstruction.propagation_step_angstrom": 15}))
    keys: dict[str, Any] = {"reconstruction.slice_depths_angstrom": [0], "figures.slice": 1}
    load_study(changed(keys | {"reconstruction.propagation_step_angstrom": "auto"}))
    assert "reconstruction.propagation_step_angstrom is 15 for the only slice" in refusal(
        changed(keys | {"reconstruction.propagation_step_angstrom": 15})
    )


@pytest.mark.parametrize("path", ["masks{}.npy", "masks{seed}.npy", "a\nb.npy", "", "x" * 300])
def test_paths_that_cannot_be(path: str) -> None:
    own = {"basis": "file", "masks_file": path}
    assert "sweeps.own.masks_file is" in refusal(changed({"sweeps.own": own}))
