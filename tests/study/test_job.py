"""What the scripts share: the digest of their code, the log, and errors in one sentence."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ptychobasis.study.job import job

from ptychobasis.core.errors import StudyError
from ptychobasis.study import job as module
from ptychobasis.study.code_digest import code_digest

ROOT = Path(__file__).parents[2]
PACKAGE = Path(module.__file__).parent


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package whose code may be changed."""
    copy = tmp_path / "ptychobasis"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "_PACKAGE", copy)
    return copy


def change(package: Path, name: str) -> None:
    with (package / f"{name}.py").open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")


def test_digest_depends_on_the_code_alone(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = code_digest("losses")
    monkeypatch.setattr(module, "_PACKAGE", PACKAGE)
    assert code_digest("losses") == copied
    assert code_digest("losses") != code_digest("figures")


@pytest.mark.parametrize(
    ("digested", "changed"),
    [
        ("losses", "losses"),  # itself
        ("losses", "bases"),  # what it imports
        ("losses", "physics"),  # what that imports: bases, optics, physics
        ("reconstruction", "fourier"),
        ("figure_slices", "metrics"),
        ("simulation", "grid"),
    ],
)
def test_digest_follows_what_is_imported(package: Path, digested: str, changed: str) -> None:
    before = code_digest(digested)
    change(package, changed)
    assert code_digest(digested) != before


@pytest.mark.parametrize(
    ("digested", "changed"),
    [
        ("losses", "figures"),
        ("losses", "multislice"),
        ("reconstruction", "simulation"),
        ("reconstruction", "evaluation"),
        ("simulation", "multislice"),  # the simulator is the independent witness
        ("crystal", "bases"),
    ],
)
def test_digest_ignores_unrelated_modules(package: Path, digested: str, changed: str) -> None:
    before = code_digest(digested)
    change(package, changed)
    assert code_digest(digested) == before


def test_digest_sees_every_form_of_import(package: Path) -> None:
    (package / "one.py").write_text("from ptychobasis import leaf\n", encoding="utf-8")
    (package / "two.py").write_text(
        "def late():\n    from ptychobasis.leaf import x\n", encoding="utf-8"
    )
    (package / "leaf.py").write_text("from ptychobasis import one\nx = 1\n", encoding="utf-8")
    before = [code_digest(name) for name in ("one", "two")]
    change(package, "leaf")
    assert all(old != code_digest(name) for old, name in zip(before, ("one", "two"), strict=True))


# the body of a script


@contextmanager
def process() -> Iterator[None]:
    """A process of its own, as far as logging goes; pytest adds handlers to each test."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = []
    try:
        yield
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers = handlers
        root.setLevel(level)


@pytest.fixture(autouse=True)
def _in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    monkeypatch.chdir(ROOT)


def rule(log: Path, **changes: Any) -> SimpleNamespace:
    """What Snakemake hands to a script."""
    config = yaml.safe_load((ROOT / "config" / "test.yaml").read_text(encoding="utf-8"))
    return SimpleNamespace(
        log=[str(log)], rule="compress", wildcards=["zernike", "36"], threads=1,
        config={**config, **changes},
    )  # fmt: skip


def test_a_job_reads_the_study_and_logs_to_file_and_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with process(), job(rule(tmp_path / "log", seeds=[5, 7])) as study:
        assert study.seeds == (5, 7)
        logging.info("as many as %d numbers", 36)
        logging.getLogger("matplotlib").info("nobody asked")
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert text.rstrip().endswith("compress/zernike/36: as many as 36 numbers")
    assert text == capsys.readouterr().err
    assert "nobody asked" not in text


def test_a_study_error_is_one_sentence_without_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with process(), pytest.raises(SystemExit) as ended, job(rule(tmp_path / "log")):
        raise StudyError("data.h5: no 'patterns'; allowed: a data set")
    assert ended.value.code == 1
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert text.count("\n") == 1
    assert text.endswith(
        "compress/zernike/36: error: data.h5: no 'patterns'; allowed: a data set\n"
    )
    assert "Traceback" not in text + capsys.readouterr().err


def test_a_wrong_configuration_ends_the_job_alike(tmp_path: Path) -> None:
    reached = False
    with process(), pytest.raises(SystemExit) as ended, job(rule(tmp_path / "log", sede=3)):
        reached = True
    assert ended.value.code == 1
    assert not reached
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert "sede" in text
    assert "did you mean 'seeds'" in text
    assert "Traceback" not in text


def test_any_other_error_keeps_its_traceback(tmp_path: Path) -> None:
    with process(), pytest.raises(SystemExit) as ended, job(rule(tmp_path / "log")):
        raise ZeroDivisionError("by nothing")
    assert ended.value.code == 1
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert "Traceback" in text
    assert "ZeroDivisionError: by nothing" in text


def test_a_rule_without_a_log_runs(tmp_path: Path) -> None:
    bare = rule(tmp_path / "log")
    bare.log = []
    with process(), job(bare) as study:
        assert study.study == "test"
    assert list(tmp_path.iterdir()) == []
