"""How a layer is asked on each backend of Keras, with arrays of NumPy."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import keras

from lstm_spec.adapters.keras.plan import Plan
from lstm_spec.types import Array

Given = tuple[Array, list[Array] | None, Array | None]  # x, states and mask
Pulled = tuple[list[Array], list[Array], Array, list[Array]]  # the answer; gradients of variables, x and states


class Engine(Protocol):
    """A backend of Keras, for layers of one plan."""

    def settings(self) -> AbstractContextManager[Any]:
        """Under which all of this is done."""
        ...

    def run(self, plan: Plan, layer: Any, given: Given) -> list[Array]:
        """y, and h and c of each direction."""
        ...

    def keep(self, plan: Plan, layer: Any, given: Given) -> list[Array]:
        """The same of a layer that keeps its state."""
        ...

    def pull(self, plan: Plan, layer: Any, given: Given, d: list[Array]) -> Pulled:
        """The same, and the gradients where d are the cotangents."""
        ...


class Plain:
    """The layer is called as it is, forward only."""

    def settings(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def run(self, plan: Plan, layer: Any, given: Given) -> list[Array]:
        return self.keep(plan, layer, given)

    def keep(self, plan: Plan, layer: Any, given: Given) -> list[Array]:
        return list(map(keras.ops.convert_to_numpy, call_layer(plan, layer, *to_tensors(given))))

    def pull(self, plan: Plan, layer: Any, given: Given, d: list[Array]) -> Pulled:
        raise NotImplementedError("gradients are asked on jax, torch and tensorflow only")


def call_layer(plan: Plan, layer: Any, x: Any, states: list[Any] | None, mask: Any) -> list[Any]:
    """y, and h and c of each direction."""
    is_pair = isinstance(layer, keras.layers.Bidirectional)
    ask = layer.call if is_pair and plan.stateful else layer  # its compute_mask raises TypeError in 3.15.1 then
    ways = {"training": True} if plan.is_training else {}  # in evaluation it is told nothing
    return list(ask(x, initial_state=states, mask=mask, **ways))


def to_tensors(given: Given) -> tuple[Any, Any, Any]:
    """The same as tensors of the backend."""
    x, states, mask = given
    convert = keras.ops.convert_to_tensor
    return convert(x), states and list(map(convert, states)), None if mask is None else convert(mask)
