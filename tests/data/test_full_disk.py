"""A full disk ends a job with an error, not with a crash, and leaves nothing half-written."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
from pathlib import Path
import numpy as np
from ptychobasis.core.errors import StudyError
from ptychobasis.data.hdf5 import LOSSLESS, create_hdf5
from resource import RLIM_INFINITY, RLIMIT_FSIZE, setrlimit
from signal import SIG_IGN, SIGXFSZ, signal
signal(SIGXFSZ, SIG_IGN)  # so that writing fails with an error
setrlimit(RLIMIT_FSIZE, (int(sys.argv[2]), RLIM_INFINITY))
try:
    with create_hdf5(Path(sys.argv[1]), "test") as file:
        data = file.create_dataset("data", (40, 300, 300), "f4", chunks=(1, 300, 300), **LOSSLESS)
        for block in range(int(sys.argv[3])):
            data[block] = np.random.default_rng(block).random((300, 300))
except StudyError as error:
    print(error)
"""


@pytest.mark.parametrize(("size", "blocks"), [(200_000, 40), (200_000, 2), (1000, 1)])
def test_a_full_disk_is_an_error_and_not_a_crash(tmp_path: Path, size: int, blocks: int) -> None:
    """While blocks are written or, if they fit into the cache, when the file is closed."""
    pytest.importorskip("resource")
    path = tmp_path / "new.h5"
    command = [sys.executable, "-c", CODE, str(path), str(size), str(blocks)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{path} cannot be written: File too large; allowed: ")
    assert list(tmp_path.iterdir()) == []
