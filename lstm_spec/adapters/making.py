"""How somebody's class or function makes an LSTM: which sizes and options it takes."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

from lstm_spec.adapters.search import H, I, summarize_error

GIVEN = ("rngs", "key", "parent", "name", "dtype", "param_dtype", "self")  # what a library asks for beside sizes
KINDS = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
WRITE_MAKE = "write a function make(input_size, hidden_size) that returns the LSTM, and name that"


@dataclass(frozen=True)
class Maker:
    """Makes LSTMs, given I and H and whatever else it takes."""

    make: Callable[..., Any]
    name: str
    takes: frozenset[str]  # the names of its arguments
    takes_anything: bool  # other ones, too
    sizes: str  # those that it is given, in their order: H, IH or HI

    def construct(self, I: int, H: int, **options: Any) -> Any:
        """One of these sizes, with those of the options that it takes."""
        numbers = {"I": I, "H": H}
        return self.make(*(numbers[letter] for letter in self.sizes), **self.choose(options))

    def describe_sizes(self, I: int, H: int) -> str:
        """What it is given for them, in a sentence."""
        numbers = {"I": I, "H": H}
        return " and ".join(str(numbers[letter]) for letter in self.sizes)

    def choose(self, options: dict[str, Any]) -> dict[str, Any]:
        """Those of the options that it takes."""
        return {name: value for name, value in options.items() if self.accepts(name)}

    def accepts(self, name: str) -> bool:
        """Whether an argument of that name may be given."""
        return name in self.takes or self.takes_anything


def find_maker(make: Any, name: str | None, usual: str) -> Maker:
    """How to make LSTMs with this; `usual` are the sizes if it does not say. Raises TypeError if it cannot be known."""
    name = name or str(getattr(make, "__name__", "") or type(make).__name__)
    if not callable(make) or (not isinstance(make, type) and not _is_function(make)):
        what = "None" if make is None else f"an object of the class {type(make).__name__}"
        raise TypeError(
            f"{name} is {what}, expected a class or a function that makes an LSTM of any sizes; {WRITE_MAKE}"
        )
    taken, takes_anything = list_arguments(make)
    own, _ = _read_parameters(make.__init__ if isinstance(make, type) else make)  # type: ignore[misc]
    needed = [p.name for p in own if p.default is Parameter.empty and p.name not in GIVEN]
    if len(needed) > 2:
        listed = ", ".join(needed)
        raise TypeError(f"{name} is made with ({listed}), expected the sizes of an LSTM and nothing else; {WRITE_MAKE}")
    sizes = {1: "H", 2: "HI" if needed and _is_of_units(needed[0]) and not _is_of_units(needed[-1]) else "IH"}
    return Maker(make, name, taken, takes_anything, sizes.get(len(needed), usual))


def make_first(maker: Maker, make: Callable[[], Any], what: str = "a module") -> Any:
    """What it makes first, of I inputs and H cells. Raises TypeError if it raises."""
    try:
        return make()
    except Exception as error:
        raise TypeError(
            f"{maker.name}, given {maker.describe_sizes(I, H)}, raised {type(error).__name__}"
            f" ({summarize_error(error)}), expected {what}; mend that, or {WRITE_MAKE}"
        ) from error


def list_arguments(make: Any) -> tuple[frozenset[str], bool]:
    """What it can be given by name, and whether it passes on whatever else it is given.

    What a class passes on to the class above is what that one takes.
    """
    if not isinstance(make, type):
        own, takes_anything = _read_parameters(make)
        return frozenset(p.name for p in own), takes_anything
    found = set[str]()
    for each in make.__mro__:
        if "__init__" in vars(each):
            taken, takes_anything = _read_parameters(each.__init__)  # type: ignore[misc]
            found |= {p.name for p in taken}
            if not takes_anything:
                break
    return frozenset(found), False


def _read_parameters(function: Any) -> tuple[list[Parameter], bool]:
    try:
        found = signature(function).parameters.values()
    except (TypeError, ValueError):
        return [], True
    return [p for p in found if p.kind in KINDS], any(p.kind is Parameter.VAR_KEYWORD for p in found)


def _is_function(make: Any) -> bool:
    return bool(getattr(make, "__name__", "") or getattr(make, "func", None))


def _is_of_units(name: str) -> bool:
    return name.lower().startswith(("hid", "n_hid", "num_hid", "unit", "h_", "n_unit", "num_unit", "feature"))
