"""One planted mistake: what it is, how it was made, and what it would be right to call it."""

from collections.abc import Callable
from dataclasses import dataclass

from lstm_spec import Backend


@dataclass(frozen=True)
class Planted:
    """A wrong LSTM; `means` is empty where the catalogue does not have it, `error` a pattern of its class of error."""

    name: str
    family: str
    by: str  # weight surgery, edited source or autograd
    how: str
    build: Callable[[], Backend]
    means: frozenset[str] = frozenset()
    error: str = ""
    dtype: str = "float32"

    @property
    def novel(self) -> bool:
        """Whether neither a name nor a class of error would be right."""
        return not (self.means or self.error)

    @property
    def group(self) -> str:
        """The same for planted faults that are mathematically one."""
        return " or ".join(sorted(self.means)) or self.name
