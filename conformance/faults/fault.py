"""What a known mistake is, and how a catalogue gets it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.faults.cell_parts import Parts, backend
from lstm_spec import Backend

Wrap = Callable[[Backend], Backend]


def _same(parts: Any) -> Any:
    return parts


def _as_it_is(right: Backend) -> Backend:
    return right


@dataclass(frozen=True)
class Fault:
    """A mistake: what it is called, what it breaks, in one sentence, where it was seen, and how it is made.

    `change` is made to the parts of both passes (forward) or of the gradient pass alone (gradient); `wrap` is put
    around the backend. `right` are the parts without any mistake, and `build` makes a backend of parts.
    """

    name: str
    family: str
    clause: str
    sentence: str
    source: str
    kind: str  # forward, gradient or contract
    change: Callable[[Any], Any] = _same
    wrap: Wrap = _as_it_is
    right: Any = Parts()
    build: Callable[..., Backend] = backend

    def backend(self) -> Backend:
        """An LSTM with this mistake and no other."""
        changed = self.change(self.right)
        return self.wrap(self.build(f"fault:{self.name}", changed if self.kind == "forward" else self.right, changed))


def registering(catalogue: dict[str, Fault], how: str, **made: Any) -> Callable[..., Callable[[Any], Any]]:
    """A decorator (kind, family, clause, source) of functions that go into a catalogue, as `change` or as `wrap`."""

    def of(kind: str, family: str, clause: str, source: str = "") -> Callable[[Any], Any]:
        def register(function: Any) -> Any:
            name, sentence = function.__name__, (function.__doc__ or "").strip()
            catalogue[name] = Fault(name, family, clause, sentence, source, kind, **{how: function}, **made)
            return function

        return register

    return of
