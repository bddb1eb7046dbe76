"""A pytest plugin that leaves four properties of the suite, so that the tests of our plugin are quick."""

import conformance.properties  # noqa: F401  fills the registry
from conformance.property import PROPERTIES
from conformance.report import rules

REFUTED, HOLDS, WARNED, NOT_CLAIMED = NAMES = (  # by and for the targets of `tests.helpers.plugged`
    "a_shut_input_gate_adds_nothing",
    "a_hidden_state_never_leaves_plus_or_minus_one",
    "a_problem_whose_shapes_do_not_fit_is_refused",
    "sequences_of_any_lengths_are_read_to_their_ends",
)


def pytest_configure() -> None:
    """Leave them, in every process that this is a plugin of."""
    PROPERTIES[:] = [prop for prop in PROPERTIES if prop.name in NAMES]
    vars(rules)["CORE"] = ()
