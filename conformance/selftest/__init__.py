"""The judge, judged by the known mistakes."""
