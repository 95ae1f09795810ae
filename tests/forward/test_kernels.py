"""A cache of compiled loops is a luxury: without it they are compiled by every job."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from ptychobasis.forward import kernels

ROOT = Path(__file__).parents[2]
WORK = """
import logging
logging.basicConfig(format="%(message)s")
import torch
from ptychobasis.forward import kernels
print(kernels.intensity(torch.full((1, 2, 3), 3 + 4j)).sum().item())
kernels.weigh(torch.ones((1, 2, 3), dtype=torch.complex64), torch.ones(1, 2, 3))
"""


@pytest.mark.slow
def test_a_package_and_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    """As in a container that runs as another user; root may write anywhere but below a file."""
    package = tmp_path / "ptychobasis"
    for module in ("__init__", "core/__init__", "core/logs", "core/errors", "forward/__init__",
                   "forward/kernels"):  # fmt: skip
        copy = package / f"{module}.py"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / "src" / "ptychobasis" / f"{module}.py").read_bytes())
    (package / "__init__.pyi").write_bytes((ROOT / "src/ptychobasis/__init__.pyi").read_bytes())
    (package / "forward" / "__pycache__").write_text("a file in the place of numba's folder")
    (tmp_path / "home").write_text("")
    nowhere = str(tmp_path / "home" / "nowhere")
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path), "HOME": nowhere, "XDG_CACHE_HOME": nowhere,
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", WORK], capture_output=True, text=True, env=environment, check=False
    )
    assert done.stdout == "150.0\n", done.stderr
    (said,) = done.stderr.splitlines()
    assert said.startswith("compiled loops cannot be kept on disk (cannot cache function")


def test_a_disk_that_is_full(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiler, asked = numba.njit, []

    def full(function: Any, cache: bool = False, **options: Any) -> Any:
        if function is double:  # numba compiles loops of its own, too
            asked.append(cache)
        if not cache:
            return compiler(function, **options)

        def write(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return write

    monkeypatch.setattr(numba, "njit", full)

    def double(values: Any) -> None:
        for i in range(values.size):
            values[i] *= 2

    loop, values = kernels._compiled(double), np.ones(3)
    loop(values)
    loop(values)
    np.testing.assert_array_equal(values, 4)
    assert asked == [True, False]
    (said,) = caplog.messages
    assert "No space left on device" in said
