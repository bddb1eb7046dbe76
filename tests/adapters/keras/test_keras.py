"""The LSTM layer of Keras holds, but for gradients beside padding that is no number; one with a mistake is refuted."""

from typing import Any

import keras
import pytest

from lstm_spec import Feature, from_keras
from lstm_spec.adapters.forms import draw_problem
from tests.helpers.adapted import SOME, find_broken

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # of Keras on torch, by NumPy


class Swaps(keras.layers.LSTM):
    """It takes the cell state for the hidden state."""

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        state = None if initial_state is None else initial_state[::-1]
        return super().call(sequences, initial_state=state, mask=mask, training=training)


class Returns(keras.layers.LSTM):
    """It returns its first state in place of the last one."""

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        y, h, c = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        return y, y[:, 0], c


def test_the_layer_of_keras_holds_but_for_gradients_beside_padding_that_is_no_number() -> None:
    """Keras 3.15.1 on jax multiplies it by zero."""
    assert find_broken(from_keras(), clauses=(*SOME, "MOD-*", "DIR-1"), examples=2) == {"LEN-5"}


def test_a_layer_with_a_mistake_is_refuted() -> None:
    for make in (Swaps, Returns):
        assert find_broken(from_keras(make), clauses=("SEQ-2",), examples=4)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="it compiles")
def test_a_state_that_is_kept_is_compiled_once_for_each_size() -> None:
    from jax import monitoring

    compiled = list[str]()
    problem = draw_problem(3, 2, 4, 5)
    module = from_keras().build(problem.parameters, problem.variant, problem.directions)
    for _ in range(2):
        module.forward(problem.x, "kept")
        module.reset()
    monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))
    for _ in range(3):
        module.forward(problem.x, "kept")
        module.reset()
    monitoring.clear_event_listeners()
    assert not [event for event in compiled if "compile" in event]


def test_float64_is_claimed_only_where_keras_has_it() -> None:
    """On jax, keras.ops.tanh of float64 is float32."""
    about = from_keras().description
    assert about.dtypes == (("float32",) if keras.backend.backend() == "jax" else ("float32", "float64"))
    assert Feature.STATEFUL in about.features
