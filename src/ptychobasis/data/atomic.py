"""Files that are written whole or not at all."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

_UNFINISHED = re.compile(r"\.(.+)-[0-9a-f]{8}(\.[^.]+)?")


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` on success and is removed on failure.

    The temporary file lies in the same folder, is hidden and keeps the suffix. A process that is
    killed leaves it behind; the next one that writes `path` removes it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(path)
    temporary = path.with_name(f".{path.stem}-{uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(path: Path) -> None:
    """Remove what killed processes left of a file, or of all files in a folder and below.

    Args:
        path: Path of a file that nobody else writes now, or of such a folder.
    """
    places = path.rglob(".*") if path.is_dir() else path.parent.glob(".*")
    for place in places:
        match = _UNFINISHED.fullmatch(place.name)
        if match and (path.is_dir() or match[1] + (match[2] or "") == path.name):
            with suppress(OSError):  # gone already, or not ours to remove
                place.unlink()
