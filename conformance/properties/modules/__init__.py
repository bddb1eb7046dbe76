"""A module is built once and asked often: each call is answered as by a module that is built anew.

All properties are refuted in the same way; what they differ in is what is done with the modules.
"""

from collections.abc import Callable

from conformance.assertions.modules.replies import assert_session_conforms
from conformance.problems.modules.scripts import ANEW, SCRIPTS
from conformance.problems.modules.sessions import sessions
from conformance.problems.sizes import ALONE, SHARED
from conformance.property import verifies
from lstm_spec import Backend, Feature
from lstm_spec.modules.sessions import Session


def name_assertion(name: str) -> Callable[[Backend, Session], None]:
    """`assert_session_conforms` under the name of a property."""

    def refute(backend: Backend, session: Session) -> None:
        assert_session_conforms(backend, session)

    refute.__name__ = name
    return refute


SENTENCES = (  # a property and its clause for each script
    ("a_module_may_be_asked_again_with_other_sizes", "MOD-1"),
    ("two_modules_share_nothing", "MOD-1"),
    ("parameters_changed_in_place_act_at_the_next_call", "MOD-2"),
    ("calls_leave_the_parameters_as_they_are", "MOD-10"),
    ("a_state_that_is_left_out_is_zero", "MOD-3"),
    ("lengths_that_are_left_out_are_full", "MOD-3"),
    ("a_bias_that_is_left_out_is_zero", "MOD-4"),
    ("a_kept_state_continues_the_sequence", "MOD-5"),
    ("what_is_saved_and_restored_is_the_same", "MOD-6"),
    ("a_copy_is_independent", "MOD-7"),
    ("tied_modules_stay_tied", "MOD-7"),
    ("gradients_of_a_part_are_those_of_the_whole", "MOD-8"),
    ("evaluation_does_not_depend_on_training", "MOD-9"),
)
for (sentence, clause), (script, features) in zip(SENTENCES, SCRIPTS, strict=True):
    asked = sessions(script, ALONE if script in ANEW else SHARED)
    verifies(clause, on=asked, needs=(Feature.MODULE, *features))(name_assertion(sentence))
