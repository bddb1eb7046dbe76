"""The commands for models that somebody has as a file."""
