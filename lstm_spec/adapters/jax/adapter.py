"""What is said of cells of Flax and Equinox, and the modules that are made of them."""

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any

import jax

from lstm_spec.adapters.jax.module import JaxModule, Library
from lstm_spec.adapters.weights import has_biases
from lstm_spec.contract import BackendUnavailable, Description, Implementation, Rows
from lstm_spec.layouts.fitting import find_layout, tensors_of
from lstm_spec.layouts.table import LAYOUTS, Layout
from lstm_spec.types import Direction, Feature, Variant

ALWAYS = frozenset({Feature.GRADIENTS, Feature.DETERMINISTIC, Feature.SAVED, Feature.COPIED, Feature.PARTIAL_GRADIENTS})
UNDER_RNN = ALWAYS | {Feature.REVERSE, Feature.BIDIRECTIONAL, Feature.OMITS_STATE}
Describe = Callable[[tuple[int, int, str], tuple[Direction, ...]], Library]  # of I, H and dtype


def adapt_flax(
    make: Any, name: str | None, layout: str | Layout | None, device: str, description: Description | None
) -> Implementation:
    """As `from_flax`, with its libraries there."""
    import flax
    from flax import linen, nnx

    from lstm_spec.adapters.jax.flax import Linen, Nnx

    make = make or linen.OptimizedLSTMCell
    if isinstance(make, type) and issubclass(make, nnx.Module):
        make_cell = partial(_make_nnx, make)
        layout = layout or _find_layout_of(partial(make_cell, 2, 3, "float32"))

        def describe(I: int, H: int, dtype: str, directions: tuple[Direction, ...]) -> Library:
            return Nnx(make_cell, layout, I, H, dtype, directions)
    else:
        make_linen = partial(_make_linen, make)

        def describe(I: int, H: int, dtype: str, directions: tuple[Direction, ...]) -> Library:
            return Linen(make_linen, layout or "flax", H, dtype, directions)

    about = _say(flax.__version__, device, UNDER_RNN)
    return Implementation(name or _name(make), partial(_build, describe, _find_device(device)), description or about)


def adapt_equinox(
    make: Any, name: str | None, layout: str | Layout, device: str, description: Description | None
) -> Implementation:
    """As `from_equinox`, with its libraries there."""
    import equinox

    from lstm_spec.adapters.jax.equinox import Equinox

    make = make or equinox.nn.LSTMCell
    make_cell = partial(_make_equinox, make)

    def describe(I: int, H: int, dtype: str, directions: tuple[Direction, ...]) -> Library:
        return Equinox(make_cell, layout, I, H, dtype)

    features = ALWAYS | ({Feature.OMITS_BIAS} if _takes(make, "use_bias") else set())
    about = _say(equinox.__version__, device, features)
    return Implementation(name or _name(make), partial(_build, describe, _find_device(device)), description or about)


def _say(version: str, device: str, features: frozenset[Feature]) -> Description:
    return Description(version, device, features=features, compiles=True)


def _build(describe: Any, device: Any, rows: Rows, variant: Variant, directions: tuple[Direction, ...]) -> JaxModule:
    W = rows[0][0].g.W
    library = describe(W.shape[1], W.shape[0], W.dtype.name, directions)
    return JaxModule(library, device, rows, has_biases(rows))


def _find_device(device: str) -> Any:
    try:
        return jax.devices(device)[0]
    except RuntimeError as error:
        raise BackendUnavailable(
            f"jax {jax.__version__} cannot use device {device!r} ({error})", "choose one that it can, e.g. cpu"
        ) from error


def _name(make: Any) -> str:
    return str(getattr(make, "__name__", type(make).__name__))


# ---------------------------------------------------------------- cells


def _make_linen(make: Any, H: int, dtype: str) -> Any:
    return make(H, **_pass(make, param_dtype=dtype))


def _make_nnx(make: Any, I: int, H: int, dtype: str) -> Any:
    from flax import nnx

    return make(I, H, rngs=nnx.Rngs(0), **_pass(make, param_dtype=dtype))


def _make_equinox(make: Any, I: int, H: int, dtype: str, biases: bool) -> Any:
    bias = {} if biases else {"use_bias": False}
    return make(I, H, key=jax.random.key(0), **_pass(make, dtype=dtype), **bias)


def _pass(make: Any, **options: Any) -> dict[str, Any]:
    """Those of the options that it takes."""
    return {name: value for name, value in options.items() if _takes(make, name)}


def _takes(make: Any, name: str) -> bool:
    return name in signature(make).parameters


def _find_layout_of(make: Callable[[], Any]) -> str:
    """The layout that has the names of a cell's parameters. Raises ValueError if there is none."""
    from flax import nnx
    from flax.traverse_util import flatten_dict

    names = set(flatten_dict(nnx.to_pure_dict(nnx.state(nnx.eval_shape(make))), sep="."))
    found = [layout for layout in LAYOUTS if names == set(tensors_of(find_layout(layout)))]
    if not found:
        raise ValueError(
            f"the cell has parameters {', '.join(sorted(names))}, expected those of a layout such as nnx-optimized; say"
            " where the gates lie: layout=lstm_spec.Layout(...)"
        )
    return found[0]
