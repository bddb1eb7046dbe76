"""The terminal that commands write to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def make_console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 150, soft_wrap=False)
