"""Mistakes that show under one condition only: a drawn condition, and the mistake of a mutant."""
