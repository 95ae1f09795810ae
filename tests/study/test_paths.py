"""Where the files of a study are."""

from pathlib import Path

import pytest

from ptychobasis.core.errors import StudyError
from ptychobasis.core.variant import Variant
from ptychobasis.study.load import load_study
from ptychobasis.study.paths import Paths
from ptychobasis.study.schema import Study

ROOT = Path(__file__).parents[2]


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(ROOT)
    return load_study(Path("config/test.yaml"))


def with_keys(study: Study, **keys: object) -> Study:
    return study.model_copy(update=keys)


def test_what_depends_on_the_seed_lies_in_its_folder(study: Study) -> None:
    paths = Paths(study)
    assert paths.dataset == "results/test/seed_{seed}/dataset.h5"
    assert paths.of_first_seed(paths.dataset) == "results/test/seed_1/dataset.h5"
    both = Paths(with_keys(study, seeds=(3, 1)))
    assert both.of_all_seeds("{seed}/a", "{seed}/b") == ["3/a", "1/a", "3/b", "1/b"]
    assert both.of_first_seed("{seed}/a") == "3/a"


def test_variants_that_store_the_same_share_a_file(study: Study) -> None:
    paths = Paths(study)
    joint, folder = Variant("joint", "6"), "results/test/seed_{seed}"
    assert paths.compressed(joint) == f"{folder}/compressed/zernike/6.h5"
    assert paths.reconstruction(joint) == f"{folder}/reconstructions/joint/6.h5"


def test_a_sweep_with_a_dose_is_compressed_from_counts(study: Study) -> None:
    noisy = study.sweeps["svd"].model_copy(update={"dose_electrons_per_angstrom2": 1e6})
    paths = Paths(with_keys(study, sweeps={**study.sweeps, "svd": noisy}))
    assert paths.doses == {"1000000": 1e6}
    assert paths.patterns_of("svd", "1") == "results/test/seed_1/counts/1000000.h5"
    assert paths.patterns_of("zernike", "1") == "results/test/seed_1/dataset.h5"


def test_figures_are_those_that_the_study_can_fill(study: Study) -> None:
    paths = Paths(study)
    assert paths.figure_names() == [
        "masks", "fsc", "slices", "quality", "depth", "probe", "claims",
    ]  # fmt: skip
    assert paths.figure("fsc") == ["results/test/figures/fsc.png"]
    assert "results/test/tables/depth.csv" in paths.tables()
    flat = study.reconstruction.model_copy(update={"slice_depths_angstrom": (0.0,)})
    plain = {"zernike": study.sweeps["zernike"], "uncompressed": study.sweeps["uncompressed"]}
    paths = Paths(with_keys(study, reconstruction=flat, sweeps=plain))
    assert paths.figure_names() == ["masks", "fsc", "slices", "quality"]
    assert "results/test/tables/depth.csv" not in paths.tables()
    with pytest.raises(StudyError, match="no figure 'rate'; allowed: masks, fsc, slices, quality"):
        paths.figure("rate")


def test_a_ready_data_set_is_the_same_for_every_seed(study: Study) -> None:
    dataset = study.dataset.model_copy(update={"file": Path("mine.h5")})
    paths = Paths(with_keys(study, dataset=dataset))
    assert paths.dataset == paths.patterns_of("svd", "") == "mine.h5"
    assert paths.compressed(Variant("svd", "3")) == "results/test/compressed/svd/3.h5"
    found = paths.reconstruction(Variant("svd", "3"))
    assert found == "results/test/seed_{seed}/reconstructions/svd/3.h5"
