"""The names of the parameters of further layers and of a second direction, given those of the first."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

NUMBER = re.compile(r"\d+")
TURNED = (("", "_reverse"), ("forward", "reverse"), ("forward", "backward"), ("fwd", "bwd"), ("fw", "bw"))


class Names(NamedTuple):
    """Which number of a name counts the layers, and what stands for the second direction."""

    number: int | None = None
    turned: tuple[str, str] = TURNED[0]

    def rename(self, name: str, layer: int, direction: int) -> str:
        """The name of the same parameter there."""
        return _rename(self, name, layer, direction)


@lru_cache(1 << 12)
def _rename(names: Names, name: str, layer: int, direction: int) -> str:
    if direction:
        name = name.replace(*names.turned) if names.turned[0] else name + names.turned[1]
    if layer and names.number is not None:
        found = list(NUMBER.finditer(name))[names.number]
        name = f"{name[: found.start()]}{int(found.group()) + layer}{name[found.end() :]}"
    return name


def find_number(first: Iterable[str], all_names: Iterable[str]) -> int | None:
    """The number that counts the layers, given the names of the first and those of two; None if there is none."""
    return next((k for k in (-1, 0, 1, 2) if _fits(Names(k), [*first], {*all_names}, 1, 0)), None)


def find_turned(first: Iterable[str], all_names: Iterable[str]) -> tuple[str, str] | None:
    """What stands for the second direction, given the names of the first and those of both; None if nothing does."""
    return next((pair for pair in TURNED if _fits(Names(None, pair), [*first], {*all_names}, 0, 1)), None)


def _fits(names: Names, first: list[str], all_names: set[str], layer: int, direction: int) -> bool:
    try:
        others = {names.rename(name, layer, direction) for name in first}
    except IndexError:
        return False
    return others.isdisjoint(first) and {*first, *others} == all_names
