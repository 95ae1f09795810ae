"""Every figure, drawn from small real objects, and its files to the byte."""

import itertools
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shared
import torch
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import FillBetweenPolyCollection, LineCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import NDArray

from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.electrons import interaction_constant
from ptychobasis.core.optics import Optics
from ptychobasis.core.variant import Variant
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Truth
from ptychobasis.evaluation.compare import Comparison, combine, evaluate
from ptychobasis.evaluation.field import true_phase
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.forward.layout import lay_out_scan
from ptychobasis.forward.multislice import Multislice
from ptychobasis.forward.steps import one_step_each
from ptychobasis.forward.waves import probe_spectrum
from ptychobasis.reconstruction.result_file import Reconstruction, Run
from ptychobasis.report.figures import style as figures
from ptychobasis.report.figures.curves import draw_fsc, draw_quality
from ptychobasis.report.figures.masks import draw_masks
from ptychobasis.report.figures.rate import draw_rate
from ptychobasis.report.figures.slices import draw_slices
from ptychobasis.report.names import reference_name, sweep_names, titles

OPTICS = shared.optics((40, 36), (0.25, 0.28))
DEPTHS = (0.0, 12.0)
BAND = (0.2, 1.0)
REFERENCE = Variant("uncompressed", "all")
KEYS = Evaluation(reference=str(REFERENCE), band_per_angstrom=BAND, apodisation_angstrom=1.0)
SAMPLING, ORIGIN = (0.25, 0.3), (-2.0, 1.0)
POSITIONS = shared.positions((8, 11)) + np.array([0.0, 3.0])
ATOMS = np.random.default_rng(7).uniform((-1, 2), (9, 15), (2, 30, 2))


@pytest.fixture(autouse=True)
def _coarse_and_without_warnings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(figures.STYLE, "figure.dpi", 80)
    monkeypatch.setitem(figures.STYLE, "savefig.dpi", 80)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    figures.plt.close("all")


def pattern(optics: Optics = OPTICS) -> NDArray[np.float64]:
    """A centred pattern of a random weak object of two slices."""
    layout = lay_out_scan(optics.detector, np.zeros((1, 2)))
    model = Multislice(layout, optics.wavelength, one_step_each((0.0, 12.0)), dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    phase = torch.rand((2, *layout.shape), generator=generator, dtype=torch.float64)
    spectrum = model.wave(probe_spectrum(optics.detector, optics))
    return np.fft.fftshift(model.intensities(phase, spectrum, np.array([0]))[0].numpy())


def basis(name: str, size: int = 0, optics: Optics = OPTICS) -> Basis:
    return build_basis(name, Request(optics, size))


def potential(noise: float, seed: int = 0) -> NDArray[np.float64]:
    """Gaussian atoms on the pixels of a reconstruction ``(slices, y, x)`` [V Å]."""
    y = ORIGIN[0] + np.arange(52) * SAMPLING[0]
    x = ORIGIN[1] + np.arange(56) * SAMPLING[1]
    layers = [
        50 * np.exp(-(((y - a[:, :1]) / 0.5) ** 2)).T @ np.exp(-(((x - a[:, 1:]) / 0.5) ** 2))
        for a in ATOMS
    ]
    return np.stack(layers) + noise * np.random.default_rng(seed).normal(size=(2, 52, 56))


def recon(name: str, stored: int, noise: float, seed: int = 0) -> Reconstruction:
    return Reconstruction(
        phase=Volume(interaction_constant(60e3) * potential(noise, seed), SAMPLING, ORIGIN),
        probe=np.ones((40, 36), np.complex64),
        loss=np.array([1.0, 0.5]),
        slice_depths=DEPTHS,
        energy=60e3,
        run=Run(name, stored, "cpu", 0, 0.1, 0.1, 800.0, 10**8, 4, 4),
        config={},
    )


def truth() -> Truth:
    return Truth(Volume(potential(0), SAMPLING, ORIGIN), 12.0)


VARIANTS = {
    Variant("zernike", "10"): ("zernike", 10, 40.0),
    Variant("zernike", "36"): ("zernike", 36, 15.0),
    Variant("binning", "12"): ("binning", 21, 32.0),  # at the paper's geometry these two edges
    Variant("binning", "11"): ("binning", 21, 30.0),  # store as many numbers
    Variant("binning", "7"): ("binning", 45, 10.0),
    Variant("bright-field", "all"): ("bright-field", 421, 3.0),
    Variant("uncompressed", "all"): ("pixels", 1440, 1.0),
}


@pytest.fixture(scope="module")
def tables() -> Comparison:
    """What `evaluate` makes of reconstructions that differ in their noise, of one seed."""
    return evaluated(1)


@pytest.fixture(scope="module")
def both(tables: Comparison) -> Comparison:
    """The same of two seeds."""
    return combine([tables, evaluated(2)])


def evaluated(seed: int) -> Comparison:
    first = 100 * seed
    reference = recon("pixels", 1440, 1.0, first + len(VARIANTS) - 1)
    parts = [
        evaluate(recon(*made, first + i), label, POSITIONS, KEYS, reference, truth())
        for i, (label, made) in enumerate(VARIANTS.items())
    ]
    return Comparison(*(table.assign(seed=seed) for table in combine(parts)))


def visible_texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible()]


