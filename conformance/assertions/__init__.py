"""The only place that decides whether something is close enough."""
