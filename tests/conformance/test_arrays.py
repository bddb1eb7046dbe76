"""What arrays leave is for the next ones: their memory is not given back, and asked for again."""

import platform
import subprocess
import sys

import pytest

MANY = 2_000  # pages
CODE = """
import resource, sys
import numpy as np
from conformance.arrays import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    [np.ones(1 << 20) for _ in range(8)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def count_faults(how: str) -> int:
    """How many pages a process touches for the first time when it makes 8 arrays of 8 MiB for the third time."""
    return int(subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that is told")
def test_memory_that_was_freed_is_used_again() -> None:
    assert count_faults("keep") < MANY < count_faults("give back")
