"""Versions of all that a result depends on."""

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def provenance() -> dict[str, str]:
    """Versions of all that a result depends on; the same on every run of one installation."""
    names = ("ptychobasis", "numpy", "scipy", "h5py", "torch", "abtem")
    packages = {name: _version(name) for name in names}
    return {"commit": _commit(), "python": platform.python_version(), **packages}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


@cache
def _commit() -> str:
    """The commit of the checkout that this module lies in, with '-dirty' if it was changed."""
    root = Path(__file__).parents[3]
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    if not (root / ".git").exists():
        return "unknown"
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        answer = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()
