"""Fingerprints of the files from outside that a study names: structure, data set, masks.

Snakemake looks at the date of an input. Another file with an older date under the same name would
change nothing; with the fingerprint of its content among the parameters of a rule it does.
"""

import hashlib
import json
import logging
from functools import cache
from pathlib import Path

from ptychobasis.data.atomic import atomic

log = logging.getLogger(__name__)

CACHE = Path(".snakemake/ptychobasis/fingerprints.json")  # in the folder of the run
_LARGE = 2**30  # [bytes] from which on reading takes long enough to be told


def fingerprint(path: str | Path) -> str:
    """Digest of the content of a file; empty where there is none.

    A large file is read once: its digest is kept in `CACHE` as long as size, inode and times are
    the same. The time of the last change of the inode is among them, which no copy can set back.

    Args:
        path: Path of the file.
    """
    try:
        found = Path(path).stat()
    except OSError:
        return ""
    stamp = f"{found.st_size} {found.st_ino} {found.st_mtime_ns} {found.st_ctime_ns}"
    return _fingerprint(str(Path(path).resolve()), stamp)


@cache
def _fingerprint(path: str, stamp: str) -> str:
    kept = _read_cache()
    if kept.get(path, ("", ""))[0] == stamp:
        return kept[path][1]
    if Path(path).stat().st_size > _LARGE:
        log.info("reading %s once for its fingerprint", path)
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "blake2b").hexdigest()[:16]
    _write_cache({**_read_cache(), path: (stamp, digest)})
    return digest


def _read_cache() -> dict[str, tuple[str, str]]:
    try:
        entries = json.loads(CACHE.read_text(encoding="utf-8")).items()
        return {path: (stamp, digest) for path, (stamp, digest) in entries}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _write_cache(entries: dict[str, tuple[str, str]]) -> None:
    """Keep what was read; where that cannot be, it is read again."""
    try:
        with atomic(CACHE) as temporary:
            temporary.write_text(json.dumps(entries, indent=1), encoding="utf-8")
    except OSError:
        log.debug("no fingerprints are kept in %s", CACHE)
