"""Modules: LSTMs that are built once with their weights, and asked often."""
