"""keras.layers.LSTM: KERAS_BACKEND=torch lstm-conform run examples.keras_layer:BACKEND"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras  # noqa: E402  it asks for its backend when it is imported
import numpy as np  # noqa: E402

from lstm_spec import Description, from_packed  # noqa: E402


def forward(x, h, c, W, U, b):
    """x (B, T, I); W (I, 4H) and U (H, 4H), as Keras keeps them."""
    layer = keras.layers.LSTM(h.shape[1], return_sequences=True, return_state=True, dtype=x.dtype.name)
    layer.build(x.shape)
    layer.set_weights([W, U, b])
    found = layer(keras.ops.convert_to_tensor(x), initial_state=[keras.ops.convert_to_tensor(a) for a in (h, c)])
    return tuple(np.asarray(keras.ops.convert_to_numpy(a)) for a in found)


about = Description(version=keras.__version__)
BACKEND = from_packed(
    forward, order="ifgo", biases=1, batch_first=True, transposed=True, name="keras", description=about
)
