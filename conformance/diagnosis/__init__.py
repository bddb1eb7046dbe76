"""The likely cause of a failure: which known fault gives the same answers."""
