"""What modules of Flax and Equinox are, found by asking them small questions, and the modules that are made of them."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import jax

from lstm_spec.adapters.forms import draw_problem
from lstm_spec.adapters.jax.module import JaxModule, Library
from lstm_spec.adapters.making import find_maker, make_first
from lstm_spec.adapters.search import (
    B,
    H,
    I,
    Shapes,
    T,
    find_plan,
    find_shapes,
    list_candidates,
)
from lstm_spec.adapters.styles import Style, list_styles
from lstm_spec.adapters.weights import has_biases
from lstm_spec.contract import BackendUnavailable, Description, Implementation, Rows
from lstm_spec.layouts.fitting import find_layout, tensors_of
from lstm_spec.layouts.table import LAYOUTS, Layout
from lstm_spec.types import Answer, Direction, Feature, Problem, Variant

ALWAYS = frozenset({Feature.GRADIENTS, Feature.DETERMINISTIC, Feature.SAVED, Feature.COPIED, Feature.PARTIAL_GRADIENTS})
UNDER_RNN = ALWAYS | {Feature.REVERSE, Feature.BIDIRECTIONAL, Feature.OMITS_STATE}
SIGNATURE_FLAX = (
    "write a cell, whose __call__(self, carry, x) returns (carry, y), or __call__(self, x, carry) that reads whole"
    " sequences and returns (y, carry), where carry is (c, h)"
)
SIGNATURE_EQUINOX = (
    "write a cell, whose __call__(self, x, state) returns (h, c), or one that reads a sequence and returns (y, (h, c)),"
    " where state is (h, c)"
)
REMEDY = "name the LSTM in it, or a function that makes that"


def adapt_flax(
    make: Any, name: str | None, layout: str | Layout | None, device: str, description: Description | None
) -> Implementation:
    """As `from_flax`, with its libraries there."""
    import flax
    from flax import linen, nnx

    from lstm_spec.adapters.jax.flax import Linen, Nnx, list_linen_shapes, list_nnx_shapes

    maker = find_maker(make or linen.OptimizedLSTMCell, name, "H")
    is_nnx = isinstance(make, type) and issubclass(make, nnx.Module)

    def make_one() -> Any:
        return maker.construct(I, H, rngs=nnx.Rngs(0))

    made = make_first(maker, partial(nnx.eval_shape, make_one) if is_nnx else make_one)
    if not isinstance(made, linen.Module | nnx.Module):
        raise TypeError(f"{maker.name} makes a {type(made).__name__}, expected a module of linen or nnx; return that")
    is_run = isinstance(made, linen.RNNCellBase | nnx.RNNCellBase)
    usual = Style(is_cell=is_run, state_first=is_run, c_first=True, batch_first=not is_run)
    kind: Any = Linen if isinstance(made, linen.Module) else Nnx
    library = kind(maker, LAYOUTS["flax"], usual, is_run, I, H, "float32")
    is_own = isinstance(made, linen.OptimizedLSTMCell | linen.LSTMCell | nnx.OptimizedLSTMCell | nnx.LSTMCell)
    own = ("flax", "nnx", "nnx-optimized") if is_own else ()
    styles = list_styles(made.__call__, usual, maker.name, SIGNATURE_FLAX)
    if is_run:
        styles = [usual, usual._replace(c_first=False)]
    read: Callable[[Any], Shapes] = list_linen_shapes if kind is Linen else list_nnx_shapes
    found = _find_form(library, styles, read, layout, own, SIGNATURE_FLAX)
    features = UNDER_RNN if is_run else ALWAYS | _list_features(found)
    return _implement(found, f"{flax.__version__}", device, features, description)


def adapt_equinox(
    make: Any, name: str | None, layout: str | Layout | None, device: str, description: Description | None
) -> Implementation:
    """As `from_equinox`, with its libraries there."""
    import equinox

    from lstm_spec.adapters.jax.equinox import Equinox, draft_module, list_shapes

    maker = find_maker(make or equinox.nn.LSTMCell, name, "IH")

    def make_one() -> Any:
        return maker.construct(I, H, key=jax.random.key(0))

    made = make_first(maker, partial(equinox.filter_eval_shape, make_one))
    if not isinstance(made, equinox.Module):
        raise TypeError(f"{maker.name} makes a {type(made).__name__}, expected an equinox.Module; return that")
    usual = Style(is_cell=True, is_single=True)
    library = Equinox(maker, LAYOUTS["equinox"], usual, I, H, "float32")
    own = ("equinox",) if isinstance(made, equinox.nn.LSTMCell) else ()
    styles = list_styles(made.__call__, usual, maker.name, SIGNATURE_EQUINOX, may_be_single=True)

    def read(library: Any) -> Shapes:
        return list_shapes(draft_module(library, True))

    found = _find_form(library, styles, read, layout, own, SIGNATURE_EQUINOX)
    features = ALWAYS | ({Feature.OMITS_BIAS} if maker.accepts("use_bias") else set()) | _list_features(found)
    return _implement(found, equinox.__version__, device, features, description)


def _find_form(
    library: Any,
    styles: list[Style],
    read: Callable[[Any], Shapes],
    layout: str | Layout | None,
    own: tuple[str, ...],
    advice: str,
) -> Any:
    """The library with the style in which its module is called, and where the weights lie."""
    name, shapes = library.maker.name, _read_shapes(library, styles, read, advice)
    known = find_layout(layout) if layout else _find_own(own, shapes)
    layouts = list_candidates(name, shapes, known, REMEDY)

    def ask(problem: Problem, form: tuple[Style, Layout]) -> Answer:
        own = replace(library, style=form[0], layout=form[1])
        return _build_first(own, problem).forward(problem.x, problem.state)

    style, found, _ = find_plan(ask, styles, layouts, name, advice)
    return replace(library, style=style, layout=found)


def _read_shapes(library: Any, styles: list[Style], read: Callable[[Any], Shapes], advice: str) -> Shapes:
    return find_shapes(lambda style: read(replace(library, style=style)), styles, library.maker.name, advice)


def _find_own(names: tuple[str, ...], shapes: Mapping[str, Any]) -> Layout | None:
    """The layout of those that has these parameters."""
    return next((LAYOUTS[name] for name in names if set(tensors_of(LAYOUTS[name])) == set(shapes)), None)


# ---------------------------------------------------------------- what it offers


def _list_features(library: Any) -> set[Feature]:
    problem = draw_problem(T, B, I, H)
    with suppress(Exception):
        _build_first(library, problem).list_dtypes(problem.x)
        return {Feature.OMITS_STATE}
    return set()


def _list_dtypes(library: Any) -> tuple[str, ...]:
    """The dtypes in which it answers."""
    problem = draw_problem(T, B, I, H, "float64")
    with suppress(Exception):
        found = _build_first(replace(library, dtype="float64"), problem).list_dtypes(problem.x, problem.state)
        if found == {problem.x.dtype}:
            return ("float32", "float64")
    return ("float32",)


def _build_first(library: Library, problem: Problem) -> JaxModule:
    return JaxModule(library, jax.devices("cpu")[0], problem.parameters, True)


def _implement(
    library: Any, version: str, device: str, features: frozenset[Feature], description: Description | None
) -> Implementation:
    where = _find_device(device)

    def build(rows: Rows, variant: Variant, directions: tuple[Direction, ...]) -> JaxModule:
        W = rows[0][0].g.W
        own: Library = replace(library, I=W.shape[1], H=W.shape[0], dtype=W.dtype.name, **_read(directions))
        return JaxModule(own, where, rows, has_biases(rows))

    def _read(directions: tuple[Direction, ...]) -> dict[str, Any]:
        return {"directions": directions} if Feature.BIDIRECTIONAL in features else {}

    about = Description(version, device, _list_dtypes(library), features, compiles=True)
    return Implementation(library.maker.name, build, description or about)


def _find_device(device: str) -> Any:
    try:
        return jax.devices(device)[0]
    except RuntimeError as error:
        raise BackendUnavailable(
            f"jax {jax.__version__} cannot use device {device!r} ({error})", "choose one that it can, e.g. cpu"
        ) from error
