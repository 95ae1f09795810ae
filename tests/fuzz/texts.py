"""Mutations of text: of any file, and of configurations."""

import copy
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from .inputs import studies

Random = random.Random

_ODD: list[Any] = [
    *(0, -1, 1, 2, 7, -0.5, 0.1, 1e-12, 1e5, 1e13, 1e300, -1e300, 10**40, float("nan")),
    *(float("inf"), "", "auto", "null", "1e5", "0.5", "true", None, True, False, [], {}, [[]]),
    *([0], [1, 1], [3, 2, 1], [0.5, 1e9], ["a"], {"a": 1}, "{seed}", "../..", "a/b", "ä∞"),
    *("x" * 5000, "zernike", "reference", "con", ".", "\x00", "config/demo.yaml", "/dev/null"),
    *("/", "\ud800"),
]
_SNIPPETS = [
    *("&a [*a]", "<<: *a", "!!python/object:os.system {}", "---", "...", "\t", "- ", ": ", "#"),
    *('"', "'", "{", "}", "[", "]", "|", ">", "%YAML 1.1", "010", "1:30", "1_000", "yes", "0x10"),
    *("é", "\u2028", "nan", "NaN", "inf", "-", "1e999", "9" * 400, "?", "*", "1.5(3)", "\r"),
    *("\x0c", "\x00", " " * 300, "2026-11-28", "~", "=", "@", "`", "&", "*x"),
]


def mutated_bytes(content: bytes, draw: Random) -> bytes:
    """Bytes with some flipped, cut out, put in or written twice."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8))):
        at, width = draw.randrange(len(data) + 1), draw.choice((1, 2, 16, 200))
        match draw.randrange(5):
            case 0:
                data[at : at + 1] = bytes([draw.randrange(256)])
            case 1:
                del data[at : at + width]
            case 2:
                data[at:at] = data[at : at + width]
            case 3:
                data[at:at] = draw.choice(_SNIPPETS).encode("utf-8", "surrogatepass")
            case _:
                del data[at:]
    return bytes(data)


def mutated_lines(text: str, draw: Random) -> str:
    """Text with a line taken away, doubled, moved, indented, or a number changed."""
    lines = text.split("\n")
    for _ in range(draw.choice((1, 1, 2, 4))):
        at = draw.randrange(len(lines))
        match draw.randrange(6):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[at])
            case 2:
                lines.insert(draw.randrange(len(lines)), lines.pop(at))
            case 3:
                lines[at] = draw.choice((" ", "  ", "\t", "")) + lines[at].lstrip()
            case 4:
                lines[at] = _other_number(lines[at], draw)
            case _:
                lines[at] = lines[at] + draw.choice((" ", ", ", ": ", "")) + draw.choice(_SNIPPETS)
        lines = lines or [""]
    return "\n".join(lines)


def _other_number(line: str, draw: Random) -> str:
    found = list(re.finditer(r"-?\d+\.?\d*(?:[eE][-+]?\d+)?", line))
    if not found:
        return line
    chosen = draw.choice(found)
    value = float(chosen[0])
    other = draw.choice(
        [str(-value), str(value * 10), str(value / 3), f"{value:.0f}", f"{value:.3f}", "0", "1",
         "nan", "inf", "1e400", str(value + 1e-9), str(value - 1e-9), f"{value:.1f}(2)", "?", "."]
    )  # fmt: skip
    return line[: chosen.start()] + other + line[chosen.end() :]


def mutated_study(draw: Random) -> bytes:
    """A configuration file."""
    raw = copy.deepcopy(dict(draw.choice(list(studies().values()))))
    for _ in range(draw.choice((1, 1, 1, 2))):
        _mutate_keys(raw, draw)
    text = yaml.safe_dump(raw, allow_unicode=True, sort_keys=False)
    match draw.randrange(10):
        case 0:
            return mutated_bytes(text.encode(errors="replace"), draw)
        case 1:
            return mutated_lines(text, draw).encode(errors="replace")
        case 2 if draw.random() < 0.5:
            return draw.choice(_BOMBS)()
        case _:
            return text.encode("utf-8", "surrogatepass")


def _mutate_keys(raw: dict[str, Any], draw: Random) -> None:
    places = list(_places(raw))
    holder, key = draw.choice(places)
    value = holder[key]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match draw.randrange(10):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            other = draw.choice((f"{key}"[:-1] + "z", f"{key}".upper(), "", "ß", f"{key}s"))
            holder[other] = holder.pop(key)
        case 2 | 3 | 4 | 5 if number:
            factor = draw.choice((1e-6, 0.1, 0.5, 0.8, 1.1, 1.3, 2, 3, 10, 1e3, -1, 1e9))
            holder[key] = type(value)(value * factor)
        case 6:
            other, there = draw.choice(places)
            if there in (other if isinstance(other, dict) else range(len(other))):
                holder[key] = copy.deepcopy(other[there])
        case 7:
            holder[key] = draw.choice(([value], {"a": value}, [value] * 2))
        case _:
            holder[key] = copy.deepcopy(draw.choice(_ODD))


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every value of a tree, as what holds it and its key."""
    pairs = list(node.items() if isinstance(node, dict) else enumerate(node))
    for key, value in pairs:
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _alias_bomb() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    return "\n".join(lines).encode()


_BOMBS: list[Callable[[], bytes]] = [
    _alias_bomb,
    lambda: b"study: " + b"[" * 3000 + b"]" * 3000,
    lambda: b"\n".join(b" " * i + b"a:" for i in range(3000)),
    lambda: b"seeds: [" + b"1, " * 200_000 + b"1]",
    lambda: b"extends: mutated.yaml\nstudy: a",
    lambda: "study: ä".encode("utf-16"),
    lambda: b"",
    lambda: b"study: " + b"9" * 100_000,
]
