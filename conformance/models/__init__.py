"""LSTMs in files of models: what a runtime answers with them is judged."""
