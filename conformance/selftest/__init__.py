"""The judge, judged by the known faults."""
