"""keras.layers.LSTM on the backend of Keras: KERAS_BACKEND=jax lstm-conform run examples.keras_layer:BACKEND

It breaks LEN-5: keras_layer.toml declares that. On PyTorch float64 is float32: docs/findings/keras-matmul-float64.md.
"""

from lstm_spec import from_keras

BACKEND = from_keras()
