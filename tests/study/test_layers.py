"""Files that extend and replace one another, and what the command line lays over them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from studies import ROOT

from ptychobasis.core.errors import StudyError
from ptychobasis.study.layers import read_layers, resolve, workflow_keys


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
