"""Mistakes in what a backend does besides computing: the shapes, dtypes, memory, refusals and NaNs of its contract."""
