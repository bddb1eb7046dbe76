"""A module is built once and asked often: each call is answered as by a module that is built anew.

All properties are refuted in the same way; what they differ in is what is done with the modules.
"""

from collections.abc import Callable

from conformance.assertions.sessions import assert_session_conforms
from conformance.problems import scripts
from conformance.problems.sessions import Script, sessions
from conformance.property import verifies
from lstm_spec import Backend, Feature
from lstm_spec.modules.sessions import Session


def name_assertion(name: str) -> Callable[[Backend, Session], None]:
    """`assert_session_conforms` under the name of a property."""

    def refute(backend: Backend, session: Session) -> None:
        assert_session_conforms(backend, session)

    refute.__name__ = name
    return refute


SENTENCES: tuple[tuple[str, str, Script, tuple[Feature, ...]], ...] = (
    ("a_module_may_be_asked_again_with_other_sizes", "MOD-1", scripts.ask_often, ()),
    ("two_modules_share_nothing", "MOD-1", scripts.interleave, ()),
    ("parameters_changed_in_place_act_at_the_next_call", "MOD-2", scripts.change_parameters, ()),
    ("calls_leave_the_parameters_as_they_are", "MOD-10", scripts.read_between_calls, ()),
    ("a_state_that_is_left_out_is_zero", "MOD-3", scripts.leave_state_out, (Feature.OMITS_STATE,)),
    ("lengths_that_are_left_out_are_full", "MOD-3", scripts.leave_lengths_out, (Feature.LENGTHS,)),
    ("a_bias_that_is_left_out_is_zero", "MOD-4", scripts.leave_bias_out, (Feature.OMITS_BIAS,)),
    ("a_kept_state_continues_the_sequence", "MOD-5", scripts.keep_state, (Feature.STATEFUL,)),
    ("what_is_saved_and_restored_is_the_same", "MOD-6", scripts.save_and_restore, (Feature.SAVED,)),
    ("a_copy_is_independent", "MOD-7", scripts.copy_and_change, (Feature.COPIED,)),
    ("tied_modules_stay_tied", "MOD-7", scripts.tie_and_change, (Feature.TIED,)),
    (
        "gradients_of_a_part_are_those_of_the_whole",
        "MOD-8",
        scripts.want_parts,
        (Feature.GRADIENTS, Feature.PARTIAL_GRADIENTS),
    ),
    ("evaluation_does_not_depend_on_training", "MOD-9", scripts.train_and_evaluate, (Feature.TRAINING,)),
)
for sentence, clause, script, features in SENTENCES:
    verifies(clause, on=sessions(script), needs=(Feature.MODULE, *features))(name_assertion(sentence))
