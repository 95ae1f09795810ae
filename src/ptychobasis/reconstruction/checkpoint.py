"""Checkpoints, from which an interrupted reconstruction goes on exactly where it was."""

import hashlib
import json
import logging
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ptychobasis.data.atomic import atomic, remove_unfinished

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A file that is replaced as a whole every time, so that it is never half-written.

    Attributes:
        path: Path of the file.
        fingerprint: Digest of data, settings and code; a checkpoint of others is not used.
        seconds: Least time between two checkpoints [s].
    """

    path: Path
    fingerprint: str
    seconds: float = 30.0

    def save(self, content: Mapping[str, Any]) -> None:
        """Write the checkpoint; if the disk is full, warn and go on without.

        Args:
            content: Plain values and tensors.
        """
        try:
            with atomic(self.path) as temporary:
                torch.save({"fingerprint": self.fingerprint, **content}, temporary)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            reason = str(error).splitlines()[0]
            log.warning("no checkpoint was written to %s (%s); going on", self.path, reason)

    def load(self) -> dict[str, Any] | None:
        """Read the checkpoint; None if there is none, or with a warning if it is of no use."""
        if not self.path.exists():
            return None
        try:
            content: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
            found = content["fingerprint"]
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError,
                ValueError):  # fmt: skip
            log.warning("the checkpoint %s is damaged; starting over", self.path)
            return None
        if found != self.fingerprint:
            log.warning("the checkpoint %s is of other data or settings; starting over", self.path)
            return None
        return content

    def remove(self) -> None:
        """Remove the file once the result is safe."""
        remove_unfinished(self.path)
        self.path.unlink(missing_ok=True)


def fingerprint(settings: Mapping[str, Any], *arrays: np.ndarray) -> str:
    """Digest of settings and data, which a checkpoint must share to be used.

    Args:
        settings: Values that JSON can hold.
        arrays: Data.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()
