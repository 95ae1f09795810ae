"""Checks of a study's geometry: probe, detector, simulation, crystal and masks fit together."""

from collections.abc import Callable, Iterator

import numpy as np

from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.errors import StudyError
from ptychobasis.reconstruction.grids import APERTURES, pixels_reaching
from ptychobasis.study.schema import Study

_AXES = ("y", "x")


def owner(study: Study, sweep: str, key: str) -> str:
    """The dotted key where `sweep` gets a key of its reconstruction from."""
    own = key in study.sweeps[sweep].reconstruction.model_fields_set
    return f"sweeps.{sweep}.reconstruction.{key}" if own else f"reconstruction.{key}"


def _detector(study: Study) -> Iterator[str]:
    if study.detector is None:
        return
    optics = study.optics()
    sides = zip(_AXES, study.detector.pixels, study.detector.window_angstrom, strict=True)
    for axis, pixels, window in sides:
        edge = ((pixels - 1) // 2) / window
        if optics.aperture >= edge:
            yield (
                f"microscope.semi_angle_mrad is {optics.semi_angle * 1e3:g}, a disc that the "
                f"detector cuts off along {axis}; allowed: less than "
                f"{edge * optics.wavelength * 1e3:.2f} mrad, or more detector.pixels"
            )
    for name in study.sweeps:
        model = study.recon(name).model_pixels
        if model is None or model == "auto":
            continue
        key = owner(study, name, "model_pixels")
        for axis, count, pixels, window in zip(
            _AXES, model, study.detector.pixels, study.detector.window_angstrom, strict=True
        ):
            least = int(np.ceil(2.1 * optics.aperture * window))
            if not least <= count <= pixels:
                yield (
                    f"{key} is {count} along {axis}; allowed: {least} (2.1 times the aperture's "
                    f"radius) to {pixels} (the detector's pixels)"
                )


def _simulation(study: Study) -> Iterator[str]:
    if study.simulation is None or study.detector is None:
        return
    key, sampling = "simulation.sampling_angstrom", study.simulation.sampling_angstrom
    sides = zip(_AXES, study.detector.pixels, study.detector.window_angstrom, strict=True)
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
    # abTEM keeps two thirds of the Nyquist frequency to avoid aliasing
    aperture = study.optics().aperture
    if aperture >= 1 / (3 * sampling):
        yield (
            f"{key} is {sampling:g}, too coarse for the probe; allowed: less than "
            f"{1 / (3 * aperture):.4g}, so that two thirds of the Nyquist frequency exceed the "
            "aperture"
        )


def _block(study: Study) -> Iterator[str]:
    if study.crystal is None or study.scan is None or study.detector is None:
        return
    kind = "dislocation" if study.crystal.dislocation else "file"
    size = getattr(study.crystal, kind).size_angstrom
    if size is None:
        return
    centre = study.scan.centre_angstrom or (0.0, 0.0)
    for i, axis in enumerate(_AXES):
        scan = (study.scan.shape[i] - 1) * study.scan.step_angstrom[i]
        least = scan + study.detector.window_angstrom[i] + 2 * abs(centre[i])
        if size[i] < least - 1e-9:
            yield (
                f"crystal.{kind}.size_angstrom is {size[i]:g} along {axis}; allowed: at least "
                f"{least:g}, which holds the scan and the window around it, or null"
            )


def _band(study: Study) -> Iterator[str]:
    key, (low, high) = "evaluation.band_per_angstrom", study.evaluation.band_per_angstrom
    if low >= high:
        yield f"{key} is {[low, high]}; allowed: two ascending frequencies"
    for name in study.sweeps:
        limit = study.recon(name).band_limit_per_angstrom
        if limit is not None and limit < high:
            yield (
                f"{owner(study, name, 'band_limit_per_angstrom')} is {limit:g}; allowed: null or "
                f"at least {high:g}, to where {key} averages"
            )
    if study.scan is None or study.detector is None:
        return
    pixels = [_least_pixels(study, name) for name in study.sweeps]
    nyquist = (np.array(pixels) / study.detector.window_angstrom).min() / 2
    if high > nyquist:
        yield (
            f"{key} reaches {high:g}; allowed: up to {nyquist:.4g}, the Nyquist frequency of the "
            "coarsest model"
        )
    steps = np.array(study.scan.step_angstrom)
    area = float(((np.array(study.scan.shape) - 1) * steps).min())
    if study.evaluation.apodisation_angstrom > area / 2:
        yield (
            f"evaluation.apodisation_angstrom is {study.evaluation.apodisation_angstrom:g}; "
            f"allowed: up to {area / 2:g}, half of the scanned area"
        )


def _bases(study: Study) -> Iterator[str]:
    """Build what can be built without patterns; every basis tells what it cannot be made from."""
    if study.scan is None or study.detector is None:
        return
    optics = study.optics()
    bright = int(optics.bright_field().sum())
    vectors = min(bright, study.scan.shape[0] * study.scan.shape[1])
    for name, sweep in study.sweeps.items():
        key = f"sweeps.{name}.sizes" if sweep.sizes else f"sweeps.{name}"
        if sweep.basis == "svd":
            if max(sweep.sizes) > vectors:
                yield (
                    f"{key} holds {max(sweep.sizes)}; allowed: up to {vectors}, the fewer of "
                    "bright-field pixels and scan positions"
                )
            continue
        for size in sweep.sizes or (0,):
            try:
                basis = build_basis(sweep.basis, Request(optics, size, masks_file=sweep.masks_file))
                _fits(basis, _least_pixels(study, name))
            except StudyError as error:
                yield f"{key}: {error}"


def _least_pixels(study: Study, sweep: str) -> tuple[int, int]:
    """The fewest pixels that the model of a sweep may have; auto may take more."""
    assert study.detector is not None
    asked = study.recon(sweep).model_pixels
    if asked == "auto":
        optics = study.optics()
        return pixels_reaching(optics, APERTURES * optics.aperture)
    return asked or study.detector.pixels


def _fits(basis: Basis, model_pixels: tuple[int, int]) -> None:
    """Masks must lie within the model's pixels; single pixels outside are left out."""
    if basis.matrix is not None:
        basis.on_shape(model_pixels)


# in stages: a basis is built only when the rest is sound
GEOMETRY: tuple[tuple[Callable[[Study], Iterator[str]], ...], ...] = (
    (_detector, _simulation, _block, _band),
    (_bases,),
)
