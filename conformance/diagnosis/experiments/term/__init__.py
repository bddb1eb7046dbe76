"""The formula that a backend computes in one step, found from its answers and named term by term."""

from conformance.diagnosis.experiments.term.search import find_term as find_term
