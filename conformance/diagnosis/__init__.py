"""The likely cause of a failure."""
