"""Files that extend and replace one another, and what the command line lays over them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from studies import ROOT

from ptychobasis.core.errors import StudyError
from ptychobasis.study.layers import place_of, read_layers, resolve, workflow_keys
from ptychobasis.study.load import load_study, main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A base, a study that extends it, and sweeps that replace others."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/base.yaml").write_text("a: {x: 1, y: 2}\nb: [1, 2]\n")
    (tmp_path / "config/study.yaml").write_text("extends: base.yaml\na: {y: 3}\ns: {one: 1}\n")
    (tmp_path / "sweeps.yaml").write_text(
        "extends: config/base.yaml\nreplaces: [s]\ns: {two: 2}\nb: [3]\n"
    )
    return tmp_path


def test_a_file_lies_over_what_it_extends(folder: Path) -> None:
    found = read_layers([folder / "config/study.yaml"])
    assert found == {"a": {"x": 1, "y": 3}, "b": [1, 2], "s": {"one": 1}}


def test_blocks_are_merged_unless_they_are_replaced(folder: Path) -> None:
    files = [folder / "config/study.yaml", folder / "sweeps.yaml"]
    # the base is not read a second time: it would set a.y back
    assert read_layers(files) == {"a": {"x": 1, "y": 3}, "b": [3], "s": {"two": 2}}
    (folder / "sweeps.yaml").write_text("s: {two: 2}")
    assert read_layers(files)["s"] == {"one": 1, "two": 2}


def test_the_command_line_wins(folder: Path) -> None:
    given = {"b": ["4"], "a": {"x": "5"}}
    found = read_layers([folder / "config/study.yaml"], given)
    assert found == {"a": {"x": 5, "y": 3}, "b": [4], "s": {"one": 1}}


def test_a_base_may_extend_another(folder: Path) -> None:
    (folder / "mine.yaml").write_text("extends: config/study.yaml\nc: 1")
    assert read_layers([folder / "mine.yaml"])["a"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("extends: mine.yaml", "extends itself"),
        ("extends: 3", "extends is 3; allowed: the path of a YAML file"),
        ("extends: nowhere.yaml", "extends is 'nowhere.yaml'"),
        ("replaces: [s]", 'replaces is ["s"]; allowed: a list of blocks that this file holds'),
        ("replaces: s\ns: {}", 'replaces is "s"'),
        ("replaces: [[1]]", "replaces is [[1]]"),
    ],
)
def test_what_cannot_be_extended_or_replaced(folder: Path, text: str, told: str) -> None:
    (folder / "mine.yaml").write_text(text)
    with pytest.raises(StudyError) as caught:
        read_layers([folder / "mine.yaml"])
    assert told in str(caught.value)
    assert str(caught.value).startswith(str(folder / "mine.yaml"))


def test_a_circle_of_files_ends(folder: Path) -> None:
    (folder / "a.yaml").write_text("extends: b.yaml")
    (folder / "b.yaml").write_text("extends: a.yaml")
    with pytest.raises(StudyError, match="extends itself"):
        read_layers([folder / "a.yaml"])


def test_keys_of_another_workflow_may_extend_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    found = resolve({"extends": "config/base.yaml", "a": {"x": "1e3"}}, "config")
    assert found == {"a": {"x": 1000.0, "y": 2}, "b": [1, 2]}
    circle: dict[str, Any] = {}
    circle["a"] = circle
    with pytest.raises(StudyError, match="20 deep"):
        resolve(circle, "config")


def snakemake(files: list[Path], given: list[Path], over: dict, module: bool = False) -> Any:
    """What Snakemake says of its configuration."""
    return SimpleNamespace(
        modifier=SimpleNamespace(skip_configfile=module),
        configfiles=files,
        config_settings=SimpleNamespace(configfiles=given, config=over),
    )


def test_files_are_read_anew_where_snakemake_read_them(folder: Path) -> None:
    own, given = folder / "config/study.yaml", folder / "sweeps.yaml"
    merged_by_snakemake = {"extends": "base.yaml", "s": {"one": 1}}
    found = workflow_keys(snakemake([given, own], [given], {"b": ["7"]}), merged_by_snakemake)
    assert found == {"a": {"x": 1, "y": 3}, "b": [7], "s": {"two": 2}}
    given.write_text("s: {two: 1, two: 2}")
    with pytest.raises(StudyError, match=r"sweeps\.yaml, line 1: 'two' is given a second time"):
        workflow_keys(snakemake([given, own], [given], {}), {})


def test_keys_of_a_module_are_taken_as_they_are() -> None:
    keys = {"s": {"one": 1}}
    files = [ROOT / "config/demo.yaml"]
    assert workflow_keys(snakemake(files, [], {}, module=True), keys) == keys
    assert workflow_keys(snakemake([], [], {}), keys) == keys


def test_a_problem_is_told_with_the_line_of_its_key(folder: Path) -> None:
    study, sweeps = folder / "config/study.yaml", folder / "sweeps.yaml"
    sweeps.write_text("# mine\ns:\n  <<: &all {three: 3}\n  two: 2\n")
    found = read_layers([study, sweeps], {"b": [4]})
    base = folder / "config/base.yaml"
    for problem, place in {
        "a.x is 1": f"{base}, line 1",
        "a.y is 3": f"{study}, line 2",
        "s.one is 1": f"{study}, line 3",
        "s.two[0] is 2": f"{sweeps}, line 4",
        "s.three is 3": f"{sweeps}, line 3",
        "s.four is missing": f"{sweeps}, line 2",
        "b[0] is 4": "--config",
        "c is missing": None,
        "?": None,
    }.items():
        assert place_of(problem, found) == place, problem


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "study: a\nsweeps:\n  zernike:\n    size: [3]\n",
            ", line 4: sweeps.zernike.size is ",
        ),
        ("study: a\nsweeps:\n  zernike:\n    sizes: [3, 3]\n", ", line 4: sweeps.zernike.sizes is"),
        (
            "study: a\nscan: {shape: [18, 30],\n  step_angstrom: [9, 9]}\n",
            ", line 3: scan.step",
        ),
        ("study: a\nscan: null\n", ", line 2: scan is missing; allowed: its keys"),
        ("study: [\n", ", line 2: is not YAML"),
        ("a: &a [x]\n" + "".join(f"b{i}: [*a, *a]\n" for i in range(9)), ": study is missing"),
    ],
)
def test_the_command_line_says_what_is_wrong_where(folder: Path, text: str, told: str) -> None:
    mine = folder / "mine.yaml"
    mine.write_text(text)
    with pytest.raises(StudyError) as caught:
        main([str(ROOT / "config/demo.yaml"), str(mine)][text.startswith("a:") :])
    assert str(caught.value).startswith(f"{mine}{told}")


def test_the_command_line_counts_reconstructions() -> None:
    demo = str(ROOT / "config/demo.yaml")
    study = load_study(demo)
    each = len(study.variants())
    assert main([demo]) == (
        f"{demo} is a valid study: {3 * each} reconstructions, {each} for each seed"
    )
    with pytest.raises(StudyError, match="no file is given; allowed: YAML files"):
        main([])
