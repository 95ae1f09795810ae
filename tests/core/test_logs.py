"""What the scripts share: the log, and errors in one sentence."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from ptychobasis.core.errors import StudyError
from ptychobasis.core.logs import script_logged


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


def rule(log: Path) -> SimpleNamespace:
    """What Snakemake hands to a script."""
    return SimpleNamespace(log=[str(log)], rule="compress", wildcards=["zernike", "36"])


def test_a_script_logs_to_file_and_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with process(), script_logged(rule(tmp_path / "log")):
        logging.info("as many as %d numbers", 36)
        logging.getLogger("matplotlib").info("nobody asked")
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert text.rstrip().endswith("compress/zernike/36: as many as 36 numbers")
    assert text == capsys.readouterr().err
    assert "nobody asked" not in text


def test_a_study_error_is_one_sentence_without_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with process(), pytest.raises(SystemExit) as ended, script_logged(rule(tmp_path / "log")):
        raise StudyError("data.h5: no 'patterns'; allowed: a data set")
    assert ended.value.code == 1
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert text.count("\n") == 1
    assert text.endswith(
        "compress/zernike/36: error: data.h5: no 'patterns'; allowed: a data set\n"
    )
    assert "Traceback" not in text + capsys.readouterr().err


def test_any_other_error_keeps_its_traceback(tmp_path: Path) -> None:
    with process(), pytest.raises(SystemExit) as ended, script_logged(rule(tmp_path / "log")):
        raise ZeroDivisionError("by nothing")
    assert ended.value.code == 1
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert "Traceback" in text
    assert "ZeroDivisionError: by nothing" in text


def test_a_rule_without_a_log_runs(tmp_path: Path) -> None:
    bare, ran = rule(tmp_path / "log"), False
    bare.log = []
    with process(), script_logged(bare):
        ran = True
    assert ran
    assert list(tmp_path.iterdir()) == []
