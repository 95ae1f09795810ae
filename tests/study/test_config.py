"""The configuration: what ships loads, what is wrong is refused in one sentence."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ase.build
import ase.io
import numpy as np
import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from studies import ABSENT, ROOT, changed, measured, refusal, shipped

from ptychobasis.bases.basis import Request
from ptychobasis.bases.registry import BASES, build_basis
from ptychobasis.core.errors import StudyError
from ptychobasis.core.seeds import derived_seed
from ptychobasis.core.variant import Variant
from ptychobasis.data.dataset import read_dataset
from ptychobasis.study import key_reference as config_docs
from ptychobasis.study.explain import fields_of
from ptychobasis.study.layers import read_layers
from ptychobasis.study.load import load_study
from ptychobasis.study.schema import Study

SHIPPED = ["demo", "paper", "oxide", "test"]


@pytest.fixture(autouse=True)
def _in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


OXIDE_FILE = {"path": "config/structures/SrTiO3.cif"}
OXIDE: dict[str, Any] = {"dislocation": None, "file": OXIDE_FILE, "repeats": 24}
GERMANIUM: dict[str, Any] = {"element": "Ge", "replaces": "Si", "share": 0.5}
SIGMA = "simulation.frozen_phonons.sigma_angstrom"
NO_SIMULATION: dict[str, Any] = dict.fromkeys(
    ["crystal", "microscope", "scan", "detector", "simulation"]
)

NOISY: dict[str, Any] = {"sweeps.svd.dose_electrons_per_angstrom2": 1e3}

# what is changed in demo.yaml, the key that is refused, and what is said to be allowed
REFUSALS: list[tuple[dict[str, Any], str, str]] = [
    # the schema
    ({"sweps": {}}, "sweps is not a key", "(did you mean 'sweeps'?)"),
    ({"microscope.voltage": 60}, "microscope.voltage is not a key", "mean 'voltage_kv'?"),
    ({"sweeps.svd.size": [3]}, "sweeps.svd.size is not a key", "mean 'sizes'?"),
    (
        {"sweeps.svd.reconstruction.epoch": 3},
        "sweeps.svd.reconstruction.epoch is not a key",
        "mean 'epochs'?",
    ),
    ({"study": ABSENT}, "study is missing", "allowed: name of the study"),
    ({"study": "My study"}, 'study is "My study"', "text that matches ^[a-z0-9]"),
    ({"sweeps.Zernike_2": {"basis": "pixels"}}, "sweeps.Zernike_2", "^[a-z0-9][a-z0-9-]*$"),
    ({"sweeps": {}}, "sweeps has too few entries", "1 or more entries"),
    ({"seed": 1}, "seed is not a key", "(did you mean 'seeds'?)"),
    ({"seeds": [1, -1]}, "seeds[1] is -1", "a whole number from 0 to 4294967295"),
    ({"seeds": []}, "seeds has too few entries", "1 or more entries"),
    ({"seeds": 2}, "seeds is 2", "a list such as [1, 2]"),
    ({"seeds": [1, 2, 1]}, "seeds is [1, 2, 1]", "each once"),
    (
        {"microscope.voltage_kv": 60000},
        "microscope.voltage_kv is 60000",
        "a number from 5 to 3000 kV",
    ),
    ({"microscope.voltage_kv": 0}, "microscope.voltage_kv is 0", "from 5 to 3000 kV"),
    ({"microscope.voltage_kv": "60 kV"}, 'microscope.voltage_kv is "60 kV"', "a number"),
    ({"microscope.defocus_angstrom": float("nan")}, "microscope.defocus_angstrom", "to 100000 Å"),
    ({"microscope": 60}, "microscope is 60", "keys with their values"),
    ({"scan.shape": [18]}, "scan.shape has too few values", "one more"),
    ({"scan.shape": [18, 30, 2]}, "scan.shape has too many entries", "2 values"),
    ({"scan.shape": [18, 30.5]}, "scan.shape[1] is 30.5", "a whole number"),
    (
        {"simulation.parametrization": "lobbato"},
        'simulation.parametrization is "lobbato"',
        "'lobato', 'kirkland' or 'peng' (did you mean 'lobato'?)",
    ),
    (
        {"simulation.dose_electrons_per_angstrom2": 1e4, **NOISY},
        "sweeps.svd.dose_electrons_per_angstrom2 is given beside simulation.dose",
        "one of the two, the other null",
    ),
    (
        {**NO_SIMULATION, "dataset.file": "config/demo.yaml", **NOISY},
        "sweeps.svd.dose_electrons_per_angstrom2 is given for a ready data set",
        "null",
    ),
    ({"sweeps.svd.store": "int16"}, 'sweeps.svd.store is "int16"', "mean 'int8'?"),
    (
        {"compression": {"dask_scheduler": "node17:8786"}},
        'compression.dask_scheduler is "node17:8786"',
        "text that matches ^(tcp|tls|ucx)://",
    ),
    (
        {"simulation.dose_electrons_per_angstrom2": 0},
        "simulation.dose_electrons_per_angstrom2 is 0",
        "a number from 0.01 to 1000000000 electrons/Å²",
    ),
    (
        {"simulation.frozen_phonons.configurations": 0},
        "simulation.frozen_phonons.configurations is 0",
        "a whole number from 1 to 1000",
    ),
    ({"reconstruction.epochs": 0}, "reconstruction.epochs is 0", "from 1 to 10000"),
    ({"reconstruction.batch": 0}, "reconstruction.batch is 0", "from 1 to 1000000"),
    ({"reconstruction.positivity": "yes"}, 'reconstruction.positivity is "yes"', "true or false"),
    (
        {"reconstruction.total_variation": -1},
        "reconstruction.total_variation is -1",
        "from 0 to 1000",
    ),
    (
        {"sweeps.svd.reconstruction.band_limit_per_angstrom": 1.0},
        "sweeps.svd.reconstruction.band_limit_per_angstrom is 1",
        "null, or 1.23, to where evaluation.band_per_angstrom averages, to 1.829 1/Å",
    ),
    ({"figures.formats": ["jpg"]}, 'figures.formats[0] is "jpg"', "'png', 'pdf' or 'svg'"),
    # the sample
    ({"detector": None}, "detector is missing", "a ready data set in dataset.file"),
    (
        {"crystal.file": OXIDE_FILE},
        "crystal holds both dislocation and file",
        "exactly one",
    ),
    ({"crystal.dislocation": None}, "crystal holds neither dislocation nor file", "exactly one"),
    ({"crystal.repeats": 25}, "crystal.repeats is 25", "multiples of crystal.disloc"),
    (
        {"crystal": OXIDE | {"file": {"path": "config/structures/SrTiO.cif"}}},
        "crystal.file.path is 'config/structures/SrTiO.cif'",
        "snakemake is run (did you mean 'SrTiO3.cif'?)",
    ),
    (
        {"crystal": OXIDE | {"file": {"path": "config/demo.yaml"}}},
        "crystal.file: config/demo.yaml: no crystal can be read",
        "any file that ASE reads",
    ),
    (
        {"crystal": OXIDE},
        "simulation.frozen_phonons.sigma_angstrom lacks O, Sr, Ti",
        "a displacement [Å] for each element",
    ),
    (
        {"crystal": OXIDE | {"file": OXIDE_FILE | {"zone_axis": [0, 0, 0]}}},
        "crystal.file: config/structures/SrTiO3.cif: zone_axis is [0, 0, 0]",
        "[0, 0, 1]",
    ),
    ({"crystal.substitution": GERMANIUM}, f"{SIGMA} lacks Ge", "a displacement [Å]"),
    (
        {"crystal.substitution": GERMANIUM | {"element": "Gee"}, f"{SIGMA}.Ge": 0.07},
        "crystal.substitution.element is 'Gee', which is no element",
        "(did you mean 'Ge'?)",
    ),
    (
        {"crystal.substitution": GERMANIUM | {"replaces": "C"}, f"{SIGMA}.Ge": 0.07},
        "crystal.substitution.replaces is 'C'",
        "an element of the crystal, Si",
    ),
    (
        {"crystal.substitution": GERMANIUM | {"element": "Si"}},
        "crystal.substitution.element is what it replaces, 'Si'",
        "another element",
    ),
    (
        {"crystal.substitution": GERMANIUM | {"depth_angstrom": [46, 15]}, f"{SIGMA}.Ge": 0.07},
        "crystal.substitution.depth_angstrom is [46.0, 15.0]",
        "ascending depths",
    ),
    (
        {"crystal.substitution": GERMANIUM | {"depth_angstrom": [93, 99]}, f"{SIGMA}.Ge": 0.07},
        "crystal.substitution.depth_angstrom starts at 93 Å",
        "less than the crystal's thickness, 92.17 Å",
    ),
    (
        {"crystal.substitution": GERMANIUM | {"share": 0}},
        "crystal.substitution.share is 0",
        "more than 0 and up to 1",
    ),
    (
        {"crystal.substitution": GERMANIUM | {"share": 1.1}},
        "crystal.substitution.share is 1.1",
        "more than 0 and up to 1",
    ),
    (
        {"simulation.frozen_phonons.sigma_angstrom": {"Si": 0.07, "si": 0.1}},
        "simulation.frozen_phonons.sigma_angstrom.si is no element",
        "chemical symbols such as Si (did you mean 'Si'?)",
    ),
    (
        {"simulation.frozen_phonons.sigma_angstrom.Si": -0.1},
        "simulation.frozen_phonons.sigma_angstrom.Si is -0.1",
        "a number from 0 to 0.5 Å",
    ),
    (
        {"crystal.dislocation.size_angstrom": [60, 67.9]},
        "crystal.dislocation.size_angstrom is 67.9 along x",
        "at least 68, which holds the scan, the window",
    ),
    (
        {
            "crystal": OXIDE | {"file": OXIDE_FILE | {"size_angstrom": [60, 70]}},
            "scan.centre_angstrom": [5, -3],
            "simulation.frozen_phonons.sigma_angstrom": {"Sr": 0.1, "Ti": 0, "O": 0},
        },
        "crystal.file.size_angstrom is 60 along y",
        "at least 68",
    ),
    # a ready data set
    (
        {"dataset.file": "config/demo.yaml"},
        "crystal is given beside dataset.file",
        "(and 4 more)",
    ),
    (
        {**NO_SIMULATION, "dataset.file": "elsewhere/dataset.h5"},
        "dataset.file is 'elsewhere/dataset.h5'",
        "a path that starts at the folder where snakemake is run",
    ),
    # sweeps
    ({"sweeps.svd.basis": "zernicke"}, "sweeps.svd.basis is 'zernicke'", "mean 'zernike'?"),
    ({"sweeps.zernike.sizes": [10, 45, 50]}, "sweeps.zernike.sizes holds 50", "nearest: 45, 55"),
    ({"sweeps.zernike.sizes": [10, 10]}, "sweeps.zernike.sizes is [10, 10]", "each size once"),
    ({"sweeps.zernike.sizes": [0]}, "sweeps.zernike.sizes[0] is 0", "from 1 to"),
    ({"sweeps.zernike.sizes": ABSENT}, "sweeps.zernike.sizes is missing", "at least one size"),
    ({"sweeps.uncompressed.sizes": [3]}, "sweeps.uncompressed.sizes is given", "no sizes"),
    ({"sweeps.svd.masks_file": "LICENSE"}, "sweeps.svd.masks_file is given", "'file' only"),
    ({"sweeps.own": {"basis": "file"}}, "sweeps.own.masks_file is missing", "a file of masks"),
    (
        {"sweeps.own": {"basis": "file", "masks_file": "masks.npy"}},
        "sweeps.own.masks_file is 'masks.npy'",
        "a path that starts at the folder",
    ),
    ({"sweeps.svd.complete_orders": False}, "sweeps.svd.complete_orders is false", "'zernike'"),
    ({"sweeps.svd.sizes": [417]}, "sweeps.svd.sizes holds 417", "up to 416"),
    ({"sweeps.binning.sizes": [129]}, "sweeps.binning.sizes: bins of 129", "smaller bins"),
    (
        {"sweeps.own": {"basis": "segmented", "sizes": [6]}},
        "sweeps.own.sizes: a segmented detector of 6 segments",
        "nearest: 4, 8",
    ),
    ({"sweeps.zernike.sizes": [1485]}, "sweeps.zernike.sizes: 1485 masks", "1 to 1465"),
    # geometry
    (
        {"microscope.semi_angle_mrad": 95},
        "microscope.semi_angle_mrad has a disc of 95 mrad",
        "less than 58.39 mrad",
    ),
    (
        {"simulation.sampling_angstrom": 0.15},
        "simulation.sampling_angstrom is 0.15",
        "0.1495726496 or 0.1502145923",
    ),
    (
        {"simulation.sampling_angstrom": 0.28},
        "simulation.sampling_angstrom is 0.28, which scatters into 125 pixels",
        "up to 0.273438",
    ),
    # reconstruction, evaluation, figures
    (
        {"reconstruction.slice_depths_angstrom": [0, 92, 61]},
        "reconstruction.slice_depths_angstrom is [0.0, 92.0, 61.0]",
        "ascending depths",
    ),
    (
        {"sweeps.svd.reconstruction.slice_depths_angstrom": [0, 92, 93]},
        "sweeps.svd.reconstruction.slice_depths_angstrom reaches 93 Å",
        "up to the sample's thickness, 92.17 Å",
    ),
    ({"reconstruction.model_pixels": [65, 40]}, "reconstruction.model_pixels is 40 along x", "65"),
    (
        {"sweeps.svd.reconstruction.model_pixels": [129, 64]},
        "sweeps.svd.reconstruction.model_pixels is 129 along y",
        "to 128 (the detector's pixels)",
    ),
    (
        {
            "sweeps.binning.sizes": [24],
            "sweeps.binning.reconstruction.model_pixels": [66, 66],
            "evaluation.band_per_angstrom": [0.15, 0.9],
            "claims.up_to_per_angstrom": 0.9,
        },
        "sweeps.binning.sizes: a model grid of 66 x 66",
        "up to 128 x 128",
    ),
    (
        {"sweeps.bright-field.reconstruction": {"loss": "amplitude", "dark_field": "donut"}},
        "sweeps.bright-field.reconstruction.dark_field is 'donut'",
        "allowed: none",
    ),
    ({"reconstruction.loss": "amplitude"}, "reconstruction.loss is 'amplitude'", "intensity"),
    (
        {"evaluation.reference": "uncompresed/all"},
        "evaluation.reference is 'uncompresed/all'",
        "(did you mean 'uncompressed/all'?)",
    ),
    ({"figures.compare": ["zernike/35"]}, "figures.compare[0] is 'zernike/35'", "zernike/36"),
    ({"figures.slice": 5}, "figures.slice is 5", "1 to 4"),
    (
        {"evaluation.band_per_angstrom": [1, 0.5]},
        "evaluation.band_per_angstrom is [1.0, 0.5]",
        "two ascending frequencies",
    ),
    (
        {
            "evaluation.band_per_angstrom": [0, 2],
            "sweeps.paper": ABSENT,  # its band limit would be asked for first
            "sweeps.paper-pixels": ABSENT,
        },
        "evaluation.band_per_angstrom reaches 2",
        "1.829",
    ),
    (
        {"evaluation.apodisation_angstrom": 9},
        "evaluation.apodisation_angstrom is 9",
        "up to 7.5 Å, half of the scanned area",
    ),
]


@pytest.mark.parametrize(("changes", "key", "allowed"), REFUSALS, ids=[r[1] for r in REFUSALS])
def test_refuses_in_one_sentence(changes: Mapping[str, Any], key: str, allowed: str) -> None:
    message = refusal(changed({"figures.compare": ["uncompressed/all"], **changes}))
    assert message.startswith(f"config/mine.yaml: {key}")
    assert "allowed" in message
    assert allowed in message.removeprefix(f"config/mine.yaml: {key}")


def test_counts_the_problems_it_does_not_tell() -> None:
    message = refusal(changed({"seeds": [1, -1], "scan.steps": 1, "microscope.voltage_kv": 0}))
    assert message.endswith("(and 2 more)")


def test_one_problem_that_all_sweeps_share_is_told_once() -> None:
    message = refusal(changed({"reconstruction.slice_depths_angstrom": [5, 3]}))
    assert "more)" not in message


OVERLAYS = ["absorption", "bases", "bytes", "claims", "depth", "regularisation"]


@pytest.mark.parametrize("name", [*SHIPPED, *OVERLAYS])
def test_shipped_studies_load(name: str) -> None:
    study = load_study(ROOT / "config" / f"{name}.yaml")
    assert study.study == name


@pytest.mark.parametrize("name", ["paper", "oxide", *OVERLAYS])
def test_a_study_over_the_default_is_the_same_as_alone(name: str) -> None:
    files = [ROOT / "config/demo.yaml", ROOT / "config" / f"{name}.yaml"]
    assert load_study(read_layers(files)) == load_study(files[1])


def test_sweeps_of_one_study_are_laid_over_the_sample_of_another() -> None:
    oxide, sweeps = ROOT / "config/oxide.yaml", ROOT / "config/regularisation.yaml"
    both = load_study(read_layers([oxide, sweeps], {"study": "both"}))
    assert both.crystal == load_study(oxide).crystal
    assert both.sweeps == load_study(sweeps).sweeps
    assert both.study == "both"


def test_bases_compare_every_basis() -> None:
    study = load_study(ROOT / "config/bases.yaml")
    assert {sweep.basis for sweep in study.sweeps.values()} == set(BASES) - {"file"}


def test_bytes_ask_for_every_dose_and_type() -> None:
    study = load_study(ROOT / "config/bytes.yaml")
    assert study.doses() == [1e3, 1e4, 1e5, 1e6]
    assert {sweep.store for sweep in study.sweeps.values()} == {"float32", "float16", "int8"}
    assert study.plain_sweeps() == ["zernike", "binning", "bright-field", "uncompressed"]
    assert len(study.variants()) == 43


def test_where_no_sweep_is_plain_all_are_drawn() -> None:
    raw = changed({f"sweeps.{name}.store": "int8" for name in shipped("demo")["sweeps"]})
    assert load_study(raw).plain_sweeps() == list(raw["sweeps"])


@pytest.mark.parametrize("name", ["base", *SHIPPED, *OVERLAYS])
def test_first_line_names_the_schema(name: str) -> None:
    text = (ROOT / "config" / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.splitlines()[0] == "# yaml-language-server: $schema=schema.json"


def test_a_dumped_study_loads_again() -> None:
    study = load_study(Path("config/oxide.yaml"))
    again = load_study(json.loads(study.model_dump_json(exclude_unset=True)))
    assert again == study


def test_schema_and_table_are_in_step() -> None:
    stale = config_docs.stale(ROOT / "config")
    assert not stale, "run: python -m ptychobasis.study.key_reference"


def test_docs_are_rewritten_only_when_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{config_docs.BEGIN}\nstale table\n{config_docs.END}\nafter\n")

    def run(*flags: str) -> int:
        monkeypatch.setattr("sys.argv", ["config", str(tmp_path), *flags])
        return config_docs.main()

    assert run("--check") == 1
    assert not (tmp_path / "schema.json").exists()
    assert run() == 0
    assert run("--check") == 0
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "stale table" not in text
    assert "stale" in capsys.readouterr().out


def keys(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield name, field
        found = fields_of(field.annotation)
        if isinstance(found, dict):
            found = fields_of(found["*"])
        if isinstance(found, type):
            yield from keys(found)


def test_every_key_is_described_and_every_quantity_has_its_unit() -> None:
    found = list(keys(Study))
    assert len(found) > 50
    for name, field in found:
        assert field.description, name
        if name.endswith(("angstrom", "angstrom2", "_kv", "_mrad", "_rad")):
            assert "[" in field.description, name


def test_variants_keep_the_order_of_the_file() -> None:
    study = load_study(changed({"sweeps.svd": None, "sweeps.zernike.sizes": [36, 15]}))
    assert study.variants()[:9] == [
        ("zernike", "36"),
        ("zernike", "15"),
        *(("binning", str(edge)) for edge in (6, 7, 8, 9, 11)),
        ("bright-field", "all"),
        ("uncompressed", "all"),
    ]


def test_sweeps_that_only_reconstruct_otherwise_share_what_is_stored() -> None:
    whole = {"basis": "zernike", "sizes": [36], "complete_orders": False, "store": "int8"}
    study = load_study(changed({"sweeps.small": whole}))
    for sweep in ("both", "zernike"):
        assert study.stored_by(Variant(sweep, "36")) == Variant("zernike", "36")
    assert study.stored_by(Variant("epochs-15", "10")).sweep == "zernike"
    assert study.stored_by(Variant("small", "36")).sweep == "small"  # as other numbers
    assert study.stored_by(Variant("uncompressed", "all")).sweep == "uncompressed"
    compare = ["uncompressed/all"]
    own = load_study(changed({"sweeps.zernike.sizes": [10], "figures.compare": compare}))
    for sweep in ("both", "donut"):
        assert own.stored_by(Variant(sweep, "36")) == Variant("known", "36")


def test_own_keys_of_a_sweep_override_the_block() -> None:
    own = {"basis": "pixels", "reconstruction": {"model_pixels": None, "epochs": 7}}
    raw = changed({"reconstruction.model_pixels": [96, 96], "sweeps.uncompressed": own})
    study = load_study(raw)
    assert study.recon("zernike") == study.reconstruction
    assert study.reconstruction.model_pixels == (96, 96)
    assert study.recon("uncompressed").model_pixels is None
    assert study.recon("uncompressed").epochs == 7
    assert study.recon("uncompressed").step_rad == study.reconstruction.step_rad
    with pytest.raises(StudyError, match="did you mean 'zernike'"):
        study.recon("zernik")


def test_no_two_reconstructions_share_their_start() -> None:
    study = load_study(Path("config/demo.yaml"))
    asked = [(seed, *variant) for seed in study.seeds for variant in study.variants()]
    assert len({derived_seed(*each) for each in asked}) == len(asked) == 3 * 35
    assert derived_seed(1, "svd", "3") == derived_seed("1", "svd", "3")  # a number or a wildcard


def test_optics_are_in_the_units_of_the_package() -> None:
    optics = load_study(Path("config/oxide.yaml")).optics()
    assert optics.energy == 80e3
    assert optics.semi_angle == pytest.approx(0.025)
    assert optics.defocus == 100
    assert optics.detector.shape == (120, 100)
    assert optics.detector.extent == pytest.approx((31.24, 27.335))


def test_scan_positions_are_centred_and_ordered_y_x() -> None:
    study = load_study(changed({"scan.shape": [4, 5], "scan.step_angstrom": [2, 1.5]}, "test"))
    positions = study.scan_positions()
    assert positions.shape == (4, 5, 2)
    assert positions.dtype == np.float64
    np.testing.assert_allclose(positions.mean(axis=(0, 1)), 0, atol=1e-12)
    np.testing.assert_allclose(positions[1, 3] - positions[0, 3], [2, 0])
    np.testing.assert_allclose(positions[2, 1] - positions[2, 0], [0, 1.5])
    np.testing.assert_allclose(positions[0, 0], [-3, -3])


def test_a_ready_data_set_brings_its_own_geometry(tmp_path: Path) -> None:
    file = measured(tmp_path / "dataset.h5")
    study = load_study(changed({**NO_SIMULATION, "dataset.file": str(file)}))
    assert study.dataset.file == file
    with pytest.raises(StudyError, match=r"dataset\.file"):
        study.optics()
    with pytest.raises(StudyError, match=r"dataset\.file"):
        study.scan_positions()


def test_incomplete_zernike_orders_can_be_asked_for() -> None:
    raw = changed({"sweeps.zernike": {"basis": "zernike", "sizes": [12], "complete_orders": False}})
    raw["figures"]["compare"] = ["zernike/12"]
    assert ("zernike", "12") in load_study(raw).variants()


def test_own_masks_are_checked_against_the_detector(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.npy", tmp_path / "bad.npy"
    masks = np.zeros((2, 128, 128))
    masks[0, 64, 64] = masks[1, 60, 70] = 1
    np.save(good, masks)
    np.save(bad, masks[:, :100])
    sweep = {"basis": "file", "masks_file": str(good)}
    assert ("own", "all") in load_study(changed({"sweeps.own": sweep})).variants()
    message = refusal(changed({"sweeps.own": sweep | {"masks_file": str(bad)}}))
    assert message.startswith("config/mine.yaml: sweeps.own: ")
    assert "allowed is (masks, 128, 128)" in message


def test_own_masks_are_checked_against_a_ready_data_set(tmp_path: Path) -> None:
    """Before any job, as for a simulation; so are sizes of what is made from its patterns."""
    file = measured(tmp_path / "mine.h5", pixels=(128, 120))
    optics = read_dataset(file).optics
    masks = build_basis("zernike", Request(optics, 6)).masks()
    np.save(tmp_path / "good.npy", masks)
    np.save(tmp_path / "corner.npy", np.fft.ifftshift(masks, axes=(1, 2)))
    ready = {**NO_SIMULATION, "dataset.file": str(file)}

    def with_masks(name: str) -> dict[str, Any]:
        sweep = {"basis": "file", "masks_file": str(tmp_path / name)}
        return changed({**ready, "sweeps.own": sweep})

    assert ("own", "all") in load_study(with_masks("good.npy")).variants()
    message = refusal(with_masks("corner.npy"))
    assert message.startswith(f"config/mine.yaml: sweeps.own: {tmp_path / 'corner.npy'}: ")
    assert "np.fft.fftshift" in message
    many = {"basis": "svd", "sizes": [18 * 30 + 1]}
    message = refusal(changed({**ready, "sweeps.vectors": many}))
    assert "sweeps.vectors.sizes holds 541; allowed: up to 540" in message  # positions


def test_numbers_of_another_workflow_may_be_words_of_yaml_1_1() -> None:
    raw = yaml.safe_load("dose: 1e5")
    assert raw["dose"] == "1e5"
    study = load_study(changed({"simulation.dose_electrons_per_angstrom2": raw["dose"]}))
    assert study.simulation is not None
    assert study.simulation.dose_electrons_per_angstrom2 == 1e5


def test_a_study_cannot_be_changed() -> None:
    study = load_study(Path("config/test.yaml"))
    with pytest.raises(ValueError, match="frozen"):
        study.seeds = (2,)


@pytest.mark.parametrize(
    ("text", "told"),
    [("study: [", "is not YAML"), ("- 1", "holds no keys"), ("", "holds no keys")],
)
def test_files_that_hold_no_study(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=told) as caught:
        load_study(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_missing_file_names_its_neighbour() -> None:
    with pytest.raises(StudyError, match=r"^config/demmo\.yaml: .*did you mean 'demo\.yaml'"):
        load_study(Path("config/demmo.yaml"))


README = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", README, flags=re.S)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_readme_are_overlays_that_load(example: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(example)
    merged = read_layers([ROOT / "config/demo.yaml", tmp_path / "mine.yaml"])
    match merged:
        case {"crystal": {"file": dict() as own}}:  # the reader's file, of gallium arsenide
            own["path"] = str(tmp_path / "mine.xyz")
            ase.io.write(own["path"], ase.build.bulk("GaAs", "zincblende", 5.65, cubic=True))
        case {"dataset": {"file": str()}}:
            merged["dataset"]["file"] = str(tmp_path / "mine.h5")
            measured(tmp_path / "mine.h5")
    assert load_study(merged).variants()


def test_the_page_shows_a_valid_study_of_ones_own_data(tmp_path: Path) -> None:
    page = (ROOT / "config/README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(study: measured\n.*?)```", page, re.DOTALL)
    data = measured(tmp_path / "mine.h5")
    (tmp_path / "mine.yaml").write_text(block.replace("data/mine.h5", str(data)))
    study = load_study(read_layers([ROOT / "config/demo.yaml", tmp_path / "mine.yaml"]))
    assert list(study.sweeps) == ["zernike", "bright-field", "uncompressed"]
    assert study.dataset.file == data
