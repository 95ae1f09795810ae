"""Studies to be loaded: those that ship, with some keys changed, and ready data sets."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shared

from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.data.dataset import Truth, write_dataset
from ptychobasis.study.layers import read_layers
from ptychobasis.study.load import load_study
from ptychobasis.study.yaml_source import plain

ROOT = Path(__file__).parents[2]
ABSENT = object()


@cache  # many tests change a copy of it
def shipped(name: str) -> dict[str, Any]:
    found: dict[str, Any] = plain(read_layers([ROOT / "config" / f"{name}.yaml"]))
    return found


def changed(changes: Mapping[str, Any], base: str = "demo") -> dict[str, Any]:
    """The mapping of a shipped study with some dotted keys set anew or taken away."""
    raw = copy.deepcopy(shipped(base))
    for key, value in changes.items():
        *parents, last = key.split(".")
        block = raw
        for parent in parents:
            block = block.setdefault(parent, {})
        if value is ABSENT:
            del block[last]
        else:
            block[last] = copy.deepcopy(value)
    return raw


def refusal(raw: Mapping[str, Any]) -> str:
    with pytest.raises(StudyError) as caught:
        load_study(raw, source="config/mine.yaml")
    message = str(caught.value)
    assert "\n" not in message
    return message


def measured(
    path: Path,
    window: tuple[float, float] = (35.0, 35.0),
    pixels: tuple[int, int] = (128, 128),
    truth: Truth | None = None,
    **other: Any,
) -> Path:
    """A ready data set, that of the default study but for what is given, all dark."""
    optics = load_study(ROOT / "config/demo.yaml", checked=True).optics()
    sampling = (window[0] / pixels[0], window[1] / pixels[1])
    positions = other.pop("positions", shared.positions((18, 30)))
    optics = replace(optics, detector=Grid(pixels, sampling), **other)
    count = positions.shape[0] * positions.shape[1]
    patterns = (np.zeros((1, *pixels), np.float32) for _ in range(count))
    write_dataset(path, optics, positions, patterns, truth)
    return path
