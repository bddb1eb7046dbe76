"""Names that the options of several commands share."""

from __future__ import annotations

PROFILE_NAMES = ("quick", "standard", "full", "soak")
DTYPE_NAMES = ("float32", "float64", "bfloat16", "float16")
LISTS = ("clauses", "properties", "faults", "backends")
