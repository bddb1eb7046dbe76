"""Known mistakes, one function each."""
