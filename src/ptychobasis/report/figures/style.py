"""Common to all figures: style, colours, scale bars, and deterministic files."""

import string
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

from ptychobasis.bases.registry import BASES
from ptychobasis.data.atomic import atomic

mpl.use("Agg")


# Okabe and Ito, safe for all common kinds of colour blindness
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "d", "*")
DASHES = ("-", (0, (4, 1.5)))  # the second round of colours is dashed
STYLE = {
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.4,
    "image.interpolation": "nearest",
    "svg.hashsalt": "ptychobasis",
    "pdf.fonttype": 42,
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure [inch] in the common style."""
    plt.style.use(STYLE)
    return plt.figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, paths: Iterable[str | Path]) -> None:
    """Write a figure in several formats, the same bytes every time."""
    undated: dict[str, dict[str, Any]] = {
        ".png": {"Software": None},
        ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
        ".svg": {"Date": None, "Creator": None},
    }
    for path in map(Path, paths):
        with atomic(path) as temporary:
            figure.savefig(
                temporary, metadata=undated[path.suffix], bbox_inches="tight", pad_inches=0.05
            )
    plt.close(figure)


def line_style(index: int) -> dict[str, Any]:
    """Colour, marker and dashes that no other of the first 84 lines has together."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": DASHES[index // len(COLOURS) % len(DASHES)],
    }


def pretty(basis: str) -> str:
    """Name of a basis for people; own masks are called as their file."""
    return BASES[basis].title if basis in BASES else basis


def panel_letters() -> Iterator[str]:
    """A to z, then aa to zz."""
    letters = string.ascii_lowercase
    return (first + second for first in ("", *letters) for second in letters)


def label_panel(axes: Axes, letter: str, colour: str = "black") -> None:
    """Put a panel's letter into its upper left corner."""
    axes.text(
        0.03, 0.97, letter, transform=axes.transAxes, va="top", ha="left",
        fontweight="bold", color=colour,
    )  # fmt: skip


def scale_bar(axes: Axes, length: float, text: str, colour: str = "white") -> None:
    """Draw a bar of `length` in data units into the lower right corner."""
    height = abs(np.diff(axes.get_ylim())[0]) * 0.012
    bar = AnchoredSizeBar(
        axes.transData, length, text, "lower right", pad=0.3, sep=2, color=colour,
        frameon=False, size_vertical=height,
    )  # fmt: skip
    axes.add_artist(bar)


def bare(axes: Axes) -> None:
    """Remove ticks and frame of a picture."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
