"""Known mistakes of the plain LSTM."""