def check(figure: Figure) -> None:
    """Nothing leaves the page, no title or letter runs into another, nothing says or is NaN."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    box = figure.get_tightbbox(renderer)
    width, height = figure.get_size_inches()
    assert np.isfinite(box.extents).all()
    assert box.x0 > -0.01
    assert box.y0 > -0.01
    assert box.x1 < width + 0.01
    assert box.y1 < height + 0.01
    assert not any("nan" in text.lower() for text in visible_texts(figure))
    labels = [
        label.get_window_extent(renderer)
        for axes in figure.findobj(Axes)
        for label in axes.get_children()
        if isinstance(label, Text) and label.get_text()
    ]
    for i, one in enumerate(labels):
        assert not any(one.overlaps(other) for other in labels[:i])
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def images(figure: Figure) -> list[NDArray[np.float64]]:
    found = [image for image in figure.findobj(AxesImage) if isinstance(image, AxesImage)]
    return [np.asarray(image.get_array(), np.float64) for image in found]


def curves(axes: Axes) -> list[Line2D]:
    """The lines that the legend names."""
    return [h for h in axes.get_legend_handles_labels()[0] if isinstance(h, Line2D)]


def xy(line: Line2D) -> NDArray[np.float64]:
    return np.asarray(line.get_xydata(), np.float64)


# figure 1


def test_masks_figure_shows_masks_counts_and_what_is_kept() -> None:
    shown = {
        Variant("zernike", "6"): basis("zernike", 6),
        Variant("binning", "3"): basis("binning", 3),
        REFERENCE: basis("pixels"),
    }
    figure = draw_masks(pattern(), OPTICS, shown)
    check(figure)
    texts = visible_texts(figure)
    for item in shown.values():
        assert f"{figures.pretty(item.name)}\n{item.size} numbers" in texts
    assert "recorded\n1440 numbers" in texts
    assert any("6 masks" in text for text in texts)
    assert "30 mrad" in texts
    recorded, *_, everything = images(figure)[2:]
    np.testing.assert_allclose(everything, recorded, rtol=1e-6)


def test_kept_patterns_are_projections_for_masks_that_are_not_orthonormal() -> None:
    """Masks that span the same space keep the same, whatever their norms and angles."""
    plain = basis("zernike", 6)
    assert plain.matrix is not None
    mixing = np.random.default_rng(0).normal(size=(6, 6)) * 10
    oblique = Basis("mine", plain.support, (mixing @ plain.matrix).astype(np.float32))
    figure = draw_masks(pattern(), OPTICS, {Variant("a", "6"): plain, Variant("b", "6"): oblique})
    one, other = images(figure)[-2:]
    np.testing.assert_allclose(one, other, atol=1e-3 * one.max())


def test_masks_are_drawn_as_they_were_given() -> None:
    plain = basis("hadamard", 10)
    given = plain.as_given()
    assert np.abs(plain.masks() - given.masks()).max() > 0.01
    found, expected = (
        images(draw_masks(pattern(), OPTICS, {REFERENCE: each})) for each in (plain, given)
    )
    np.testing.assert_array_equal(found[1], expected[1])
    assert set(np.unique(np.round(found[1][np.isfinite(found[1])], 5))) == {-1, 1}


@pytest.mark.parametrize("name", ["pixels", "bright-field"])
def test_pixels_may_come_first_even_on_a_large_detector(name: str) -> None:
    """A picture of a few masks must not build all of them: those of 250 000 pixels."""
    optics = shared.optics((500, 420), (0.07, 0.08))
    recorded = pattern(OPTICS)
    padded = np.zeros(optics.detector.shape)
    padded[230:270, 192:228] = recorded
    shown = {REFERENCE: basis(name, optics=optics)}
    figure = draw_masks(padded, optics, shown)
    check(figure)
    assert any(f"36 of {shown[REFERENCE].size} masks" in text for text in visible_texts(figure))


# figures 2 and 4


def fsc_figure(curves: pd.DataFrame, reference: Variant = REFERENCE) -> Figure:
    return draw_fsc(curves, list(dict.fromkeys(curves["sweep"])), reference, BAND)


def quality_figure(summary: pd.DataFrame, reference: Variant = REFERENCE) -> Figure:
    return draw_quality(summary, list(dict.fromkeys(summary["sweep"])), reference, BAND)


def test_fsc_figure_draws_every_curve_with_its_stored_numbers(tables: Comparison) -> None:
    figure = fsc_figure(tables.curves)
    check(figure)
    assert len(figure.axes) == 6  # Zernike, binning, the rest; reference and truth
    drawn = []
    for axes in figure.axes:
        shades = [colors.to_hex(line.get_color()) for line in curves(axes)]
        assert len(set(shades)) == len(shades)
        drawn.append(axes.get_legend_handles_labels()[1])
    assert drawn == [
        ["10", "36"], ["21 (11)", "21 (12)", "45"], ["421"],
        ["10", "36"], ["21 (11)", "21 (12)", "45"], ["421", "1440"],
    ]  # fmt: skip


def test_fsc_curves_are_the_table(tables: Comparison) -> None:
    """No line joins two reconstructions: frequencies rise along each."""
    figure = fsc_figure(tables.curves)
    volume = tables.curves[tables.curves["slice"] == "volume"]
    lines = [line for axes in figure.axes for line in curves(axes)]
    assert all((np.diff(xy(line)[:, 0]) > 0).all() for line in lines)
    expected = volume[(volume["against"] == "reference") & (volume["sweep"] == "zernike")].groupby(
        "size"
    )["fsc"]
    for line, size in zip(lines[:2], ["10", "36"], strict=True):
        np.testing.assert_array_equal(line.get_ydata(), expected.get_group(size))


def test_fsc_figure_survives_a_reference_without_company(tables: Comparison) -> None:
    part = tables.curves[tables.curves["sweep"].isin(["zernike", "uncompressed"])]
    figure = fsc_figure(part)
    assert [len(curves(axes)) for axes in figure.axes] == [2, 0, 2, 1]


def test_fsc_figure_of_many_sweeps_goes_on_below(tables: Comparison) -> None:
    zernike = tables.curves[tables.curves["sweep"] == "zernike"]
    many = pd.concat([zernike.assign(sweep=f"zernike-{i}") for i in range(7)])
    figure = fsc_figure(many)
    used = [axes for axes in figure.axes if axes.axison]
    assert len(used) == 2 * 7
    assert all(len(curves(axes)) == 2 for axes in used)
    assert len({round(axes.get_position().x0, 3) for axes in used}) == 5


def test_fsc_figure_without_a_truth_has_one_row(tables: Comparison) -> None:
    part = tables.curves[tables.curves["against"] == "reference"]
    figure = fsc_figure(part)
    assert len(figure.axes) == 3


def test_curves_from_the_csv_draw_the_same(tables: Comparison, tmp_path: Path) -> None:
    tables.curves.to_csv(tmp_path / "fsc.csv", index=False)
    read = pd.read_csv(tmp_path / "fsc.csv", dtype={"slice": str, "size": str})
    drawn = [fsc_figure(table) for table in (tables.curves, read)]
    one, two = ([xy(line) for axes in figure.axes for line in curves(axes)] for figure in drawn)
    assert len(one) == 13
    for line, other in zip(one, two, strict=True):
        np.testing.assert_allclose(line, other, rtol=1e-12)


def test_quality_figure_puts_every_variant_at_its_stored_numbers(tables: Comparison) -> None:
    figure = quality_figure(tables.summary)
    check(figure)
    assert len(figure.axes) == 2
    volume = tables.summary[tables.summary["slice"] == "volume"]
    for axes, against in zip(figure.axes, ("reference", "truth"), strict=True):
        lines = curves(axes)
        assert [line.get_label() for line in lines] == [
            "Zernike",
            "binning",
            "bright-field pixels",
            "all pixels",
        ]
        assert len({line.get_color() for line in lines}) == 4
        assert len({line.get_marker() for line in lines}) == 4
        found = sorted((x, y) for line in lines for x, y in xy(line).tolist())
        rows = volume[volume["against"] == against]
        assert found == sorted(zip(rows["stored_values"], rows["mean_fsc"], strict=True))
        assert axes.get_xscale() == "log"
    assert "0.2 to 1 1/Å" in figure.axes[0].get_ylabel()


def test_quality_figure_tells_a_dozen_sweeps_apart() -> None:
    rows = [
        {"sweep": f"s{i}", "basis": "zernike", "size": "6", "stored_values": 6 + i,
         "slice": "volume", "against": against, "mean_fsc": 0.5}
        for i in range(12) for against in ("reference", "truth")
    ]  # fmt: skip
    figure = quality_figure(pd.DataFrame(rows))
    check(figure)
    for axes in figure.axes:
        lines = curves(axes)
        looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines}
        assert len(looks) == 12
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        f"s{i} (Zernike)" for i in range(12)
    ]


def bands(axes: Axes) -> list[NDArray[np.float64]]:
    """Lowest and highest ``(2, x)`` of every band that has an area."""
    found = []
    for item in axes.findobj(FillBetweenPolyCollection):
        (path,) = item.get_paths()
        corners = np.asarray(path.vertices)
        x, y = corners.T
        if np.isclose(x @ np.roll(y, 1), y @ np.roll(x, 1)):  # no area
            continue
        x = np.unique(corners[:, 0])
        of_x = [corners[corners[:, 0] == each, 1] for each in x]
        found.append(np.array([[part.min() for part in of_x], [part.max() for part in of_x]]))
    return found


def test_curves_of_two_seeds_are_their_mean_in_a_band(both: Comparison) -> None:
    figure = fsc_figure(both.curves)
    check(figure)
    volume = both.curves[both.curves["slice"] == "volume"]
    wanted = volume[(volume["against"] == "truth") & (volume["sweep"] == "zernike")]
    wanted = wanted[wanted["size"] == "36"]
    one, two = (wanted[wanted["seed"] == seed]["fsc"].to_numpy(float) for seed in (1, 2))
    lower_left = figure.axes[3]
    np.testing.assert_allclose(xy(curves(lower_left)[1])[:, 1], (one + two) / 2)
    _, band = bands(lower_left)
    np.testing.assert_allclose(band[0], np.minimum(one, two))
    np.testing.assert_allclose(band[1], np.maximum(one, two))


def test_curves_on_other_shells_are_brought_onto_those_of_the_first_seed(
    tables: Comparison,
) -> None:
    """A model with other pixels has other shells: the curve is the same, sampled elsewhere."""
    other = tables.curves.assign(seed=2)
    other["q_per_angstrom"] *= 1.01
    straight = [table.assign(fsc=1 - table["q_per_angstrom"]) for table in (tables.curves, other)]
    figure = fsc_figure(pd.concat(straight))
    for axes in figure.axes:
        for line in curves(axes):
            q, fsc = xy(line)[1:-1].T  # beyond the ends there is nothing to interpolate
            np.testing.assert_allclose(fsc, 1 - q)


def test_quality_of_two_seeds_is_their_mean_in_a_band(both: Comparison) -> None:
    figure = quality_figure(both.summary)
    check(figure)
    volume = both.summary[both.summary["slice"] == "volume"]
    for axes, against in zip(figure.axes, ("reference", "truth"), strict=True):
        rows = volume[(volume["against"] == against) & (volume["sweep"] == "zernike")]
        sizes = rows.groupby("stored_values")["mean_fsc"]
        np.testing.assert_allclose(xy(curves(axes)[0])[:, 1], sizes.mean())
        np.testing.assert_allclose(bands(axes)[0], [sizes.min(), sizes.max()])
        single = volume[(volume["against"] == against) & (volume["sweep"] == "bright-field")]
        bars = [np.sort(s[:, 1]) for c in axes.findobj(LineCollection) for s in c.get_segments()]
        expected = sorted(single["mean_fsc"])
        assert any(np.allclose(bar, expected, rtol=1e-9) for bar in bars)


def test_one_seed_has_no_band(tables: Comparison) -> None:
    for figure in (
        fsc_figure(tables.curves), quality_figure(tables.summary),
    ):  # fmt: skip
        assert [band for axes in figure.axes for band in bands(axes)] == []


# figure 5

STORED = {  # basis, store, dose, bytes, quality
    "zernike": ("zernike", "float32", np.nan, (40.0, 144.0), (0.7, 0.9)),
    "zernike-int8": ("zernike", "int8", np.nan, (10.0, 36.0), (0.6, 0.8)),
    "zernike-1e4": ("zernike", "float32", 1e4, (41.0, 145.0), (0.5, 0.6)),
    "uncompressed": ("pixels", "float32", np.nan, (2e4,), (0.95,)),
    "pixels-1e4": ("pixels", "float32", 1e4, (3e3,), (0.65,)),
}


def stored(seeds: tuple[int, ...] = (1, 2)) -> pd.DataFrame:
    rows = []
    for seed, against in itertools.product(seeds, ("reference", "truth")):
        for sweep, (name, store, dose, taken, scores) in STORED.items():
            for i, (each, score) in enumerate(zip(taken, scores, strict=True)):
                rows.append(
                    {"seed": seed, "sweep": sweep, "size": str(i), "basis": name,
                     "stored_values": 10 * (i + 1), "against": against, "slice": "volume",
                     "mean_fsc": score + 0.02 * (seed - 1) - 0.3 * (against == "reference"),
                     "store": store, "dose_electrons_per_angstrom2": dose,
                     "bytes_per_pattern": each,
                     "raw_bytes_per_pattern": 2880.0 if dose > 0 else np.nan,
                     "lossless_bytes_per_pattern": 700.0 if dose > 0 else np.nan}
                )  # fmt: skip
    return pd.DataFrame(rows)


def test_rate_figure_puts_every_variant_at_its_bytes() -> None:
    """At the mean over the seeds, with a bar over their range; black without noise."""
    figure = draw_rate(stored(), REFERENCE, BAND)
    check(figure)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["Zernike", "all pixels"]
    seen = {str(line.get_label()): line for axes in figure.axes for line in curves(axes)}
    assert set(seen) == set(STORED)
    for sweep, (_, store, dose, taken, scores) in STORED.items():
        line = seen[sweep]
        np.testing.assert_allclose(xy(line)[:, 0], taken)
        np.testing.assert_allclose(xy(line)[:, 1], np.array(scores) + 0.01)
        assert line.get_marker() == {"float32": "o", "int8": "^"}[store]
        assert (colors.to_hex(line.get_color()) == "#000000") == np.isnan(dose)
    bars = [s for c in figure.axes[1].findobj(LineCollection) for s in c.get_segments()]
    assert any(np.allclose(bar, [[2e4, 0.95], [2e4, 0.97]]) for bar in bars)
    texts = visible_texts(figure)
    for expected in ("no noise", "10000 electrons/Å²", "float32", "int8", "counts, lossless"):
        assert expected in texts
    assert "float16" not in texts
    assert any("true potential" in text for text in texts)


def test_counts_stand_in_every_panel_at_the_quality_of_all_pixels() -> None:
    for axes in draw_rate(stored(), REFERENCE, BAND).axes:
        lone = [line for line in axes.get_lines() if str(line.get_label()).startswith("_")]
        found = sorted(tuple(xy(line)[0]) for line in lone)
        np.testing.assert_allclose(found, [(700, 0.66), (2880, 0.66)])


def test_rate_figure_without_truth_or_noise_shows_the_agreement_with_the_reference() -> None:
    table = stored((1,))
    table = table[(table["against"] == "reference") & table["dose_electrons_per_angstrom2"].isna()]
    figure = draw_rate(table, Variant("uncompressed", "0"), BAND)
    check(figure)
    texts = visible_texts(figure)
    assert any("with all pixels, 10 numbers" in text for text in texts)
    assert not any("counts" in text for text in texts)
    assert xy(curves(figure.axes[1])[0]).tolist() == [[2e4, pytest.approx(0.65)]]


def test_palette_is_distinct() -> None:
    rgb = np.array([colors.to_rgb(colour) for colour in figures.COLOURS])
    distance = np.linalg.norm(rgb[:, None] - rgb[None], axis=-1) + np.eye(len(rgb))
    assert distance.min() > 0.2
    assert len(set(figures.MARKERS)) == len(figures.MARKERS)


# figure 3


def slice_pictures() -> list[tuple[str, Volume]]:
    made = [
        (f"{figures.pretty(name)}\n{stored} numbers",
         recon(name, stored, noise).phase.cropped(POSITIONS))
        for name, stored, noise in (("zernike", 36, 15.0), ("pixels", 1440, 1.0))
    ]  # fmt: skip
    like = made[0][1]
    true = true_phase(truth(), 60e3, DEPTHS, like.grid, like.origin)
    return [*made, ("true\npotential", true)]


def test_slices_figure_shows_every_slice_of_every_reconstruction() -> None:
    figure = draw_slices(slice_pictures(), DEPTHS, 1)
    check(figure)
    texts = visible_texts(figure)
    for expected in ("Zernike\n36 numbers", "true\npotential", "5 Å", "phase [rad]"):
        assert expected in texts
    assert "slice 2, depth 12 Å" in texts
    assert len(figure.findobj(AxesImage)) >= 9  # the colour bar may add one


def test_absorption_is_drawn_below_on_a_scale_of_its_own() -> None:
    pictures = slice_pictures()
    weak = replace(pictures[0][1], array=0.01 * pictures[0][1].array)
    figure = draw_slices(pictures, DEPTHS, 1, [("Zernike", weak)])
    check(figure)
    texts = visible_texts(figure)
    assert {"phase [rad]", "absorption"} <= set(texts)
    phase, absorption = (
        next(axes for axes in figure.axes if axes.get_ylabel() == title).get_images()[0]
        for title in ("true\npotential", "Zernike")
    )
    assert absorption.get_clim()[1] < 0.1 * phase.get_clim()[1]
    np.testing.assert_array_equal(np.asarray(absorption.get_array()), weak.array[1])


def test_many_slices_of_many_reconstructions_are_drawn() -> None:
    _, picture = slice_pictures()[0]
    many = [(f"run {i}", picture) for i in range(9)]
    figure = draw_slices(many, DEPTHS, 0)  # 27 panels
    assert "aa" in visible_texts(figure)


def test_reconstructions_with_the_same_title_are_both_drawn() -> None:
    """Titles are for people, not for telling things apart."""
    (title, one), (_, other), _ = slice_pictures()
    figure = draw_slices([(title, one), (title, other)], DEPTHS, 0)
    drawn = [axes for axes in figure.axes if axes.get_ylabel() == title]
    first, second = (np.asarray(axes.get_images()[0].get_array()) for axes in drawn)
    np.testing.assert_array_equal(first, one.array[0])
    np.testing.assert_array_equal(second, other.array[0])


def test_titles_differ_where_basis_and_numbers_do_not() -> None:
    shown = {
        Variant("zernike", "36"): ("zernike", 36),
        Variant("joint", "36"): ("zernike", 36),
        Variant("binning", "11"): ("binning", 21),
        Variant("binning", "12"): ("binning", 21),
        Variant("uncompressed", "all"): ("pixels", 1440),
    }
    assert list(titles(shown).values()) == [
        "Zernike\n36 numbers", "Zernike (joint)\n36 numbers", "binning (binning/11)\n21 numbers",
        "binning (binning/12)\n21 numbers", "all pixels\n1440 numbers",
    ]  # fmt: skip


def test_sweeps_have_names_of_their_own() -> None:
    table = pd.DataFrame({"sweep": ["zernike", "joint", "uncompressed", "pixels"],
                          "basis": ["zernike", "zernike", "pixels", "pixels"]})  # fmt: skip
    assert list(sweep_names(table).values()) == [
        "Zernike", "joint (Zernike)", "uncompressed (all pixels)", "all pixels",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        (REFERENCE, "all pixels"),
        (Variant("zernike", "36"), "Zernike, 36 numbers"),
        (Variant("bright-field", "all"), "bright-field pixels"),
    ],
)
def test_figures_call_the_reference_by_its_own_name(
    tables: Comparison, reference: Variant, name: str
) -> None:
    assert reference_name(tables.summary, reference) == name
    fsc, quality = fsc_figure(tables.curves, reference), quality_figure(tables.summary, reference)
    assert fsc.axes[0].get_ylabel().replace("\n", " ") == f"FSC with {name}"
    assert quality.axes[0].get_title() == f"against {name}"
    missing = [line.get_label() for line in curves(fsc.axes[0])]
    assert len(missing) == (1 if reference.sweep == "zernike" else 2)  # not against itself


# files


@pytest.mark.slow
def test_files_are_the_same_bytes_every_time_and_undated(tmp_path: Path) -> None:
    names = [f"figure.{suffix}" for suffix in ("png", "pdf", "svg")]
    for folder in ("one", "two"):
        figure = draw_masks(pattern(), OPTICS, {REFERENCE: basis("pixels")})
        figures.save(figure, [tmp_path / folder / name for name in names])
    for name, start in zip(names, (b"\x89PNG", b"%PDF", b"<?xml"), strict=True):
        one, two = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
        assert one.startswith(start)
        assert one == two
        assert not re.search(rb"CreationDate|ModDate|<dc:date>|tIME|20[2-9]\d-\d\d-\d\d", one)
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(names)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "figure.png"
    path.write_bytes(b"old")

    def fail(_: Figure, target: Any, **__: Any) -> None:
        Path(target).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        figures.save(figures.new_figure(1, 1), [path])
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_names_for_people() -> None:
    assert figures.pretty("zernike") == "Zernike"
    assert figures.pretty("my_masks") == "my_masks"
