"""Anyone's own masks: only their span counts, and what cannot be meant is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import shared
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.compress import compress
from ptychobasis.bases.compressed_file import Compressed, read_compressed
from ptychobasis.bases.kind import BasisKind
from ptychobasis.bases.orthonormal import orthonormal
from ptychobasis.bases.registry import BASES, build_basis
from ptychobasis.core.errors import StudyError
from ptychobasis.data.dataset import read_dataset, write_dataset
from ptychobasis.forward.layout import lay_out_scan
from ptychobasis.forward.multislice import Multislice
from ptychobasis.forward.steps import one_step_each
from ptychobasis.forward.waves import probe_spectrum
from ptychobasis.reconstruction.losses import CoefficientLoss
from ptychobasis.reconstruction.run import reconstruct
from ptychobasis.reconstruction.settings import ReconstructionSettings
from ptychobasis.report.figures.style import pretty

Float = NDArray[np.float64]
OPTICS = shared.optics((32, 28), (0.3, 0.34), 30.0)
SHAPE = OPTICS.detector.shape
CPU = torch.device("cpu")


def zernike(count: int = 15) -> Float:
    """Orthonormal masks in double precision."""
    masks = build_basis("zernike", Request(OPTICS, count)).masks().astype(float)
    rows = np.linalg.qr(masks.reshape(count, -1).T)[0].T
    signs = np.sign((rows * masks.reshape(count, -1)).sum(axis=1))
    return (signs[:, None] * rows).reshape(masks.shape)


def mixed(masks: Float, seed: int) -> Float:
    """Other masks of the same span, of norms from 1 to 1e4 and of small mutual angles."""
    generator = np.random.default_rng(seed)
    count = len(masks)
    mixture = generator.normal(size=(count, count)) + 3  # all are alike
    result = np.tensordot(mixture, masks, 1)
    result /= np.linalg.norm(result, axis=(1, 2), keepdims=True)
    return result * np.geomspace(1, 1e4, count)[generator.permutation(count), None, None]


def own(path: Path, masks: Any) -> Basis:
    np.save(path, masks)
    return build_basis("file", Request(OPTICS, masks_file=path))


def refusal(path: Path) -> str:
    with pytest.raises(StudyError) as caught:
        build_basis("file", Request(OPTICS, masks_file=path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert "allowed" in str(caught.value)
    return str(caught.value)


# only the span counts


@pytest.fixture(scope="module")
def scan() -> tuple[Float, Float]:
    """Patterns of a smooth object at 36 positions."""
    steps = np.meshgrid(np.arange(6) * 1.2, np.arange(6) * 1.2, indexing="ij")
    positions = np.stack(steps, axis=-1).reshape(-1, 2)
    layout = lay_out_scan(OPTICS.detector, positions)
    noise = np.random.default_rng(0).random((2, *layout.shape))
    k2 = sum(
        np.meshgrid(*(np.fft.fftfreq(n, 0.3) ** 2 for n in layout.shape), indexing="ij"),
        start=np.zeros(layout.shape),
    )
    smooth = np.fft.ifft2(np.fft.fft2(noise) * np.exp(-6 * k2)).real
    phase = torch.as_tensor(0.5 * (smooth - smooth.min()) / np.ptp(smooth))
    model = Multislice(layout, OPTICS.wavelength, one_step_each((0.0, 15.0)), dtype=torch.float64)
    spectrum = model.wave(probe_spectrum(OPTICS.detector, OPTICS))
    patterns = model.intensities(phase, spectrum, np.arange(len(positions))).numpy()
    return np.fft.fftshift(patterns, axes=(1, 2)), positions


def test_masks_of_any_length_and_angle_make_the_same_loss(
    scan: tuple[Float, Float], tmp_path: Path
) -> None:
    patterns, _ = scan
    other = torch.as_tensor(np.random.default_rng(3).random((36, *SHAPE)) / 1000)
    found = []
    for name, masks in {
        "own": zernike(),
        "a": mixed(zernike(), 1),
        "b": mixed(zernike(), 2),
    }.items():
        basis = own(tmp_path / f"{name}.npy", masks)
        loss = CoefficientLoss(basis, basis.forward(patterns), SHAPE).to(CPU, torch.float64)
        found.append((float(loss(other, np.arange(36))), loss.curvature(0.1, 0.2)))
    np.testing.assert_allclose(found[1], found[0], rtol=2e-5)
    np.testing.assert_allclose(found[2], found[0], rtol=2e-5)


def test_masks_of_any_length_and_angle_make_the_same_reconstruction(
    scan: tuple[Float, Float], tmp_path: Path
) -> None:
    patterns, positions = scan
    settings = ReconstructionSettings(
        left_out=0,
        slice_depths_angstrom=(0.0, 15.0),
        epochs=20,
        batch=8,
        window_angstrom=None,
        propagation_step_angstrom=None,
        probe="known",
        device="cpu",
    )

    def phase_of(basis: Basis) -> NDArray[np.float32]:
        stored = Compressed(basis.forward(patterns), positions, basis, OPTICS)
        return np.asarray(reconstruct(stored, settings, 1, CPU).phase, np.float32)

    expected = phase_of(build_basis("zernike", Request(OPTICS, 15)))
    found = phase_of(own(tmp_path / "mixed.npy", mixed(zernike(), 1)))
    apart = phase_of(own(tmp_path / "fewer.npy", mixed(zernike()[:10], 1)))
    contrast = expected.std()
    assert contrast > 0.02
    assert np.abs(found - expected).max() < 1e-2 * contrast
    assert np.abs(apart - expected).max() > 0.5 * contrast  # another span is another result


def test_what_was_given_comes_back_from_the_compressed_file(tmp_path: Path) -> None:
    patterns = np.random.default_rng(5).random((3, 4, *SHAPE)) / 900
    positions = shared.positions((3, 4))
    write_dataset(tmp_path / "d.h5", OPTICS, positions, patterns.astype(np.float32))
    masks = mixed(zernike(6), 4)
    basis = own(tmp_path / "mine.npy", masks)
    compress(read_dataset(tmp_path / "d.h5"), basis, tmp_path / "c.h5")
    read = read_compressed(tmp_path / "c.h5")
    assert read.coefficients.shape == (12, 6)
    gram = np.einsum("nyx,myx->nm", read.basis.masks(), read.basis.masks(), dtype=float)
    np.testing.assert_allclose(gram, np.eye(6), atol=1e-6)
    scale = np.abs(masks).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(read.basis.as_given().masks() / scale, masks / scale, atol=1e-6)
    assert read.basis.mixing is not None
    told = read.coefficients @ read.basis.mixing.T
    expected = np.einsum("nyx,myx->nm", patterns.reshape(12, *SHAPE), masks)
    np.testing.assert_allclose(told / scale[:, 0, 0], expected / scale[:, 0, 0], rtol=1e-5)
    with h5py.File(tmp_path / "c.h5") as file:
        assert "made orthonormal" in file["basis/mixing"].attrs["description"]


def test_orthonormal_masks_stay_as_they_are(tmp_path: Path) -> None:
    basis = own(tmp_path / "mine.npy", zernike())
    np.testing.assert_array_equal(basis.masks(), zernike().astype(np.float32))
    assert basis.mixing is None
    assert basis.as_given() is basis
    assert basis.name == "mine"


def test_the_first_mask_keeps_its_direction_and_all_their_sign(tmp_path: Path) -> None:
    masks = np.zeros((2, *SHAPE))
    masks[0, 16, 10:18] = -3
    masks[1, 16, 14:22] = 5
    basis = own(tmp_path / "mine.npy", masks)
    first, second = basis.masks()
    np.testing.assert_allclose(first[16, 10:18], -(8**-0.5), rtol=1e-6)
    assert (second * masks[1]).sum() > 0
    assert abs((first * second).sum()) < 1e-6


@pytest.mark.parametrize("power", [-25, 25])
def test_lengths_far_from_1_lose_nothing(power: int, tmp_path: Path) -> None:
    basis = own(tmp_path / "mine.npy", zernike() * 10.0**power)
    np.testing.assert_allclose(basis.masks(), zernike(), atol=1e-6)


def test_masks_that_hardly_differ_keep_what_they_differ_by(tmp_path: Path) -> None:
    """Two flat masks that differ by a millionth hold the tilt, which is not rounded away."""
    flat, tilt = zernike(2)
    basis = own(tmp_path / "mine.npy", np.stack([flat, flat + 1e-6 * tilt]))
    np.testing.assert_allclose(basis.masks()[1], tilt, atol=1e-6)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float16, ">f8", np.complex64])
def test_every_type_of_real_numbers_is_read(kind: Any, tmp_path: Path) -> None:
    """Complex ones too, if their imaginary parts are 0."""
    quarters = np.zeros((4, *SHAPE))
    for index, mask in enumerate(quarters):
        y, x = divmod(index, 2)
        mask[8 + 8 * y : 16 + 8 * y, 6 + 8 * x : 14 + 8 * x] = 1
    basis = own(tmp_path / "mine.npy", quarters.astype(kind))
    np.testing.assert_allclose(basis.masks(), quarters / 8, atol=1e-7)


def test_masks_of_both_kinds_of_file_are_the_same(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).normal(size=(3, *SHAPE))
    masks[:, :5] = 0
    np.save(tmp_path / "mine.npy", np.asfortranarray(masks))
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["masks"] = masks
    found = [
        build_basis("file", Request(OPTICS, masks_file=tmp_path / name))
        for name in ("mine.npy", "mine.h5")
    ]
    np.testing.assert_array_equal(found[0].masks(), found[1].masks())
    np.testing.assert_allclose(found[0].as_given().masks(), masks, atol=1e-6)
    assert found[0].support.sum() == 27 * 28


# any basis


def add(monkeypatch: pytest.MonkeyPatch, build: Callable[[Request], Basis]) -> None:
    monkeypatch.setitem(BASES, "mine", BasisKind(build, "mine", sized=False))


def test_masks_of_a_registered_basis_are_made_orthonormal(monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere, rows = np.ones(SHAPE, bool), np.zeros((2, 32 * 28), np.float32)
    rows[0] = 3
    rows[1, :400] = 2
    add(monkeypatch, lambda _: Basis("mine", everywhere, csr_array(rows)))
    basis = build_basis("mine", Request(OPTICS))
    np.testing.assert_allclose(basis.as_given().masks().reshape(2, -1), rows, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(basis.masks()[0], (32 * 28) ** -0.5, rtol=1e-6)


@pytest.mark.parametrize(
    ("matrix", "told"),
    [
        (np.ones((3, 32 * 28)), "basis 'mine': only 1 of 3 masks are linearly independent"),
        (np.zeros((0, 32 * 28)), "basis 'mine': there is no mask"),
    ],
)
def test_dependent_masks_of_a_registered_basis_are_refused(
    matrix: Float, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, lambda _: Basis("mine", np.ones(SHAPE, bool), matrix))
    with pytest.raises(StudyError, match=told):
        build_basis("mine", Request(OPTICS))


def test_a_basis_that_sees_nothing_is_refused() -> None:
    blind = Basis("mine", np.zeros(SHAPE, bool), np.ones((1, 0), np.float32))
    with pytest.raises(StudyError, match=r"x: only 0 of 1 masks"):
        orthonormal(blind, "x")


# what cannot be meant


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (np.ones((2, *SHAPE[::-1])), "(2, 28, 32); allowed is (masks, 32, 28)"),
        (np.ones(SHAPE), "have the shape (32, 28)"),
        (np.ones((0, *SHAPE)), "there is no mask"),
        (np.ones((1, 1, *SHAPE)), "have the shape (1, 1, 32, 28)"),
        (np.ones(()), "have the shape ()"),
        (np.ones((897, *SHAPE), bool), "897 masks cannot be independent on 896 pixels"),
        (np.full((1, *SHAPE), np.nan), "NaN or infinite"),
        (np.full((1, *SHAPE), np.inf), "NaN or infinite"),
        (np.full((1, *SHAPE), 1e200), "the largest magnitude in masks[0] is 1e+200"),
        (np.full((1, *SHAPE), 1e-200), "the largest magnitude in masks[0] is 1e-200"),
        (np.stack([np.ones(SHAPE), np.zeros(SHAPE)]), "masks[1] is 0 everywhere"),
        (np.stack([np.ones(SHAPE)] * 3), "only 1 of 3 masks are linearly independent"),
        (zernike(6)[[0, 1, 2, 3, 1]] * 1e4, "only 4 of 5 masks"),
        (np.tensordot(np.random.default_rng(1).normal(size=(6, 4)), zernike(4), 1), "only 4 of 6"),
        (zernike(2).astype(np.float32)[[0, 1, 0]] * np.float32(1 / 3), "only 2 of 3"),
        (zernike(3) * (1 + 1j), "the masks are complex"),
        (np.ones((2, *SHAPE)).astype(str), "the masks have the type <U"),
        (np.zeros((1, *SHAPE), [("a", float)]), "the masks have the type"),
        (np.zeros((1, *SHAPE), "datetime64[s]"), "the masks have the type datetime64"),
        (np.full((1, *SHAPE), None), "Python objects"),
        ([[1, 2], {"a": 3}], "Python objects"),
    ],
)
def test_unfit_masks_are_refused(masks: Any, message: str, tmp_path: Path) -> None:
    if isinstance(masks, list):
        masks = np.array(masks, object)
    np.save(tmp_path / "mine.npy", masks, allow_pickle=True)
    assert message in refusal(tmp_path / "mine.npy")


def test_a_complex_mask_makes_two_real_ones_by_the_advice(tmp_path: Path) -> None:
    m = zernike(6)[:3] + 1j * zernike(6)[3:]
    basis = own(tmp_path / "mine.npy", np.concatenate([m.real, m.imag]))
    np.testing.assert_allclose(basis.masks(), zernike(6), atol=1e-6)


@pytest.mark.parametrize("name", ["zernike", "annular", "segmented", "random", "binning", "svd"])
def test_masks_with_the_zero_frequency_in_the_corner_are_refused(name: str, tmp_path: Path) -> None:
    def vectors(support: NDArray[np.bool_], count: int) -> Float:
        seen = np.random.default_rng(1).random((30, support.sum()))
        return np.linalg.svd(seen, full_matrices=False)[2][:count]

    size = {"binning": 3}.get(name, 4)
    masks = build_basis(name, Request(OPTICS, size, vectors)).masks()
    np.save(tmp_path / "mine.npy", np.fft.ifftshift(masks, axes=(1, 2)))
    told = refusal(tmp_path / "mine.npy")
    assert "np.fft.fftshift(masks, axes=(1, 2))" in told
    assert "% of them" in told
    assert own(tmp_path / "mine.npy", masks).size == len(masks)  # the advice


@pytest.mark.parametrize("case", ["outside", "whole", "plane", "square", "one pixel", "left"])
def test_masks_that_look_beyond_the_disc_are_anyones_right(case: str, tmp_path: Path) -> None:
    radius = OPTICS.polar_frequencies()[0]
    ky, kx = np.broadcast_arrays(*OPTICS.detector.frequencies())
    masks = {
        "outside": [radius > 1],
        "whole": [radius >= 0],
        "plane": [ky, kx, radius >= 0],
        "square": [radius**2],
        "one pixel": [radius == 0],
        "left": [(kx < 0) & (radius > 1)],
    }[case]
    assert own(tmp_path / "mine.npy", np.stack(masks).astype(float)).size == len(masks)


def test_files_that_hold_no_masks_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "gone.npy")
    assert "No such file" in refusal(tmp_path / "gone.h5")
    assert "Is a directory" in refusal(tmp_path)
    (tmp_path / "text.npy").write_text("no array")
    assert "neither a .npy array nor HDF5" in refusal(tmp_path / "text.npy")
    (tmp_path / "empty.npy").touch()
    assert "neither" in refusal(tmp_path / "empty.npy")
    np.savez(tmp_path / "mine.npz", masks=zernike(3))
    assert "archive of arrays (.npz)" in refusal(tmp_path / "mine.npz")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["mask"] = np.ones((1, *SHAPE))
    assert "no data set 'masks'" in refusal(tmp_path / "other.h5")
    with h5py.File(tmp_path / "group.h5", "w") as file:
        file.create_group("masks")
    assert "no data set 'masks'" in refusal(tmp_path / "group.h5")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npy"
    np.save(path, zernike())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refusal(path)
    path.write_bytes(whole[:40])
    refusal(path)
    np.save(path, zernike())
    path.write_bytes(path.read_bytes().replace(b"(15, 32, 28)", b"(9999999, 32, 28)"[:12]))
    refusal(path)
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["masks"] = np.random.default_rng(0).random((15, *SHAPE))
    whole = (tmp_path / "mine.h5").read_bytes()
    (tmp_path / "mine.h5").write_bytes(whole[: len(whole) // 2])
    refusal(tmp_path / "mine.h5")
    with h5py.File(tmp_path / "claims.h5", "w") as file:
        file.create_dataset("masks", (10**9, *SHAPE), "f8", chunks=(1, *SHAPE))
    assert "cannot be independent" in refusal(tmp_path / "claims.h5")


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "mine.npy", zernike())

    def forbidden(*_: Any) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "mine.npy"))

    monkeypatch.setattr(Path, "open", forbidden)  # root may read every file
    assert "(Permission denied)" in refusal(tmp_path / "mine.npy")


def test_the_number_of_masks_is_told_without_reading_them(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", zernike(6))
    count = BASES["file"].count
    assert count(Request(OPTICS, masks_file=tmp_path / "mine.npy")) == 6
    assert count(Request(OPTICS, masks_file=tmp_path / "gone.npy")) == 0


@pytest.mark.parametrize(
    ("stem", "title"),
    [("mine", "mine"), ("svd", "own svd"), ("Zernike", "own Zernike"), ("rings", "own rings")],
)
def test_no_file_is_called_as_a_basis_is(tmp_path: Path, stem: str, title: str) -> None:
    assert pretty(own(tmp_path / f"{stem}.npy", zernike(3)).name) == title
