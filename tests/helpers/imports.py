"""What a fresh interpreter imports."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.helpers.root import ROOT

# Prints every name that is requested while a module is imported, found or not, and every module that is loaded.
REQUESTS = """
import sys
before, asked = set(sys.modules), set()
sys.addaudithook(lambda event, values: event == "import" and asked.add(values[0]))
import {module}
print(*(asked | set(sys.modules) - before))
"""


def list_imports(module: str, root: Path = ROOT, *flags: str) -> set[str]:
    """The top-level names that a fresh interpreter requests when it imports the module."""
    command = [sys.executable, *flags, "-c", REQUESTS.format(module=module)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return name_top_levels(done.stdout.split())


def name_top_levels(names: Iterable[str]) -> set[str]:
    """The names up to the first dot."""
    return {name.split(".")[0] for name in names}
