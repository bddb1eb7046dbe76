"""How somebody's class, function or module is made: which sizes and options it takes."""

import copy
from dataclasses import dataclass, field, replace
from inspect import Parameter, signature
from typing import Any

import torch

from lstm_spec.contract import Backend, Implementation

OPTIONS = {  # what torch.nn.LSTM takes, and how others call it
    "layers": ("num_layers", "n_layers", "nlayers", "layers"),
    "bias": ("bias", "use_bias"),
    "batch_first": ("batch_first",),
    "dropout": ("dropout",),
    "both": ("bidirectional",),
    "P": ("proj_size",),
}
USUAL = {"layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "both": False, "P": 0}
NAMED = {name: option for option, names in OPTIONS.items() for name in names}
WRITE_MAKE = "write a function make(input_size, hidden_size) that returns the LSTM in it, and name that"
DROPPED = 0.5  # the dropout that is passed where it is taken: in evaluation nothing may be dropped


@dataclass(frozen=True)
class Maker:
    """Makes modules, given I and H and whatever else it takes."""

    make: Any
    name: str
    sizes: tuple[str, ...] = ()  # the names under which I and H are passed; by position if there are none
    options: dict[str, str] = field(default_factory=dict)  # the names of those that it takes
    needed: dict[str, Any] = field(default_factory=dict)  # the usual values of options that have no default
    is_ready: bool = False  # of one module, whose sizes are what they are
    is_turned: bool = False  # H comes before I
    is_torchs: bool = False  # it makes a torch.nn.LSTM, which warns of dropout where there is one layer

    def construct(self, I: int, H: int, **options: Any) -> Any:
        """A module for evaluation of these sizes. Raises TypeError if none can be made, and ValueError for an option.

        Options have their names in OPTIONS. What has its usual value is not passed.
        """
        if unknown := [name for name in options if name not in self.options]:
            raise ValueError(f"{self.name} takes no {unknown[0]}, expected its usual value; leave it out")
        given = {self.options[name]: value for name, value in (self.needed | options).items()}
        numbers = (H, I) if self.is_turned else (I, H)
        if self.is_ready:
            return check_module(self.make if isinstance(self.make, torch.nn.Module) else self.make(), self.name)
        by_name = dict(zip(self.sizes, numbers, strict=True)) if self.sizes else {}
        return check_module(self.make(*([] if by_name else numbers), **by_name, **given), self.name)

    def make_apart(self, I: int, H: int, **options: Any) -> Any:
        """A module of its own, also of one that is ready."""
        made = self.construct(I, H, **options)
        return copy.deepcopy(made) if made is self.make else made


def find_maker(make: Any, name: str | None) -> Maker:
    """How to make modules with this. Raises TypeError if that cannot be known."""
    name = name or getattr(make, "__name__", "")
    name = name if name and name.isidentifier() else type(unwrap_compiled(make)).__name__
    if isinstance(make, Backend | Implementation):
        raise TypeError(f"{name} is a Backend already, expected a torch.nn.Module; name it without torch:")
    if isinstance(make, torch.nn.Module):
        return Maker(make, name, is_ready=True)
    if not callable(make):
        what = "is None" if make is None else f"is of type {type(make).__name__}"
        raise TypeError(f"{name} {what}, expected a class of torch.nn.Module, or one such module; name that")
    taken, takes_anything = _list_parameters(make)
    needed = [p.name for p in taken if p.default is Parameter.empty]
    sizes = [p for p in taken if p.name not in NAMED and p.name not in ("device", "dtype")][:2]
    if not takes_anything and len(sizes) < 2 and not needed:
        return Maker(make, name, is_ready=True)
    too_many = {*needed} - {p.name for p in sizes} - NAMED.keys()
    if too_many or (len(sizes) < 2 and not takes_anything):
        listed = ", ".join(needed)
        raise TypeError(f"{name} is made with ({listed}), expected the sizes I and H of an LSTM; {WRITE_MAKE}")
    options = {NAMED[p.name]: p.name for p in taken if p.name in NAMED}
    by_name = any(p.kind is Parameter.KEYWORD_ONLY for p in sizes)
    is_turned = len(sizes) == 2 and _is_of_units(sizes[0].name) and not _is_of_units(sizes[1].name)
    usual = {option: USUAL[option] for option, taken_as in options.items() if taken_as in needed}
    names = tuple(p.name for p in sizes) if by_name else ()
    maker = Maker(make, name, names, options, usual, is_turned=is_turned)
    if not isinstance(unwrap_compiled(_make_first(maker)), torch.nn.LSTM):
        return maker
    everything = {option: names[0] for option, names in OPTIONS.items()} if takes_anything else {}
    return replace(maker, options=everything | options, is_torchs=True)


def _make_first(maker: Maker) -> Any:
    """A module, with what is needed. Raises TypeError if none can be made."""
    try:
        return maker.construct(2, 3)
    except Exception as error:
        text = str(error).partition("\n")[0]
        raise TypeError(
            f"{maker.name}, given the sizes 2 and 3, raised {type(error).__name__} ({text}), expected a module;"
            f" mend that, or {WRITE_MAKE}"
        ) from error


def _is_of_units(name: str) -> bool:
    return name.lower().startswith(("hid", "n_hid", "num_hid", "unit", "h_"))


def _list_parameters(make: Any) -> tuple[list[Parameter], bool]:
    """What it can be given by name, and whether it passes on whatever else it is given."""
    try:
        found = signature(make).parameters.values()
    except (TypeError, ValueError):
        return [], True
    named = [p for p in found if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)]
    return named, any(p.kind in (Parameter.VAR_POSITIONAL, Parameter.POSITIONAL_ONLY) for p in found)


def check_module(made: Any, name: str) -> Any:
    """The module, for evaluation. Raises TypeError if it is none."""
    if not isinstance(made, torch.nn.Module):
        raise TypeError(f"{name} makes a {type(made).__name__}, expected a torch.nn.Module; return the module")
    return made.eval()


def unwrap_compiled(module: Any) -> Any:
    """What torch.compile was given, or the module itself."""
    return getattr(module, "_orig_mod", module)
