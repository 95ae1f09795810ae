"""The result file of a reconstruction: the object, how it was made, and how fast."""

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.errors import StudyError
from ptychobasis.core.volume import Volume
from ptychobasis.data.hdf5 import (
    LOSSLESS,
    create_hdf5,
    fixed,
    open_hdf5,
    read_array,
    read_number,
    read_numbers,
    read_text,
)
from ptychobasis.data.provenance import provenance

FORMAT = "ptychobasis-reconstruction"
# a model explains the data if its misfit is below the first number and what it explains above the
# second, in one of these rows: the weaker a sample, the less of it need be explained
_HOLDS = ((0.03, 0.0), (0.12, 0.2), (0.2, 0.7))
WHAT_TO_TRY = (
    "Look for a scan that is turned or flipped against the camera, a wrong step, semi-angle, focus "
    "or thickness; then try focus_search_angstrom, thinner slices and more epochs."
)


@dataclass(frozen=True)
class Run:
    """How a reconstruction was made.

    Attributes:
        basis: Name of the basis.
        stored_values: Numbers stored per pattern.
        device: Name of the device.
        seed: Seed of the random numbers.
        seconds_per_epoch: Mean time of one pass through the data [s].
        processor_seconds_per_epoch: Mean time of all threads of the CPU [s], which other work on
            the machine hardly changes; on a GPU the time that passed.
        patterns_per_second: Patterns processed per time [1/s].
        peak_memory_bytes: Largest memory in use, by the first of several processes.
        pattern_pixels: Pixels of a pattern of the forward model.
        wave_pixels: Pixels of a wave of the forward model.
    """

    basis: str
    stored_values: int
    device: str
    seed: int
    seconds_per_epoch: float
    processor_seconds_per_epoch: float
    patterns_per_second: float
    peak_memory_bytes: int
    pattern_pixels: int
    wave_pixels: int


@dataclass(frozen=True)
class Counting:
    """How many numbers a reconstruction knew, and how many it looked for.

    See `ptychobasis.reconstruction.counting`.

    Attributes:
        patterns: Number of scan positions.
        knowns: Stored numbers that were compared, of all patterns.
        zeros: Coefficients of dark-field masks that were to be zero, of all patterns.
        unknowns: Well lit pixels of all slices, or what a band limit of the object leaves of them;
            twice as many with absorption.
        unknowns_in_band: Unknowns that the bright field can tell.
    """

    patterns: int
    knowns: int
    zeros: int
    unknowns: int
    unknowns_in_band: int

    def columns(self) -> dict[str, float]:
        """Numbers for a table, by the names of its columns."""
        return {
            "knowns": self.knowns,
            "zeros": self.zeros,
            "unknowns": self.unknowns,
            "unknowns_in_band": self.unknowns_in_band,
            "unknowns_per_pattern": self.unknowns / self.patterns,
            "knowns_per_unknown_in_band": self.knowns / self.unknowns_in_band,
        }


