"""How a backend was named on the command line."""

from typing import NamedTuple


class Origin(NamedTuple):
    """How a backend was named on the command line, and the seed of the run."""

    target: str
    seed: int
    device: str | None = None
    grade: str = ""  # at which it was judged, if the options named one
