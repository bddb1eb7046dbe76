"""What a known fault is, and how it gets into the catalogue."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from conformance.faults.lstm import build_backend
from conformance.faults.parts import RIGHT_PARTS, Parts
from lstm_spec import REFERENCE_MODULE, Backend, Description, Implementation, make_backend, wide_inside

Change = Callable[[Parts], Parts]
Wrap = Callable[[Backend], Backend]


@dataclass(frozen=True)
class Fault:
    """A mistake: its name, what it breaks, one sentence about it, where it was seen, and how it is made.

    `change` replaces parts of both passes (forward) or of the gradient pass only (gradient); `wrap` is put around the
    backend. `networks`: whether it is about lengths, directions, layers or variants, and not about one standard layer.
    """

    name: str
    family: str
    clause: str
    sentence: str
    source: str
    kind: str  # forward, gradient, contract or module
    change: Change = lambda parts: parts
    wrap: Wrap = lambda right: right
    networks: bool = False
    module: Any = None  # the wrong module, if it is one of modules

    def backend(self) -> Backend:
        """An LSTM with this mistake and no other."""
        if self.module:
            return _make_module(f"fault:{self.name}", self.module)
        changed = self.change(RIGHT_PARTS)
        forward = changed if self.kind == "forward" else RIGHT_PARTS
        return self.wrap(build_backend(f"fault:{self.name}", forward, changed, self.networks))

    def right_backend(self) -> Backend:
        """The same LSTM without the mistake; one and the same for all faults of its kind."""
        return _build_right(bool(self.module), self.networks)


@cache
def _build_right(is_module: bool, networks: bool) -> Backend:
    if is_module:
        return wide_inside(make_backend(REFERENCE_MODULE))
    return build_backend("right", networks=networks)


def _make_module(name: str, module: Any) -> Backend:
    about = Description(version="(deliberately wrong)", features=REFERENCE_MODULE.description.features)
    return wide_inside(make_backend(Implementation(name, module, about)))


FAULTS: dict[str, Fault] = {}


def add_fault(fault: Fault) -> None:
    """Put the fault into the catalogue."""
    FAULTS[fault.name] = fault


def register_function(how: str, networks: bool = False) -> Callable[..., Callable[[Any], Any]]:
    """A decorator (kind, family, clause, source, part) of functions that go into the catalogue, as `change` or `wrap`.

    If `part` is named, the function is not a change or a wrap itself, but that part of the wrong LSTM.
    """

    def of(kind: str, family: str, clause: str, source: str = "", part: str = "") -> Callable[[Any], Any]:
        def register(function: Any) -> Any:
            name, sentence = function.__name__, (function.__doc__ or "").strip()
            make = {how: partial(replace_part, part, function) if part else function}
            add_fault(Fault(name, family, clause, sentence, source, kind, **make, networks=networks))
            return function

        return register

    return of


def replace_part(part: str, function: Callable[..., Any], right: Any) -> Any:
    """The right parts, or the right backend, with another part; that of a backend is also given the right backend."""
    return replace(right, **{part: partial(function, right) if isinstance(right, Backend) else function})


def make_decorators(networks: bool) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """The decorators for changes of both passes, for changes of the gradient pass only, and for wraps."""
    changing = register_function("change", networks)
    return partial(changing, "forward"), partial(changing, "gradient"), register_function("wrap", networks)
