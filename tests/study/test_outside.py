"""Fingerprints of files from outside."""

import os
import shutil
from pathlib import Path

import pytest

from ptychobasis.study import outside
from ptychobasis.study.outside import fingerprint


@pytest.fixture(autouse=True)
def _folder_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outside._fingerprint.cache_clear()


def write(name: str, text: str, date: float = 1e9) -> Path:
    path = Path(name)
    path.write_text(text)
    os.utime(path, (date, date))
    return path


def test_the_content_alone_counts() -> None:
    first, other, copy = write("a", "silicon"), write("b", "sulphur"), write("c", "silicon", 5e8)
    assert fingerprint(first) == fingerprint(copy) != fingerprint(other)
    assert len(fingerprint(first)) == 16


def test_no_file_has_no_fingerprint() -> None:
    assert fingerprint("missing") == ""


def test_another_file_of_the_same_size_and_date_under_the_same_name_is_seen() -> None:
    path, other = write("a", "silicon"), write("b", "sulphur")
    before = fingerprint(path)
    shutil.move(other, path)
    assert fingerprint(path) != before
    path.write_text("silicon")
    os.utime(path, (1e9, 1e9))  # written in place, its date set back
    assert fingerprint(path) == before


def test_a_file_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a", "silicon")
    before = fingerprint(path)
    outside._fingerprint.cache_clear()  # the next process
    monkeypatch.setattr(outside.hashlib, "file_digest", None)
    assert fingerprint(path) == before


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": ["b"]}'])
def test_a_damaged_cache_is_replaced(text: str) -> None:
    outside.CACHE.parent.mkdir(parents=True)
    outside.CACHE.write_text(text)
    assert fingerprint(write("a", "silicon")) == fingerprint(write("b", "silicon"))


def test_a_folder_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "CACHE", write("file", "") / "cache.json")
    assert len(fingerprint(write("a", "silicon"))) == 16
