"""Whether modules answer as they should."""
