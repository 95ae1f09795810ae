"""The peak of memory holds what was held, and never falls."""

import subprocess
import sys

CODE = """
from ptychobasis.compute.memory import peak_memory
held = bytes(range(256)) * 2**20
grown = peak_memory()
del held
print(grown, peak_memory())
"""


def test_the_peak_holds_what_was_held() -> None:
    found = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    grown, after = map(int, found.stdout.split())
    assert 2**28 <= grown < 2**34  # bytes, not kilobytes; more if the process of the tests is large
    assert after == grown
