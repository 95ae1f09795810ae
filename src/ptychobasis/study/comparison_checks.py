"""Checks of what is reconstructed and compared: slices, bases, the field and its frequencies."""

from collections.abc import Iterator

import numpy as np

from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.registry import BASES, build_basis
from ptychobasis.core.errors import StudyError
from ptychobasis.study.geometry import Geometry
from ptychobasis.study.geometry_checks import least_pixels, where
from ptychobasis.study.schema import Study

LEAST_PIXELS = 8  # of a field that is compared, along each axis
LEAST_SHELLS = 3  # of the Fourier shell correlation within a band
MOST_VOXELS = 4e9  # of a reconstruction, which takes 50 bytes for each


def slices(study: Study, found: Geometry) -> Iterator[str]:
    """Slices lie within the sample."""
    for name in study.sweeps:
        depths = study.recon(name).slice_depths_angstrom
        if found.thickness is not None and max(depths) > found.thickness * (1 + 1e-9):
            yield (
                f"{study.owner(name, 'slice_depths_angstrom')} reaches {max(depths):g} Å; allowed: "
                f"up to the sample's thickness, {found.thickness:.2f} Å"
            )


def bands(study: Study, found: Geometry) -> Iterator[str]:
    """Frequencies that are compared, or kept, are there."""
    key, (low, high) = "evaluation.band_per_angstrom", study.evaluation.band_per_angstrom
    if low >= high:
        yield f"{key} is {[low, high]}; allowed: two ascending frequencies"
        return
    extent = np.array(found.optics.detector.extent)
    finest = float((np.array(found.optics.detector.shape) / extent).min() / 2)
    for name in study.sweeps:
        limit = study.recon(name).band_limit_per_angstrom
        if limit is not None and not high <= limit <= finest:
            yield (
                f"{study.owner(name, 'band_limit_per_angstrom')} is {limit:g}; allowed: null, or "
                f"{high:g}, to where {key} averages, to {finest:.4g} 1/Å, beyond which the model "
                "holds nothing"
            )
    nyquist = float(min((least_pixels(study, found, name) / extent).min() for name in study.sweeps))
    nyquist /= 2
    if found.truth is not None:
        nyquist = min(nyquist, 0.5 / max(found.truth_sampling))
    if high > nyquist:
        yield (
            f"{key} reaches {high:g}; allowed: up to {nyquist:.4g} 1/Å, the Nyquist frequency of "
            "the coarsest model"
        )
    judged = study.claims.up_to_per_angstrom
    if not low < judged <= high:
        yield (
            f"claims.up_to_per_angstrom is {judged:g}; allowed: more than {low:g} and up to "
            f"{high:g} 1/Å, the band of {key}"
        )


def field(study: Study, found: Geometry) -> Iterator[str]:
    """The scanned field is large enough to be compared, and small enough to be held."""
    edge, scan = study.evaluation.apodisation_angstrom, where(study, "scan.shape")
    pixel = max(
        max(np.array(found.optics.detector.extent) / least_pixels(study, found, name))
        for name in study.sweeps
    )
    least = LEAST_PIXELS * pixel
    if min(found.field) < least:
        yield (
            f"{scan} covers {found.field[0]:.4g} x {found.field[1]:.4g} Å; allowed: {least:.4g} Å "
            f"or more along each axis, {LEAST_PIXELS} pixels of the coarsest model, which a "
            "correlation needs"
        )
        return
    if edge > min(found.field) / 2:
        yield (
            f"evaluation.apodisation_angstrom is {edge:g}; allowed: up to "
            f"{min(found.field) / 2:g} Å, half of the scanned area"
        )
    low, high = study.evaluation.band_per_angstrom
    width = 1 / max(found.field)
    if (high - low) / width < LEAST_SHELLS:
        yield (
            f"evaluation.band_per_angstrom is {[low, high]}; allowed: a band of "
            f"{LEAST_SHELLS * width:.3g} 1/Å or wider, {LEAST_SHELLS} shells of a field of "
            f"{max(found.field):.4g} Å, or a larger scan"
        )
    finest = np.array(found.optics.detector.sampling)
    area = float(np.prod((np.array(found.field) + found.optics.detector.extent) / finest))
    most = area * max(len(study.recon(name).slice_depths_angstrom) for name in study.sweeps)
    if most > MOST_VOXELS:
        yield f"{scan} makes an object of {most:.2g} voxels; allowed: up to {MOST_VOXELS:g}"


def bases(study: Study, found: Geometry) -> Iterator[str]:
    """Build what can be built without patterns; every basis tells what it cannot be made from."""
    points = found.positions.shape[0] * found.positions.shape[1]
    vectors = min(int(found.optics.bright_field().sum()), points)
    for name, sweep in study.sweeps.items():
        key = f"sweeps.{name}.sizes" if sweep.sizes else f"sweeps.{name}"
        if BASES[sweep.basis].needs_patterns:
            if max(sweep.sizes, default=0) > vectors:
                yield (
                    f"{key} holds {max(sweep.sizes)}; allowed: up to {vectors}, the fewer of "
                    "bright-field pixels and scan positions"
                )
            continue
        for size in sweep.sizes or (0,):
            try:
                request = Request(found.optics, size, masks_file=sweep.masks_file)
                _fits(build_basis(sweep.basis, request), least_pixels(study, found, name))
            except StudyError as error:
                yield f"{key}: {error}"


def _fits(basis: Basis, model_pixels: tuple[int, int]) -> None:
    """Masks must lie within the model's pixels; single pixels outside are left out."""
    if basis.matrix is not None:
        basis.on_shape(model_pixels)
