"""Property times target to verdict to report."""