@dataclass(frozen=True)
class LeftOut:
    """How well patterns that were left out are predicted.

    Attributes:
        patterns: Number of patterns that were left out.
        misfit: Root of Σ (c - c*)² / Σ c*² over predicted numbers c and stored numbers c*.
        explained: 1 - misfit² over that of an empty object, both without the noise: 1 is a perfect
            prediction, 0 one that is no better than without a sample.
        sigmas: Misfit over the one that the counts' noise alone would give; NaN where the number
            of electrons is not known.
        beyond_noise: Misfit without the part that the counts' noise gives.
    """

    patterns: int
    misfit: float
    explained: float
    sigmas: float
    beyond_noise: float

    @property
    def holds(self) -> bool:
        """Whether the model explains the data.

        The limits part right geometries from scans that were flipped or transposed on strontium
        titanate, gold, silicon and molybdenum disulphide, from all pixels and from 36 numbers.
        """
        hidden = math.isnan(self.explained) or self.beyond_noise == 0  # by the noise
        return any(
            self.beyond_noise < most and (self.explained > least or hidden)
            for most, least in _HOLDS
        )

    def columns(self) -> dict[str, float]:
        """Numbers for a table, by the names of its columns."""
        values = {f"left_out_{name}": value for name, value in asdict(self).items()}
        return values | {"left_out_holds": self.holds}


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A reconstructed object with its probe.

    Attributes:
        phase: Phase shift σV of each slice, ``(slices, y, x)`` [rad].
        probe: Wave at the entrance surface, ``(y, x)``, on pixels of the same size.
        loss: Mean loss of each epoch, ``(epochs,)``.
        slice_depths: Depth of each slice below the entrance surface [Å].
        energy: Kinetic energy of the electrons [eV].
        run: How it was made.
        config: Settings that it was made with.
        versions: Versions of the software, filled in when the file is written.
        counting: Numbers of knowns and unknowns; None where they were not counted.
        left_out: How well left-out patterns are predicted; None where none was left out.
        absorption: Absorption μ of each slice, ``(slices, y, x)``, of the amplitude exp(-μ); None
            where none was looked for.
    """

    phase: Volume
    probe: NDArray[np.complex64]
    loss: NDArray[np.float64]
    slice_depths: tuple[float, ...]
    energy: float
    run: Run
    config: dict[str, Any]
    versions: dict[str, Any] | None = None
    counting: Counting | None = None
    left_out: LeftOut | None = None
    absorption: Volume | None = None


def write_reconstruction(path: str | Path, result: Reconstruction) -> None:
    """Write a reconstruction file."""
    with create_hdf5(path, FORMAT) as file:
        _write_slices(file, "phase", result.phase, "rad")
        if result.absorption is not None:
            _write_slices(file, "absorption", result.absorption, "1")
        for key, values in {
            "probe": np.asarray(result.probe, np.complex64),
            "loss": np.asarray(result.loss, np.float64),
            "slice_depths_angstrom": np.array(result.slice_depths),
        }.items():
            file.create_dataset(key, data=values, **LOSSLESS)
        file.attrs["sampling_angstrom"] = result.phase.sampling
        file.attrs["origin_angstrom"] = result.phase.origin
        file.attrs["energy_ev"] = result.energy
        file.attrs["epochs"] = len(result.loss)
        file.attrs["config"] = fixed(json.dumps(result.config, sort_keys=True))
        versions = json.dumps(result.versions or provenance(), sort_keys=True)
        file.attrs["versions"] = fixed(versions)
        run = asdict(result.run)
        file.attrs.update({k: fixed(v) if isinstance(v, str) else v for k, v in run.items()})
        if result.counting is not None:
            file.create_group("counts").attrs.update(asdict(result.counting))
        if result.left_out is not None:
            file.create_group("left_out").attrs.update(asdict(result.left_out))


def _write_slices(file: Any, name: str, volume: Volume, units: str) -> None:
    item = file.create_dataset(name, data=np.asarray(volume.array, np.float32), **LOSSLESS)
    item.attrs["units"] = units
    for axis, label in enumerate(("slice", "y", "x")):
        item.dims[axis].label = label


def read_reconstruction(path: str | Path) -> Reconstruction:
    """Read a reconstruction file.

    Raises:
        StudyError: Something is wrong with the file.
    """
    with open_hdf5(path, FORMAT) as file:
        phase = read_array(file, "phase", ("slices", "y", "x")).astype(np.float32, copy=False)
        dy, dx = read_numbers(file, "sampling_angstrom", 2, 1e-3, 10)
        y, x = read_numbers(file, "origin_angstrom", 2)
        absorption = None
        if "absorption" in file:
            values = read_array(file, "absorption", phase.shape).astype(np.float32, copy=False)
            absorption = Volume(values, (dy, dx), (y, x))
        return Reconstruction(
            phase=Volume(phase, (dy, dx), (y, x)),
            probe=read_array(file, "probe", ("y", "x"), "c").astype(np.complex64, copy=False),
            loss=read_array(file, "loss", ("epochs",)),
            slice_depths=tuple(read_array(file, "slice_depths_angstrom", (len(phase),)).tolist()),
            energy=read_number(file, "energy_ev"),
            run=_read_run(file),
            config=_read_json(file, "config"),
            versions=_read_json(file, "versions"),
            counting=_read_counting(file["counts"]) if "counts" in file else None,
            left_out=_read_left_out(file["left_out"]) if "left_out" in file else None,
            absorption=absorption,
        )


def _read_run(file: Any) -> Run:
    return Run(
        basis=read_text(file, "basis"),
        stored_values=int(read_number(file, "stored_values", 1)),
        device=read_text(file, "device"),
        seed=int(read_number(file, "seed")),
        seconds_per_epoch=read_number(file, "seconds_per_epoch", 0),
        processor_seconds_per_epoch=read_number(file, "processor_seconds_per_epoch", 0),
        patterns_per_second=read_number(file, "patterns_per_second", 0),
        peak_memory_bytes=int(read_number(file, "peak_memory_bytes", 0)),
        pattern_pixels=int(read_number(file, "pattern_pixels", 1)),
        wave_pixels=int(read_number(file, "wave_pixels", 1)),
    )


def _read_counting(group: Any) -> Counting:
    names = [each.name for each in fields(Counting)]
    return Counting(**{name: int(read_number(group, name, 0)) for name in names})


def _read_left_out(group: Any) -> LeftOut:
    names = ("misfit", "explained", "sigmas", "beyond_noise")  # some may be NaN
    found = {key: float(group.attrs.get(key, math.nan)) for key in names}
    return LeftOut(patterns=int(read_number(group, "patterns", 1)), **found)


def _read_json(file: Any, key: str) -> dict[str, Any]:
    text = read_text(file, key)
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise StudyError(
            f"{file.filename}: the attribute '{key}' is {text[:40]!r}; allowed: a JSON object"
        )
    return value
