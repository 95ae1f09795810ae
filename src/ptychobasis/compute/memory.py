"""The memory of a process."""

import sys


def peak_memory() -> int:
    """Largest memory that this process held so far [bytes]."""
    try:
        import resource
    except ImportError:  # on Windows
        import psutil  # noqa: PLC0415

        return int(psutil.Process().memory_info().peak_wset)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
