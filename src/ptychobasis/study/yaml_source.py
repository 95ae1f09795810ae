"""Plain data from YAML 1.2, read strictly.

PyYAML cuts the text into events; what the events mean is decided here. YAML 1.1, which PyYAML's
own loaders follow, takes ``010`` for 8 and ``1:30`` for 90, and lets the last of two equal keys
win. Such text is refused with its line.
"""

import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from ptychobasis.core.errors import StudyError, nearest

MOST_BYTES = 2**18  # the largest study that ships has 4,000
MOST_DEPTH = 20  # blocks within blocks; the schema has 5
MOST_VALUES = 20_000  # of a file, each alias counted as what it stands for
MOST_DIGITS = 30  # of a number

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
# what versions of YAML read differently, and what to write in its place
_AMBIGUOUS = (
    (r"(?i:yes|no|on|off)", "true or false, or the word in quotes"),
    (r"[-+]?0[0-9]+", "a number without leading zeros"),
    (r"[-+]?0[box][0-9a-fA-F_]+", "a decimal number"),
    (r"[-+]?[0-9][0-9_.]*_[0-9_.]*", "a number without _"),
    (r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?", "a number without :, or text in quotes"),
    (r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?", "text in quotes"),
)


class Block(dict[str, Any]):
    """Keys with their values, and where they stand.

    Attributes:
        places: File and line of each key that comes from a file.
    """

    def __init__(self, values: Mapping[str, Any], places: Mapping[str, str] | None = None) -> None:
        super().__init__(values)
        self.places = dict(getattr(values, "places", {}) if places is None else places)

    def below(self, other: Mapping[str, Any]) -> "Block":
        """These keys with others over them."""
        return Block({**self, **other}, self.places | getattr(other, "places", {}))


yaml.SafeDumper.add_representer(Block, yaml.SafeDumper.represent_dict)  # written as any mapping


def plain(value: Any) -> Any:
    """Data without places, as plain mappings and lists."""
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list) else value


def read(path: Path) -> Block:
    """Read a YAML file that holds a mapping.

    Raises:
        StudyError: the file is missing, no YAML, holds no mapping, or text that can be read in
            two ways; with the number of the line.
    """
    if not os.path.isfile(path):  # noqa: PTH113  (False, too, where a name is too long)
        near = nearest(path.name, (other.name for other in path.parent.glob("*.y*ml")))
        raise StudyError(f"{path}: is no file that can be read; allowed: a YAML file{near}")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise StudyError(
                f"{path}: has {path.stat().st_size} bytes; allowed: up to {MOST_BYTES}"
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise StudyError(f"{path}, line {line}: is not UTF-8; allowed: text in UTF-8") from error
    try:
        raw = _Reader(text, str(path)).document()
    except _LineError as error:
        raise StudyError(f"{path}, {error}") from error
    if not isinstance(raw, Block):
        raise StudyError(f"{path}: holds no keys; allowed: keys with their values")
    return raw


def from_words(value: Any) -> Any:
    """Data in which every word that is a number, true, false or null in YAML 1.2 is one.

    Snakemake hands the elements of lists and blocks of ``--config`` over as words.

    Raises:
        StudyError: a word can be read in two ways.
    """
    if isinstance(value, Mapping):
        return Block(
            {str(key): from_words(entry) for key, entry in value.items()},
            {str(key): "--config" for key in value},
        )
    if isinstance(value, list | tuple):
        return [from_words(entry) for entry in value]
    if not isinstance(value, str):
        return value
    try:
        return _meaning(value)
    except ValueError as error:
        raise StudyError(f"--config: {error}") from error


def with_exponents(value: Any, depth: int = 0) -> Any:
    """Data from a loader of YAML 1.1, which takes numbers such as 1e5 for words.

    Raises:
        StudyError: blocks lie too deep within one another, or in themselves.
    """
    if depth > MOST_DEPTH:
        raise StudyError(f"config: blocks lie within one another; allowed: {MOST_DEPTH} deep")
    if isinstance(value, Mapping):
        entries = {str(key): with_exponents(entry, depth + 1) for key, entry in value.items()}
        return Block(entries, getattr(value, "places", {}))
    if isinstance(value, list | tuple):
        return [with_exponents(entry, depth + 1) for entry in value]
    if isinstance(value, str) and "e" in value.lower() and _FLOAT.fullmatch(value):
        return float(value)
    return value


class _LineError(Exception):
    """A line of a file, and what is wrong with it."""

    def __init__(self, place: Event | int, problem: str) -> None:
        line = place if isinstance(place, int) else _line(place)
        super().__init__(f"line {line + 1}: {problem}")


class _Reader:
    """Builds the data of one document from its events."""

    def __init__(self, text: str, name: str) -> None:
        self._events, self._name = self._parsed(text), name
        self._anchors: dict[str, Any] = {}  # only of what is complete
        self._sizes: dict[str, int] = {}  # values that each anchor stands for
        self._values = 0

    def document(self) -> Any:
        """The only document, None where there is none."""
        raw, documents = None, 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _LineError(event, "a second document begins; allowed: one")
                raw = self._node(next(self._events), 0)
        return raw

    def _parsed(self, text: str) -> Iterator[Event]:
        try:
            yield from yaml.parse(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            problem = f"is not YAML ({error.problem or error.context})"
            mark = error.problem_mark or error.context_mark
            raise _LineError(mark.line if mark else 0, problem) from error
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position)
            raise _LineError(line, "holds a control character; allowed: text") from error

    def _node(self, event: Event, depth: int) -> Any:
        """The data of what begins with an event; depth is the number of blocks around it."""
        if depth > MOST_DEPTH:
            raise _LineError(event, f"blocks lie within one another; allowed: {MOST_DEPTH} deep")
        if isinstance(event, AliasEvent):
            return self._alias(event)
        before, tag = self._values, getattr(event, "tag", None)
        self._count(event, 1)
        if tag is not None:
            raise _LineError(event, f"the tag {tag} is given; allowed: no tags")
        if isinstance(event, ScalarEvent):
            found = self._scalar(event)
        elif isinstance(event, SequenceStartEvent):
            found = []
            while not isinstance(entry := next(self._events), SequenceEndEvent):
                found.append(self._node(entry, depth + 1))
        else:
            found = self._mapping(depth)
        if anchor := getattr(event, "anchor", None):
            if anchor in self._anchors:
                raise _LineError(event, f"the anchor &{anchor} is given a second time")
            self._anchors[anchor], self._sizes[anchor] = found, self._values - before
        return found

    def _mapping(self, depth: int) -> Block:
        own: dict[str, Any] = {}
        merged = Block({})
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent) or event.tag is not None:
                raise _LineError(event, "a key is no plain text; allowed: a name")
            key = event.value
            if event.style is None:
                self._scalar(event)
                if key in ("", "~"):
                    raise _LineError(event, "a key is empty; allowed: a name")
            if key in lines:
                raise _LineError(event, f"'{key}' is given a second time, after line {lines[key]}")
            lines[key] = _line(event) + 1
            value = self._node(next(self._events), depth + 1)
            if key == "<<" and event.style is None:
                merged = self._merged(event, value)
            else:
                own[key] = value
        return merged.below(Block(own, {key: f"{self._name}, line {lines[key]}" for key in own}))

    def _merged(self, event: Event, value: Any) -> Block:
        """Entries that the merge key << brings; of several mappings, the first wins."""
        blocks = value if isinstance(value, list) else [value]
        found = Block({})
        for block in reversed(blocks):
            if not isinstance(block, Block):
                raise _LineError(event, "<< holds no keys; allowed: an alias of a block, as *name")
            found = found.below(block)
        self._count(event, len(found))
        return found

    def _alias(self, event: AliasEvent) -> Any:
        name = event.anchor
        if name not in self._anchors:
            raise _LineError(
                event, f"the alias *{name} stands before the end of its anchor &{name}, or has none"
            )
        self._count(event, self._sizes[name])
        return self._anchors[name]

    def _count(self, event: Event, values: int) -> None:
        self._values += values
        if self._values > MOST_VALUES:
            raise _LineError(event, f"aliases and values make more than {MOST_VALUES} values")

    def _scalar(self, event: ScalarEvent) -> Any:
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            raise _LineError(event, "a character is half of a pair; allowed: whole characters")
        if event.style is not None:  # quoted, or a block of text
            return event.value
        try:
            return _meaning(event.value)
        except ValueError as error:
            raise _LineError(event, str(error)) from error


def _meaning(word: str) -> Any:
    """The meaning of a word without quotes in YAML 1.2 (core schema, section 10.3.2).

    Raises:
        ValueError: YAML 1.1 reads it otherwise, or it is a number of too many digits.
    """
    if word in _WORDS:
        return _WORDS[word]
    for pattern, instead in _AMBIGUOUS:
        if re.fullmatch(pattern, word):
            raise ValueError(f"'{_short(word)}' can be read in two ways; allowed: {instead}")
    if not _FLOAT.fullmatch(word):
        return word
    if len(word) > MOST_DIGITS:
        raise ValueError(
            f"{_short(word)} is a number of {len(word)} characters; allowed: {MOST_DIGITS}"
        )
    return int(word) if _INTEGER.fullmatch(word) else float(word)


def _line(event: Event) -> int:
    """The line of an event, counted from 0."""
    return event.start_mark.line if event.start_mark else 0


def _short(word: str) -> str:
    return word if len(word) <= 40 else f"{word[:37]}..."
