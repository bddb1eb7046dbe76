"""Implementations behind the contract of lstm_spec; each is imported only when it is asked for."""
