"""Checks of a study's geometry: probe, detector, simulation and crystal fit together.

A ready data set is held to the same as a simulation; what its sample is, its file may tell.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from ptychobasis.forward.steps import MOST_STEPS, Steps, propagation_steps
from ptychobasis.reconstruction.grids import APERTURES, pixels_reaching
from ptychobasis.simulation.geometry import needed_size
from ptychobasis.simulation.settings import Aberrations
from ptychobasis.study.geometry import Geometry
from ptychobasis.study.probe_extent import diameter, share_outside
from ptychobasis.study.schema import Study

AXES = ("y", "x")
# Bright-field radii that a model's patterns must reach to. Silicon of 92 Å had, with 3.0, 2.0,
# 1.75, 1.5, 1.3 and 1.1 of them, an FSC with the truth of 0.97, 0.96, 0.95, 0.88, 0.76 and 0.56 in
# the band up to 0.67 1/Å, which all of these hold.
REACH = 1.5
OUTSIDE = 0.05  # most of the probe that may lie outside its window, on whose other side it returns
THICKEST = 5000.0  # [Å], through which no electron of any microscope comes unscattered
MOST_ATOMS = 1e8
MOST_VOXELS = 2e10  # of the simulated potential, 80 GB
MOST_NUMBERS = 1e12  # of the simulated patterns, 4 TB

Check = Callable[[Study, Geometry], Iterator[str]]


def where(study: Study, key: str) -> str:
    """A key of the simulation, or the ready data set that takes its place."""
    return key if study.dataset.file is None else f"dataset.file '{study.dataset.file}'"


def least_pixels(study: Study, found: Geometry, sweep: str) -> tuple[int, int]:
    """The fewest pixels that the model of a sweep may have; auto may take more."""
    asked = study.recon(sweep).model_pixels
    if asked == "auto":
        return pixels_reaching(found.optics, APERTURES * found.optics.aperture)
    return asked or found.optics.detector.shape


def detector(study: Study, found: Geometry) -> Iterator[str]:
    """The disc lies within the camera, and the model reaches beyond the disc."""
    optics = found.optics
    sides = list(zip(AXES, optics.detector.shape, optics.detector.extent, strict=True))
    for axis, pixels, window in sides:
        edge = ((pixels - 1) // 2) / window
        if edge < REACH * optics.aperture:
            disc = f"{optics.semi_angle * 1e3:.4g} mrad"
            most = edge * optics.wavelength * 1e3 / REACH
            yield (
                f"{where(study, 'microscope.semi_angle_mrad')} has a disc of {disc}, of which the "
                f"detector holds {edge / optics.aperture:.3g} radii along {axis}; allowed: "
                f"{REACH:g} radii or more, to where discs overlap that the model must follow, so "
                f"less than {most:.2f} mrad, or more detector.pixels"
            )
    for name in study.sweeps:
        model = study.recon(name).model_pixels
        if model is None or model == "auto":
            continue
        for (axis, pixels, window), count in zip(sides, model, strict=True):
            least = math.ceil(2 * REACH * optics.aperture * window)
            if not least <= count <= pixels:
                yield (
                    f"{study.owner(name, 'model_pixels')} is {count} along {axis}; allowed: "
                    f"{least} ({2 * REACH:g} times the aperture's radius) to {pixels} (the "
                    "detector's pixels)"
                )


def steps(study: Study, found: Geometry) -> Iterator[str]:
    """A wave does not take more steps through an object than memory and time allow."""
    for name in study.sweeps:
        keys, count = study.recon(name), len(_steps(study, name, found).depths)
        if count > MOST_STEPS:
            step = keys.propagation_step_angstrom
            yield (
                f"{study.owner(name, 'propagation_step_angstrom')} is {step}, which makes {count} "
                f"steps through the object of sweeps.{name}; allowed: up to {MOST_STEPS} steps"
            )


def _steps(study: Study, name: str, found: Geometry) -> Steps:
    """Steps of a sweep's waves through the object."""
    keys = study.recon(name)
    return propagation_steps(
        keys.slice_depths_angstrom, found.optics, keys.propagation_step_angstrom
    )


def probe(study: Study, found: Geometry) -> Iterator[str]:
    """The probe stays in its window, and neighbouring positions overlap."""
    optics, extent = found.optics, found.optics.detector.extent
    for name in study.sweeps:
        keys = study.recon(name)
        below = _steps(study, name, found).depths[-1]
        bottom = max(found.thickness or 0.0, *keys.slice_depths_angstrom, below)
        focus, key = keys.probe_defocus_angstrom, study.owner(name, "probe_defocus_angstrom")
        if focus is None:
            focus, key = optics.defocus, where(study, "microscope.defocus_angstrom")
        far = max(abs(focus), abs(focus - bottom)) + keys.focus_search_angstrom
        window, what = extent, "the detector's window"
        if isinstance(keys.window_angstrom, tuple):
            window, what = keys.window_angstrom, study.owner(name, "window_angstrom")
            if any(own > most * (1 + 1e-9) for own, most in zip(window, extent, strict=True)):
                yield (
                    f"{what} is {list(window)}; allowed: up to the detector's, {extent[0]:.4g} x "
                    f"{extent[1]:.4g} Å"
                )
                continue
        outside = share_outside(optics, window, far)
        if outside > OUTSIDE:
            yield (
                f"{key} puts the probe up to {far:.4g} Å out of focus, where {outside:.0%} of it "
                f"lies outside {what} of {window[0]:.4g} x {window[1]:.4g} Å; allowed: "
                f"{OUTSIDE:.0%}, because it comes back on the other side"
            )
    yield from _overlap(study, found)


