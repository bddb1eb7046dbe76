"""On TensorFlow, a layer is called as it is, and tf.GradientTape differentiates."""

from typing import Any

import keras
import tensorflow as tf

from lstm_spec.adapters.keras.calling import Given, Plain, Pulled, call_layer, to_tensors
from lstm_spec.adapters.keras.plan import Plan
from lstm_spec.types import Array


class OnTensorFlow(Plain):
    """Layers of one plan."""

    def pull(self, plan: Plan, layer: Any, given: Given, d: list[Array]) -> Pulled:
        x, states, mask = to_tensors(given)
        weights = [v.value for v in layer.trainable_variables]
        leaves = [x, *(states or ())]
        with tf.GradientTape() as tape:
            tape.watch(leaves)
            found = call_layer(plan, layer, x, states, mask)
        d_found = list(map(keras.ops.convert_to_tensor, d))
        pulled = tape.gradient(found, [*weights, *leaves], d_found, tf.UnconnectedGradients.ZERO)
        answer, dw, (dx, *ds) = map(_to_arrays, (found, pulled[: len(weights)], pulled[len(weights) :]))
        return answer, dw, dx, ds


def _to_arrays(tensors: list[Any]) -> list[Array]:
    return list(map(keras.ops.convert_to_numpy, tensors))
