"""keras.layers.LSTM on the backend of Keras: KERAS_BACKEND=jax lstm-conform run examples.keras_layer:BACKEND

It breaks LEN-5: keras_layer.toml declares that.
"""

from lstm_spec import from_keras

BACKEND = from_keras()
