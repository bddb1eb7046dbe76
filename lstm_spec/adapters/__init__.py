"""Ready-made wrappers that turn an LSTM into a Backend."""
