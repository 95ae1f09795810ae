"""Mutations of data sets and of own masks."""

import math
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from .inputs import ELECTRONS, SCAN, masks, patterns, write_patterns

Changed = Callable[[Any, Random], None]  # of an open file

_ODD: list[Any] = [
    *(0, -1, 1, 3, 1e-300, 1e300, math.nan, math.inf, -math.inf, 2**63 - 1, True, 1 + 2j),
    *("text", b"\xff", "", "é" * 300, [1.0, 2.0], [], [[1, 2], [3, 4]], np.zeros((2, 2))),
    *(h5py.Empty("f8"), np.float16(1), np.array([b"a", b"bc"]), np.array(0.5, ">f8")),
    np.zeros(1, [("a", "f4"), ("b", "i4")]),
]
_ATTRIBUTES = ["format", "version", "energy_ev", "semi_angle_rad", "defocus_angstrom", "provenance",
               "sign_convention"]  # fmt: skip
_SETS = ["patterns", "positions", "detector/window_angstrom"]


def _attribute(file: Any, draw: Random) -> None:
    """An attribute is gone, of another name, or anything at all."""
    item = file["patterns"] if draw.random() < 0.25 else file
    name = "incident_electrons" if item is not file else draw.choice(_ATTRIBUTES)
    match draw.randrange(4):
        case 0:
            del item.attrs[name]
        case 1 if isinstance(item.attrs[name], float | np.floating):
            item.attrs[name] = item.attrs[name] * draw.choice((0.5, 0.8, 1.2, 2, 10, 1e-3, 1e3, -1))
        case 2:
            item.attrs[name[:-1]] = item.attrs[name]
            del item.attrs[name]
        case _:
            item.attrs[name] = draw.choice(_ODD)


