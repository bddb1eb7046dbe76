"""Which way of asking layers belongs to the backend that Keras has."""

import keras

from lstm_spec.adapters.keras.calling import Engine, Plain
from lstm_spec.adapters.keras.plan import Plan


def make_engine(plan: Plan) -> Engine:
    """The one of the backend that Keras has."""
    match keras.backend.backend():
        case "jax":
            from lstm_spec.adapters.keras.on_jax import OnJax

            return OnJax(plan)
        case "torch":
            from lstm_spec.adapters.keras.on_torch import OnTorch

            return OnTorch()
        case "tensorflow":
            from lstm_spec.adapters.keras.on_tensorflow import OnTensorFlow

            return OnTensorFlow()
    return Plain()
