"""An LSTM in NumPy."""
