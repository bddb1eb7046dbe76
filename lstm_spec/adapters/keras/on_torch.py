"""On torch, a layer is called as it is, and torch.autograd differentiates."""

from typing import Any

import keras
import torch

from lstm_spec.adapters.keras.calling import Given, Plain, Pulled, call_layer, to_tensors
from lstm_spec.adapters.keras.plan import Plan
from lstm_spec.types import Array


class OnTorch(Plain):
    """Layers of one plan."""

    def keep(self, plan: Plan, layer: Any, given: Given) -> list[Array]:
        with torch.no_grad():
            return super().keep(plan, layer, given)

    def pull(self, plan: Plan, layer: Any, given: Given, d: list[Array]) -> Pulled:
        x, states, mask = to_tensors(given)
        leaves = [a.detach().requires_grad_() for a in (x, *(states or ()))]
        found = call_layer(plan, layer, leaves[0], leaves[1:] or None, mask)
        weights = [v.value for v in layer.trainable_variables]
        d_found = list(map(keras.ops.convert_to_tensor, d))
        pulled = torch.autograd.grad(found, [*weights, *leaves], d_found, allow_unused=True, materialize_grads=True)
        dw, (dx, *ds) = (list(map(_to_array, part)) for part in (pulled[: len(weights)], pulled[len(weights) :]))
        return list(map(_to_array, found)), dw, dx, ds


def _to_array(a: Any) -> Array:
    return a.detach().numpy()