def aberrations(study: Study, found: Geometry) -> Iterator[str]:
    """The aberrated probe stays in the window that it is simulated in."""
    if study.microscope is None or study.microscope.aberrations == Aberrations():
        return
    keys, optics = study.microscope.aberrations, found.optics
    angles = np.linspace(0, optics.semi_angle, 100)
    third = keys.spherical_mm * 1e7 * angles**3
    bends = [
        (depth - optics.defocus + sign * keys.astigmatism_angstrom) * angles + third
        for depth in (0.0, found.thickness or 0.0)
        for sign in (-1, 1)
    ]
    far, window = float(np.abs(bends).max()) / optics.semi_angle, optics.detector.extent
    outside = share_outside(optics, window, far)
    if outside > OUTSIDE:
        yield (
            f"microscope.aberrations spread the probe as {far:.4g} Å of defocus do, so that "
            f"{outside:.0%} of it lies outside the detector's window of {window[0]:.4g} x "
            f"{window[1]:.4g} Å; allowed: {OUTSIDE:.0%}"
        )


def _overlap(study: Study, found: Geometry) -> Iterator[str]:
    deepest = [max(study.recon(name).slice_depths_angstrom) for name in study.sweeps]
    deepest += [_steps(study, name, found).depths[-1] for name in study.sweeps]
    bottom = max(found.thickness or 0.0, *deepest)
    focus = found.optics.defocus
    wide = diameter(found.optics, max(abs(focus), abs(focus - bottom)))
    for axis, name in enumerate(AXES):
        steps = np.linalg.norm(np.diff(found.positions, axis=axis), axis=-1)
        step = float(np.median(steps)) if steps.size else 0.0
        if step > wide:
            yield (
                f"{where(study, 'scan.step_angstrom')} has steps of {step:.4g} Å along {name}; "
                f"allowed: up to {wide:.4g} Å, the diameter of the probe where it is widest in the "
                "sample, so that neighbouring positions overlap"
            )


def simulation(study: Study, found: Geometry) -> Iterator[str]:
    """The simulated wave fills the window and reaches to the detector's edge.

    abTEM keeps two thirds of its Nyquist frequency, which then hold the disc: see `REACH`.
    """
    if study.simulation is None or study.detector is None:
        return
    key, sampling = "simulation.sampling_angstrom", study.simulation.sampling_angstrom
    sides = zip(AXES, study.detector.pixels, study.detector.window_angstrom, strict=True)
    for axis, pixels, window in sides:
        count = window / sampling
        if abs(count - round(count)) > 1e-6:
            raise_or_lower = window / np.array([np.ceil(count), max(1, np.floor(count))])
            fit = " or ".join(f"{value:.10g}" for value in raise_or_lower)
            yield (
                f"{key} is {sampling:g}, so that {count:.6g} pixels fill the window along {axis}; "
                f"allowed: a whole number of pixels, such as {fit}"
            )
        elif round(count) < pixels:
            yield (
                f"{key} is {sampling:g}, which scatters into {round(count)} pixels of the "
                f"{pixels} that the detector has along {axis}; allowed: up to "
                f"{window / pixels:.6g}"
            )


def block(study: Study, found: Geometry) -> Iterator[str]:
    """The crystal holds scan and window, and is no larger than a computer can hold."""
    if study.crystal is None or study.scan is None or study.detector is None:
        return
    kind = "dislocation" if study.crystal.dislocation else "file"
    size = getattr(study.crystal, kind).size_angstrom
    least = needed_size(study.scan, study.detector)
    for axis, given, need in zip(AXES, size or least, least, strict=True):
        if given < need - 1e-9:
            yield (
                f"crystal.{kind}.size_angstrom is {given:g} along {axis}; allowed: at least "
                f"{need:g}, which holds the scan, the window and a margin around it, or null"
            )
    thick = found.thickness or 0.0
    if thick > THICKEST:
        yield (
            f"crystal.repeats is {study.crystal.repeats}, a thickness of {thick:.4g} Å; allowed: "
            f"up to {THICKEST:g} Å"
        )
    voxels, atoms = math.prod(found.truth or ()), 0.05 * math.prod(size or least) * thick
    numbers = math.prod(study.scan.shape) * math.prod(study.detector.pixels)
    for what, amount, most in (
        (f"crystal.{kind} has about {atoms:.2g} atoms", atoms, MOST_ATOMS),
        (f"simulation.sampling_angstrom makes {voxels:.2g} voxels", voxels, MOST_VOXELS),
        (f"scan.shape and detector.pixels make {numbers:.2g} numbers", numbers, MOST_NUMBERS),
    ):
        if amount > most:
            yield f"{what}; allowed: up to {most:g}"
