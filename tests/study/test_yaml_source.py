"""Files: read as YAML 1.2, and refused with their line where they can be read in two ways."""

import math
import time
from pathlib import Path
from typing import Any

import pytest

from ptychobasis.core.errors import StudyError
from ptychobasis.study.yaml_source import MOST_BYTES, MOST_DEPTH, from_words, read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.yaml"


def bomb(first: str, more: str) -> str:
    """Nine levels of ten aliases each: a thousand million values."""
    lines = [f"a: &a {first}"]
    for name, below in zip("bcdefghij", "abcdefghi", strict=True):
        lines.append(f"{name}: &{name} {more.replace('@', f'*{below}')}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1e5, .5e3, 1., +.5, 12e03, 7, -3, 1.5]", [1e5, 500, 1, 0.5, 12000, 7, -3, 1.5]),
        ("[null, ~, true, False]", [None, None, True, False]),
        ("['010', \"yes\", 1-2, 2x, =]", ["010", "yes", "1-2", "2x", "="]),
        ("{N: 0.1, Y: 0.2}", {"N": 0.1, "Y": 0.2}),  # elements, no truth values
        (".inf", math.inf),
        ("", None),
    ],
)
def test_values_are_those_of_yaml_1_2(path: Path, text: str, value: Any) -> None:
    path.write_text(f"a: {text}\n")
    found = read(path)["a"]
    assert found == value


def test_numbers_without_a_point_are_whole(path: Path) -> None:
    path.write_text("a: [7, -3, 7.0, 1e2]")
    assert [type(value) for value in read(path)["a"]] == [int, int, float, float]


def test_merge_keys_bring_what_is_not_given(path: Path) -> None:
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {x: 5, z: 6}]}\n")
    found = read(path)
    assert found["b"] == {"x": 1, "y": 3}
    assert found["c"] == {"x": 1, "y": 2, "z": 6}


@pytest.mark.parametrize(
    "text", ["\ufeffa: 1\n", "a: 1\r\n", "---\na: 1\n...\n", "%YAML 1.2\n---\na: 1"]
)
def test_marks_that_editors_leave_are_no_matter(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
    assert read(path) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: 'a' is given a second time, after line 1"),
        ("a: {x: 1}\nb: {x: 1,\n x: 2}", "line 3: 'x' is given a second time, after line 2"),
        ("<<: {a: 1}\n<<: {b: 1}", "line 2: '<<' is given a second time"),
        ("\na: 010", "line 2: '010' can be read in two ways; allowed: a number without leading"),
        ("a: 1:30", "line 1: '1:30' can be read in two ways"),
        ("a: -1:30:15.5", "line 1: '-1:30:15.5' can be read in two ways"),
        ("a: [1, yes]", "line 1: 'yes' can be read in two ways; allowed: true or false"),
        ("a: OFF", "line 1: 'OFF' can be read in two ways"),
        ("on: 1", "line 1: 'on' can be read in two ways"),
        ("a: 1_000", "line 1: '1_000' can be read in two ways"),
        ("a: 0x1F", "line 1: '0x1F' can be read in two ways; allowed: a decimal number"),
        ("a: 0o17", "line 1: '0o17' can be read in two ways"),
        ("a: 2024-01-02", "line 1: '2024-01-02' can be read in two ways; allowed: text in quotes"),
        (f"a: {'9' * 400}", "is a number of 400 characters; allowed: 30"),
        ("a: !!str 1", "line 1: the tag tag:yaml.org,2002:str is given"),
        ("a: !!python/object/apply:os.getcwd []", "line 1: the tag"),
        ("a: &s [*s]", "line 1: the alias *s stands before the end of its anchor"),
        ("a: &s {b: *s}", "line 1: the alias *s stands before the end of its anchor"),
        ("a: *b", "line 1: the alias *b"),
        ("a: &x 1\nb: &x 2", "line 2: the anchor &x is given a second time"),
        (bomb("[1, 1]", f"[{', '.join(['@'] * 10)}]"), "line 5: aliases and values make more"),
        (
            bomb("{x: 1}", f"{{{', '.join(f'k{i}: @' for i in range(10))}}}"),
            "line 5: aliases and values make more",
        ),
        ("a: " + "[" * 2000, "line 1: blocks lie within one another; allowed: 20 deep"),
        ("- " * 2000, "line 1: blocks lie within one another"),
        ("".join(" " * i + "a:\n" for i in range(200)), "line 22: blocks lie within"),
        ("a: [" + "1," * 30_000 + "]", "more than 20000 values"),
        ("a:\n\tb: 1", "line 2: is not YAML (found character '\\t'"),
        ("study: [", "line 1: is not YAML"),
        ("a: 1\n---\nb: 1", "line 2: a second document begins"),
        ("? [a]\n: 1", "line 1: a key is no plain text"),
        ("~: 1", "line 1: a key is empty"),
        ("a: 1\nb: \x01", "line 2: holds a control character"),
        ('a: "\\ud800"', "line 1: a character is half of a pair"),
        ("b: 1\na: {<<: 3}", "line 2: << holds no keys"),
        ("- 1", "holds no keys"),
        ("", "holds no keys"),
        ("# only a comment", "holds no keys"),
    ],
)
def test_other_text_is_refused_with_its_line(path: Path, text: str, told: str) -> None:
    path.write_text(text, encoding="utf-8")
    start = time.monotonic()
    with pytest.raises(StudyError) as caught:
        read(path)
    assert time.monotonic() - start < 5
    message = str(caught.value)
    assert message.startswith(str(path))
    assert told in message
    assert "\n" not in message
    assert len(message) < 400


def test_depth_has_a_limit(path: Path) -> None:
    path.write_text("a: " + "[" * (MOST_DEPTH - 1) + "1" + "]" * (MOST_DEPTH - 1))
    assert read(path)
    path.write_text("a: " + "[" * MOST_DEPTH + "1" + "]" * MOST_DEPTH)
    with pytest.raises(StudyError, match="20 deep"):
        read(path)


def test_size_and_encoding_are_refused(path: Path) -> None:
    path.write_text("a: " + "x" * MOST_BYTES)
    with pytest.raises(StudyError, match="bytes; allowed: up to 262144"):
        read(path)
    path.write_bytes("b: 1\na: ä".encode("latin-1"))
    with pytest.raises(StudyError, match="line 2: is not UTF-8"):
        read(path)
    path.write_bytes("a: 1".encode("utf-16"))
    with pytest.raises(StudyError, match="line 1: is not UTF-8"):
        read(path)


@pytest.mark.parametrize("name", [".", "nowhere.yaml", "x" * 300, "a\0b"])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(StudyError, match="is no file"):
        read(tmp_path / name)


def test_words_of_the_command_line_are_numbers_where_they_are() -> None:
    given = {"seeds": ["1", "2"], "study": "x1", "a": {"b": ["true", "null", "1e3", "zernike/36"]}}
    assert from_words(given) == {
        "seeds": [1, 2],
        "study": "x1",
        "a": {"b": [True, None, 1e3, "zernike/36"]},
    }
    with pytest.raises(StudyError, match=r"^--config: '010' can be read in two ways"):
        from_words({"seeds": ["010"]})
