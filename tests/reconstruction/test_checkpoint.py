"""Killed at any moment, a reconstruction goes on and ends as if nothing had happened."""

import logging
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import shared
import torch

from ptychobasis.bases.compressed_file import Compressed, write_compressed
from ptychobasis.bases.quantise import Coefficients
from ptychobasis.reconstruction.checkpoint import Checkpoint, fingerprint
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.reconstruction.run import reconstruct
from ptychobasis.reconstruction.settings import ReconstructionSettings

OPTICS = shared.optics((32, 28), (0.3, 0.34))
SETTINGS = ReconstructionSettings(
    left_out=0, slice_depths_angstrom=(0.0, 15.0), epochs=60, batch=8, device="cpu"
)

DRIVER = """
import sys
import torch
from pathlib import Path
from ptychobasis.bases.compressed_file import read_compressed
from ptychobasis.reconstruction.checkpoint import Checkpoint
from ptychobasis.reconstruction.result_file import write_reconstruction
from ptychobasis.reconstruction.run import reconstruct
from ptychobasis.reconstruction.settings import ReconstructionSettings
torch.set_num_threads(1)
folder = Path(sys.argv[1])
settings = ReconstructionSettings.model_validate_json((folder / "settings.json").read_text())
kept = Checkpoint(folder / "state.pt", "mine", seconds=0)
result = reconstruct(read_compressed(folder / "data.h5"), settings, 1, checkpoint=kept)
write_reconstruction(folder / "result.h5", result)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Compressed:
    return shared.discs(tmp_path_factory.mktemp("data") / "data.h5", OPTICS)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the system refuse to write more than `size` bytes to a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def short(epochs: int) -> ReconstructionSettings:
    return SETTINGS.model_copy(update={"epochs": epochs})


@pytest.mark.slow
def test_killed_many_times_it_ends_with_the_same_bits(data: Compressed, tmp_path: Path) -> None:
    positions = data.positions.reshape(6, 6, 2)
    write_compressed(
        tmp_path / "data.h5", data.optics, positions, data.basis, Coefficients([data.coefficients])
    )
    (tmp_path / "settings.json").write_text(SETTINGS.model_dump_json())
    (tmp_path / "driver.py").write_text(DRIVER)
    command = [sys.executable, str(tmp_path / "driver.py"), str(tmp_path)]
    state, kills = tmp_path / "state.pt", 0
    while not (tmp_path / "result.h5").exists():
        running = subprocess.Popen(command)
        stamp = state.stat().st_mtime_ns if state.exists() else 0
        while running.poll() is None and kills < 3:
            if state.exists() and state.stat().st_mtime_ns != stamp:  # it has gone on
                time.sleep(0.004 * kills)
                running.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.001)
        assert running.wait() in (0, -signal.SIGKILL)
    assert kills == 3
    again = read_reconstruction(tmp_path / "result.h5")
    torch.set_num_threads(1)  # as the killed runs had: sums of other threads round otherwise
    undisturbed = reconstruct(data, SETTINGS, 1)
    np.testing.assert_array_equal(again.phase, undisturbed.phase)
    np.testing.assert_array_equal(again.loss, undisturbed.loss)


def test_it_goes_on_and_does_not_start_over(
    data: Compressed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Checkpoint(tmp_path / "state.pt", "mine", seconds=0)
    reconstruct(data, short(5), 1, checkpoint=kept)
    with caplog.at_level(logging.INFO):
        done = reconstruct(data, short(5), 1, checkpoint=kept)
    assert "going on after epoch 5" in caplog.text
    assert len(done.loss) == 5


@pytest.mark.parametrize("absorption", [False, True])
def test_regularised_it_ends_with_the_same_bits(
    data: Compressed, tmp_path: Path, absorption: bool
) -> None:
    weights: dict[str, float] = {"smoothness_along_beam": 0.01, "total_variation": 0.01}
    weights |= {"band_limit_per_angstrom": 1.0, "absorption": absorption}
    settings = short(6).model_copy(update=weights)
    kept = Checkpoint(tmp_path / "state.pt", "mine", seconds=0)

    def kill(epoch: int, *_: object) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconstruct(data, settings, 1, checkpoint=kept, watch=kill)
    again, undisturbed = (
        reconstruct(data, settings, 1, checkpoint=kept),
        reconstruct(data, settings, 1),
    )
    np.testing.assert_array_equal(again.phase, undisturbed.phase)
    if again.absorption is not None:
        np.testing.assert_array_equal(again.absorption, undisturbed.absorption)
    assert (again.absorption is not None) == absorption
    assert abs(again.phase.array - reconstruct(data, short(6), 1).phase.array).max() > 1e-4


@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "text"])
def test_a_damaged_checkpoint_is_told_and_not_used(
    data: Compressed, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    kept = Checkpoint(tmp_path / "state.pt", "mine", seconds=0)
    clean = reconstruct(data, short(3), 1, checkpoint=kept)
    whole = kept.path.read_bytes()
    content = {
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "noise": np.random.default_rng(0).bytes(len(whole)),
        "text": b"not a checkpoint",
    }
    kept.path.write_bytes(content[damage])
    again = reconstruct(data, short(3), 1, checkpoint=kept)
    assert f"the checkpoint {kept.path} is damaged; starting over" in caplog.text
    np.testing.assert_array_equal(again.phase, clean.phase)


def test_a_checkpoint_of_other_settings_is_told_and_not_used(
    data: Compressed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.pt"
    reconstruct(data, short(3), 1, checkpoint=Checkpoint(path, "theirs", seconds=0))
    again = reconstruct(data, short(2), 1, checkpoint=Checkpoint(path, "mine", seconds=0))
    assert "is of other data or settings; starting over" in caplog.text
    np.testing.assert_array_equal(again.phase, reconstruct(data, short(2), 1).phase)


def test_a_full_disk_costs_the_checkpoint_and_not_the_run(
    data: Compressed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Checkpoint(tmp_path / "state.pt", "mine", seconds=0)
    with largest_file(2000):
        result = reconstruct(data, short(2), 1, checkpoint=kept)
    assert f"no checkpoint was written to {kept.path}" in caplog.text
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_array_equal(result.phase, reconstruct(data, short(2), 1).phase)


def test_half_written_files_of_killed_processes_go_with_it(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "3.pt", "mark")
    kept.save({})
    for name in (".3-480ab6d1.pt", ".36-480ab6d1.pt", "30.pt"):
        (tmp_path / name).write_bytes(b"half")
    kept.remove()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".36-480ab6d1.pt", "30.pt"]


def test_the_fingerprint_sees_settings_and_data() -> None:
    settings, array = {"epochs": 3}, np.arange(4.0)
    same = fingerprint({"epochs": 3}, np.arange(4.0))
    assert fingerprint(settings, array) == same
    assert fingerprint({"epochs": 4}, array) != same
    assert fingerprint(settings, array + 1) != same
