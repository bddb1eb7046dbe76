"""Which property kills which fault: the properties are worth what they catch.

`values` and `gradients` compare with the equations; the other families do without, and each of those kills a fault that
no other of them does.
"""

from collections import defaultdict
from functools import cache

import pytest

from conformance.faults import FAULTS
from conformance.property import PROPERTIES, Outcome
from conformance.runner import PROFILES, Profile, judge

ORACLE = ("values", "gradients")
FAMILIES = list(dict.fromkeys(prop.family for prop in PROPERTIES))
SAMPLE = (
    "swaps_input_and_forget_gates",
    "reads_iofg_as_ifgo",
    "transposes_the_recurrent_weights",
    "uses_one_recurrent_matrix_for_all_gates",
    "ignores_the_last_input",
    "drops_the_recurrent_bias",
    "adds_one_to_the_forget_bias",
    "ignores_the_initial_cell_state",
    "returns_the_cell_state_one_step_old",
    "does_not_carry_the_hidden_state",
    "reads_the_sequence_backwards",
    "skips_the_steps_beyond_five_hundred",
    "lets_the_samples_leak",
    "ties_the_forget_gate_to_the_input_gate",
    "does_not_squash_the_cell_state",
    "rectifies_the_candidate",
    "uses_a_hard_sigmoid_of_slope_one_fifth",
    "uses_a_rational_tanh",
    "overflows_in_the_sigmoid",
    "keeps_the_cell_state_in_float16",
    "clips_the_cell_state_at_10",
    "truncates_the_gradient_after_50_steps",
    "drops_the_path_through_the_cell_state",
    "ignores_the_gradient_of_the_final_hidden_state",
    "takes_the_slope_of_tanh_as_one_minus_y",
    "overflows_in_the_slope_of_the_sigmoid",
    "averages_the_parameter_gradients_over_the_batch",
    "clips_the_gradient",
    "drops_units_out_in_the_gradient_pass",
    "writes_the_final_state_into_the_initial_one",
    "scales_the_cotangents_in_place",
    "loses_an_empty_batch",
    "divides_by_an_empty_batch",
    "drops_an_axis_of_length_one",
    "drops_an_axis_of_length_one_from_the_gradient",
    "keeps_the_weights_of_the_first_call",
    "accumulates_gradients_over_calls",
    "reads_memory_in_a_row",
    "answers_problems_that_do_not_fit",
)


@cache
def kills(name: str) -> frozenset[str]:
    """The properties that refute the fault, with few examples."""
    few = Profile("few", 8, PROFILES["quick"].reach, ("float32",), 2)
    faulty = FAULTS[name].backend()
    found = (judge(prop, faulty, "float32", few) for prop in PROPERTIES)
    return frozenset(v.property.name for v in found if v.outcome in (Outcome.REFUTED, Outcome.ERRORED))


def killed_by(prop: str) -> list[str]:
    return [name for name in SAMPLE if prop in kills(name)]


def families_that_kill(name: str) -> set[str]:
    return {prop.family for prop in PROPERTIES if prop.name in kills(name)}


@pytest.mark.parametrize("name", SAMPLE)
def test_every_sampled_fault_is_killed(name: str) -> None:
    assert kills(name)


@pytest.mark.parametrize("prop", [prop.name for prop in PROPERTIES])
def test_every_property_kills_a_fault(prop: str) -> None:
    assert killed_by(prop)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in ORACLE])
def test_every_family_kills_a_fault_that_no_other_family_kills_without_the_equations(family: str) -> None:
    assert [name for name in SAMPLE if families_that_kill(name) - set(ORACLE) == {family}]


if __name__ == "__main__":
    from concurrent.futures import ProcessPoolExecutor

    matrix = defaultdict(list)
    with ProcessPoolExecutor(2) as pool:
        for fault, found in zip(SAMPLE, pool.map(kills, SAMPLE), strict=True):
            for prop in found:
                matrix[prop].append(fault)
    for prop in PROPERTIES:
        print(f"{prop.family:14} {prop.name}\n    {len(matrix[prop.name])}: {', '.join(matrix[prop.name])}")
