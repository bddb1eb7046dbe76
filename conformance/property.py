"""A property: one sentence that every LSTM satisfies, and the code that tries to refute it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from lstm_spec import CLAUSES, Feature
from lstm_spec.clauses import Level


@dataclass(frozen=True)
class Property:
    """A claim, the clauses it verifies, what it needs, and where its examples come from.

    `long`: too slow for many examples; `beyond_core`: about a feature that is not in the core; `exhaustive`: every
    example that its recipe has is tried; `at`: the only dtypes at which it says anything, if not at all of them.
    """

    name: str
    family: str
    clauses: tuple[str, ...]
    features: tuple[Feature, ...]
    on: Callable[[Any], Any]  # Context -> Hypothesis strategy, or Rows
    refute: Callable[[Any, Any], None]
    long: bool = False
    beyond_core: bool = False
    exhaustive: bool = False
    at: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[Callable[[str], "Property"], tuple[str]]:
        """Pickled by name: another process has the same properties."""
        return find_property, (self.name,)

    @property
    def sentence(self) -> str:
        return self.name.replace("_", " ")

    @property
    def level(self) -> Level:
        """SHOULD if every clause that it verifies is one."""
        levels = {CLAUSES[clause].level for clause in self.clauses}
        return Level.MUST if Level.MUST in levels else Level.SHOULD


PROPERTIES: list[Property] = []


def find_property(name: str) -> Property:
    """The property of that name. Raises KeyError."""
    for prop in PROPERTIES:
        if prop.name == name:
            return prop
    raise KeyError(name)


def verifies(
    *clauses: str,
    on: Callable[[Any], Any],
    needs: tuple[Feature, ...] = (),
    long: bool = False,
    beyond_core: bool = False,
    exhaustive: bool = False,
    at: tuple[str, ...] = (),
) -> Callable[[Callable[[Any, Any], None]], Callable[[Any, Any], None]]:
    """Register a function (backend, example) as a property of these clauses; the rest as in Property.

    Raises ValueError for a clause that does not exist.
    """
    for clause in clauses:
        if clause not in CLAUSES:
            raise ValueError(f"clause {clause!r} does not exist, expected one of lstm_spec.CLAUSES; correct the id")

    def register(function: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        family = function.__module__.rsplit(".", 1)[-1]
        how = (long, beyond_core, exhaustive, at)
        PROPERTIES.append(Property(function.__name__, family, clauses, needs, on, function, *how))
        return function

    return register


verifies_beyond_core = partial(verifies, beyond_core=True)
