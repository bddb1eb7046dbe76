"""What a module is, found by asking it small questions: how it is called, where its weights lie, what it offers."""

from dataclasses import replace
from functools import partial
from typing import Any

import torch

from lstm_spec.adapters.search import H, I, find_plan, find_what_is_other, list_parameters
from lstm_spec.adapters.styles import Style
from lstm_spec.adapters.tensors import guess_sizes, list_layouts
from lstm_spec.adapters.torch.calling import LIKE_TORCH, SIGNATURE, list_styles
from lstm_spec.adapters.torch.making import WRITE_MAKE, Maker, find_maker, unwrap_compiled
from lstm_spec.adapters.torch.module import ask_module
from lstm_spec.adapters.torch.offers import describe_plan
from lstm_spec.adapters.torch.plan import Plan
from lstm_spec.adapters.torch.tensors import require_device
from lstm_spec.contract import Description, Implementation
from lstm_spec.layouts.fitting import find_layout, tensors_of
from lstm_spec.layouts.table import LAYOUTS, Layout
from lstm_spec.types import Answer, Problem

OURS = LAYOUTS["pytorch"]


def adapt_module(
    make: Any,
    name: str | None,
    layout: str | Layout | None,
    batch_first: bool | None,
    device: str,
    compile: bool,
    description: Description | None,
) -> Implementation:
    """As `from_torch`, with torch there."""
    require_device(device)
    maker = find_maker(make, name)
    module = unwrap_compiled(maker.make_apart(I, H))
    wanted = None if layout is None else find_layout(layout)
    layouts = {size: _list_fitting(module, size, wanted) for size in _find_sizes(maker, module)}
    plan = Plan(maker, LIKE_TORCH, next(iter(layouts.values()))[0], device=device)
    plan = replace(plan, pass_batch_first=batch_first is True and "batch_first" in maker.options)
    styles, advice = list_styles(module, maker.name, batch_first), f"write {SIGNATURE}"
    style, found, size = find_plan(partial(_ask_in, plan), styles, layouts, maker.name, advice)
    return describe_plan(replace(plan, style=style, layout=found), size, compile, description)


def _ask_in(plan: Plan, problem: Problem, form: tuple[Style, Layout]) -> Answer:
    return ask_module(replace(plan, style=form[0], layout=form[1]), problem)


# ---------------------------------------------------------------- sizes and weights


def _shapes_of(module: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(p.shape) for name, p in unwrap_compiled(module).named_parameters()}


def _find_sizes(maker: Maker, module: Any) -> list[tuple[int, int]]:
    """The sizes I and H that it may have. Raises TypeError if no LSTM has such parameters."""
    shapes = _shapes_of(module)
    known = _list_known_sizes(maker, module)
    sizes = [pair for pair in known or guess_sizes(shapes) if list_layouts(shapes, *pair)]
    if not sizes:
        raise TypeError(_explain_parameters(maker, module, shapes))
    return sizes


def _list_known_sizes(maker: Maker, module: Any) -> list[tuple[int, int]]:
    """The sizes that it was given, or that it tells."""
    said: Any = getattr(module, "input_size", None), getattr(module, "hidden_size", None)
    return [(I, H)] if not maker.is_ready else [said] if all(type(n) is int for n in said) else []


def _explain_parameters(maker: Maker, module: Any, shapes: dict[str, tuple[int, ...]]) -> str:
    """Why its parameters are not those of one layer of the standard cell, and what helps."""
    inner = [name for name, child in module.named_modules() if name and _is_lstm(child, type(module))]
    name = type(module).__name__
    is_given = maker.is_ready or name != maker.name  # a module, or what a function returned
    if is_given and set(shapes) & {"weight_ih_l1", "weight_ih_l0_reverse", "weight_hr_l0"}:
        form = "is a network of a fixed form, expected one layer in one direction"
        return f"{maker.name} {form}; name its class instead, {name}"
    sized = "" if maker.is_ready else f" of {I} inputs and {H} cells"
    found = [find_what_is_other(shapes, *size) for size in _list_known_sizes(maker, module)]
    remedy = next(filter(None, found), "wrap it with from_packed")
    if inner and not any(found):
        remedy = f"{WRITE_MAKE}: return {maker.name}(…).{inner[0]}"
        remedy = f"name the LSTM in it: {maker.name}.{inner[0]}" if maker.is_ready else remedy
    return (
        f"{maker.name} has the parameters {list_parameters(shapes)}, expected weights and a bias for four gates{sized}"
        f" and nothing else; {remedy}"
    )


def _is_lstm(child: Any, outer: type) -> bool:
    """Whether a part is an LSTM: torch's, of the same class as the whole, or somebody's with such parameters."""
    if isinstance(child, torch.nn.LSTM | torch.nn.LSTMCell | outer):
        return True
    return not type(child).__module__.startswith("torch.") and bool(guess_sizes(_shapes_of(child)))


def _list_fitting(module: Any, size: tuple[int, int], wanted: Layout | None) -> list[Layout]:
    """The layouts that it may have; those of torch's own classes are known."""
    shapes = _shapes_of(module)
    if wanted is not None and set(tensors_of(wanted)) == set(shapes):
        return [wanted]
    found = list_layouts(shapes, *size)
    order = wanted.order if wanted else OURS.order if isinstance(module, torch.nn.LSTM | torch.nn.LSTMCell) else ""
    if not order:
        return found
    changed = {"forget_bias": wanted.forget_bias, "negated": wanted.negated} if wanted else {}
    return [replace(layout, **changed) for layout in found if layout.order == order]  # type: ignore[arg-type]
