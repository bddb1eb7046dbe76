"""Layers of somebody's own style, as Keras calls its own LSTM and its own cells.

Each layer is told `training`: Keras passes it on to what takes it, also inside of what does not.
"""

from typing import Any

import keras

from lstm_spec.adapters.styles import Style


class Stepper(keras.layers.Layer):
    """A cell as keras.layers.RNN wants it."""

    def __init__(self, cell: Any, style: Style, H: int) -> None:
        super().__init__(dtype=cell.dtype_policy)
        self.cell, self.style, self.state_size = cell, style, [H, H]

    def build(self, shape: tuple[Any, ...]) -> None:
        """The cell builds itself when it is called."""
        x, *states = (keras.ops.zeros((1, n), self.compute_dtype) for n in (shape[-1], *self.state_size))
        self.call(x, states)

    def call(self, x: Any, states: Any, training: bool | None = None) -> tuple[Any, list[Any]]:
        """The output and the states, (y, [h, c])."""
        y, h, c = self.style.split_result(self.style.call(self.cell, x, *states, training=training))
        return y, [h, c]


class Caller(keras.layers.Layer):
    """A layer that reads whole sequences, called like keras.layers.LSTM."""

    def __init__(self, layer: Any, style: Style, H: int) -> None:
        super().__init__(dtype=layer.dtype_policy)
        self.layer, self.style, self.H = layer, style, H

    def build(self, shape: tuple[Any, ...]) -> None:
        """The layer builds itself when it is called."""
        x, *states = (
            keras.ops.zeros(size, self.compute_dtype) for size in ((1, 1, shape[-1]), (1, self.H), (1, self.H))
        )
        self.call(x, states)

    def call(self, x: Any, initial_state: Any = None, mask: Any = None, training: bool | None = None) -> list[Any]:
        """The sequence of outputs, and the last h and c."""
        given = x if self.style.batch_first else keras.ops.swapaxes(x, 0, 1)
        states = (None, None) if initial_state is None else initial_state
        y, h, c = self.style.split_result(self.style.call(self.layer, given, *states, training=training))
        return [y if self.style.batch_first else keras.ops.swapaxes(y, 0, 1), h, c]
