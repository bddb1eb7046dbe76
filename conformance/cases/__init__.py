"""A failure on disk."""
