"""An LSTM on a CUDA device, by CuPy."""
