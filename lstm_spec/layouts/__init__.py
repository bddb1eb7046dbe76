"""How other frameworks keep their weights."""