def _place(file: Any, draw: Random) -> None:
    """A data set is gone, a link, a group, or of another shape or type."""
    key = draw.choice(_SETS)
    values, kept = file[key][()], dict(file[key].attrs)
    kept = {name: value for name, value in kept.items() if name == "incident_electrons"}
    del file[key]
    shape = values.shape
    others: list[Callable[[], Any]] = [
        lambda: None,
        lambda: h5py.SoftLink(f"/{key}"),
        lambda: h5py.SoftLink("/nowhere"),
        lambda: h5py.ExternalLink("elsewhere.h5", "/patterns"),
        lambda: np.swapaxes(values, 0, -1),
        lambda: values[..., :-1],
        lambda: values[None],
        lambda: values[:0],
        lambda: values.astype(complex),
        lambda: values.astype(bool),
        lambda: values.astype("S8"),
        lambda: -values.astype(float),
        lambda: values * math.nan,
        lambda: np.zeros_like(values),
        lambda: values.astype(np.float16),
        lambda: values.astype(float) * draw.choice((1e-30, 1e-3, 0.5, 1e3, 1e6, 1e30, 1e290)),
        lambda: np.zeros(shape, [("a", "f4"), ("b", "i4")]),
        lambda: h5py.Empty("f4"),
        lambda: np.roll(values, draw.choice((1, 2, 7, 15)), axis=-1),
        lambda: np.full(shape, 65535),
        lambda: values[0, ..., 0] if values.ndim > 1 else values[0],
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = draw.choice(others)()
    if found is not None:
        file[key] = found
        if isinstance(file.get(key), h5py.Dataset):
            file[key].attrs.update(kept)
    elif draw.random() < 0.7:
        file.create_group(key)


def _claimed(file: Any, draw: Random) -> None:
    """A data set claims to be huge, or was never written to its end."""
    kept = file["patterns"].attrs["incident_electrons"]
    values = file["patterns"][()]
    del file["patterns"]
    shape = draw.choice(((10**5, 10**5, 30, 28), (7, 6, 10**5, 10**5), (7, 6, 30, 28)))
    chunks = draw.choice(((1, 1, 30, 28), (1, 6, 1, 28)))
    item = file.create_dataset("patterns", shape, "u2", chunks=chunks)
    if shape[0] == 7 and shape[2] == 30:
        item[: draw.randrange(7)] = values[0]
    item.attrs["incident_electrons"] = kept
    if draw.random() < 0.3:
        del file["positions"]
        file.create_dataset("positions", (*shape[:2], 2), "f8", chunks=(1, 1, 2))


def _values(file: Any, draw: Random) -> None:
    """Some values are impossible: NaN, negative, hot, dead, empty, saturated, other scale."""
    item = file["patterns"]
    counts = item[()].astype(float)
    y, x, i, j = (draw.randrange(n) for n in counts.shape)
    match draw.randrange(9):
        case 0:
            counts[y, x, i, j] = draw.choice((math.nan, math.inf, -1.0, -1e-30, 1e38))
        case 1:
            counts[..., i, j] *= 1000
        case 2:
            counts[..., i, :] = 0
        case 3:
            counts[y, : x + 1] = 0
        case 4:
            counts[y, x] *= 6
        case 5:
            counts *= draw.choice((1e-6, 0.01, 0.5, 1.2, 10))
        case 6:
            counts = np.fft.fftshift(counts, axes=(2, 3))
        case 7:
            counts = counts.reshape(42, 30, 28)[draw.sample(range(42), 42)].reshape(counts.shape)
        case _:
            counts[:] = counts.mean() if draw.random() < 0.5 else 0
    kept = item.attrs["incident_electrons"]
    del file["patterns"]
    file["patterns"] = counts
    file["patterns"].attrs["incident_electrons"] = kept


def _positions(file: Any, draw: Random) -> None:
    """Positions are of another unit, order, or nowhere."""
    values = file["positions"][()]
    with np.errstate(over="ignore"):
        huge = values + 1e308
    other = draw.choice(
        [values * 1e6, values * 1e-10, values * 0, values[..., ::-1] * 3, values * math.nan,
         values + 1e12, values * [1, 0], np.sort(values, axis=None).reshape(values.shape),
         values * 1j, huge]
    )  # fmt: skip
    del file["positions"]
    file["positions"] = other


def _marks(file: Any, draw: Random) -> None:
    """Marks of bad frames or pixels that are all, none, or of another kind."""
    key, shape = draw.choice((("bad_pixels", (30, 28)), ("bad_frames", SCAN)))
    file[key] = draw.choice(
        [np.ones(shape, bool), np.zeros(shape, bool), np.ones(shape), np.eye(*shape, dtype=bool),
         np.ones(shape[::-1], bool), 2 * np.eye(*shape, dtype="u1"), "text", h5py.Empty("?")]
    )  # fmt: skip


CHANGES: list[Changed] = [_attribute, _place, _claimed, _values, _positions, _marks]


def mutate_dataset(path: Path, draw: Random) -> None:
    """Write a data set with which something is wrong, or perhaps not."""
    write_patterns(path)
    with h5py.File(path, "r+") as file:
        for _ in range(draw.choice((1, 1, 2))):
            with suppress(Exception):  # of h5py, where what was to be changed is gone already
                draw.choice(CHANGES)(file, draw)


def rewrite_dataset(path: Path, draw: Random) -> None:
    """Write the same data in another form: type, byte order, chunks, order of the scan, offset."""
    positions, counts = patterns()
    order = list(range(len(positions.reshape(-1, 2))))
    if draw.random() < 0.5:
        draw.shuffle(order)
    places = positions.reshape(-1, 2)[order].reshape(positions.shape)
    if draw.random() < 0.5:
        places = places + np.array([draw.choice((0, 0.123, -40, 900)), draw.uniform(-100, 100)])
    stored = counts.reshape(-1, 30, 28)[order].reshape(counts.shape)
    kind = np.dtype(draw.choice(("u2", ">u2", "i4", ">i4", "u8", "f4", ">f4", "f8", ">f8")))
    fractions = kind.kind == "f" and draw.random() < 0.5
    write_patterns(path)
    with h5py.File(path, "r+") as file:
        for key in ("patterns", "positions", "scan_y", "scan_x", "ky", "kx"):
            del file[key]
        values = (stored / ELECTRONS if fractions else stored).astype(kind)
        _store(file, values, draw)
        if not fractions:
            file["patterns"].attrs["incident_electrons"] = draw.choice((ELECTRONS, [ELECTRONS]))
        file["positions"] = places.astype(draw.choice(("f8", ">f8")))
        for name in ("energy_ev", "semi_angle_rad", "defocus_angstrom"):
            file.attrs[name] = np.array(file.attrs[name], draw.choice(("f8", ">f8")))
        if draw.random() < 0.3:
            file.attrs["format"] = np.bytes_(file.attrs["format"])
            file["mine/notes"] = "anything"


def _store(file: Any, values: np.ndarray, draw: Random) -> None:
    """Write the patterns with other chunks, filters, or elsewhere."""
    chunks = draw.choice(((1, 1, 30, 28), (7, 6, 5, 4), (2, 5, 30, 28), (1, 6, 1, 28)))
    filters: list[dict[str, Any]] = [
        {}, {"chunks": chunks}, {"chunks": chunks, "compression": "gzip", "shuffle": True},
        {"chunks": chunks, "compression": "lzf", "fletcher32": True},
        {"chunks": chunks, **hdf5plugin.Zstd()}, {"chunks": chunks, "maxshape": (None,) * 4},
    ]  # fmt: skip
    chosen = draw.randrange(len(filters) + 2)
    if chosen < len(filters):
        file.create_dataset("patterns", data=values, **filters[chosen])
    elif chosen == len(filters):
        raw = Path(file.filename).with_name("patterns.raw")
        raw.write_bytes(values.tobytes())
        parts = [(str(raw), 0, values.nbytes)]  # HDF5 looks for a relative path from here
        file.create_dataset("patterns", values.shape, values.dtype, external=parts)
    else:
        file["parts"] = values
        layout = h5py.VirtualLayout(values.shape, values.dtype)
        layout[:] = h5py.VirtualSource(".", "parts", values.shape, values.dtype)
        file.create_virtual_dataset("patterns", layout)


def turn_dataset(path: Path) -> None:
    """Write the data set turned by 90°: (y, x) becomes (x, -y) of positions and of patterns."""
    positions, counts = patterns()
    write_patterns(path)
    with h5py.File(path, "r+") as file:
        for key in ("patterns", "positions", "scan_y", "scan_x", "ky", "kx"):
            del file[key]
        turned = np.swapaxes(counts, 2, 3)
        # k = 0 stays where it is; the Nyquist frequency has no opposite
        file["patterns"] = np.roll(turned[..., ::-1], 1, axis=-1)
        file["patterns"].attrs["incident_electrons"] = ELECTRONS
        file["positions"] = np.stack([positions[..., 1], -positions[..., 0]], -1)
        file["detector/window_angstrom"][...] = file["detector/window_angstrom"][()][::-1]


def _other_masks(found: Any, draw: Random) -> Any:
    """Masks of another value, type, shape, or number."""
    i = draw.randrange(len(found))
    scaled, alike, spot = found.copy(), found.copy(), found.copy()
    scaled[i] *= draw.choice((0, 1e-200, 1e200, math.nan, math.inf, -1))
    alike[i] = found[i - 1] * draw.choice((1, 2, -1, 1 + 1e-12))
    spot[i, 3, 3] = draw.choice((1e6, math.nan, -1e30, 1e31))
    kind = draw.choice(("f2", "g", "c16", "S4", "O", "m8[s]", "u1", "?"))
    shaped = [
        found[0],
        found[:0],
        found[None],
        found[..., 1:],
        found.T,
        found.ravel(),
        found[0, 0, 0],
    ]
    return draw.choice(
        [
            *(found, scaled, alike, spot, draw.choice(shaped), np.repeat(found, 200, axis=0)),
            *(found.astype(kind), found + 1j * draw.choice((0, 1e-20, 1)), {"masks": found}),
            *(np.fft.ifftshift(found, axes=(1, 2)), np.zeros(3, [("a", "f4"), ("b", "i4")])),
            np.roll(found, draw.randrange(1, 30), axis=draw.choice((1, 2))),
        ]
    )


def mutate_masks(path: Path, draw: Random) -> Path:
    """Write masks with which something is wrong, or perhaps not; the path may change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = _other_masks(masks(), draw)
    if isinstance(found, dict):
        np.savez(path.with_suffix(".npz"), **found)
        path.with_suffix(".npz").rename(path)
    elif draw.random() < 0.3 and np.asarray(found).dtype.kind != "O":
        path = path.with_suffix(".h5")
        with h5py.File(path, "w") as file:
            file["other"] = "text"
            with suppress(TypeError):  # of types that HDF5 has not
                file[draw.choice(("masks", "masks", "mask", "a/masks"))] = found
    else:
        np.save(path, found, allow_pickle=True)
    return path


def rewrite_masks(path: Path, draw: Random) -> Path:
    """Write other masks of the same span, in another form."""
    found: Any = masks()
    random = np.random.default_rng(draw.randrange(2**32))
    if draw.random() < 0.7:
        mixing = random.normal(size=(len(found), len(found))) + 3 * np.eye(len(found))
        found = np.tensordot(mixing, found, 1)
    found = found * np.exp(random.uniform(-5, 5, (len(found), 1, 1)))
    found = found[random.permutation(len(found))].astype(draw.choice(("f8", ">f8", "g")))
    found = np.asfortranarray(found) if draw.random() < 0.3 else found
    if draw.random() < 0.2:
        found = found.astype("c16")
    if draw.random() < 0.3:
        path = path.with_suffix(".h5")
        with h5py.File(path, "w") as file:
            file.create_dataset("masks", data=found, chunks=True, compression="gzip")
    else:
        np.save(path, found)
    return path
