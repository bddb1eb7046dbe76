"""The judge looks for known faults, and says honestly what it saw."""

from dataclasses import replace

import pytest

from conformance.arrays import fingerprint
from conformance.diagnosis.probes import make_probe
from conformance.faults.catalogue import FAULTS, Fault
from conformance.property import PROPERTIES, find_property
from conformance.run import selection
from conformance.selftest import pairs
from conformance.selftest.look import Sight, judge_backend, judge_faults, score_sights
from conformance.selftest.pairs import draw_pairs, join_faults, judge_pairs
from lstm_spec import Answer, Problem

SWAPPED = FAULTS["swaps_input_and_forget_gates"]
OF_FLOAT64 = FAULTS["takes_the_tanh_in_float32"]


def test_a_mistake_that_is_refuted_has_been_seen() -> None:
    (sight,) = judge_faults("float32", "quick", [SWAPPED])
    assert sight.is_refuted and sight.is_visible and sight.margin > 1
    assert SWAPPED.clause in find_property(sight.by).clauses


@pytest.mark.parametrize("name", ["truncates_the_gradient_after_50_steps", "ignores_the_lengths", "swaps_in_two_pairs"])
def test_a_mistake_is_asked_for_the_clause_that_it_breaks_first(name: str) -> None:
    (sight,) = judge_faults("float32", "quick", [FAULTS[name]])
    assert FAULTS[name].clause in find_property(sight.by).clauses


def test_a_module_is_first_asked_as_a_module() -> None:
    (sight,) = judge_faults("float32", "quick", [FAULTS["adds_up_the_gradients_of_all_calls"]])
    assert find_property(sight.by).family == "modules" and sight.seconds < 20


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The properties that compare values: where nothing is refuted, each is asked."""
    monkeypatch.setattr(selection, "PROPERTIES", [prop for prop in PROPERTIES if prop.family == "values"])


def test_a_mistake_below_the_bound_is_named_with_its_margin_and_not_counted(few: None) -> None:
    score = score_sights(list(judge_faults("float32", "quick", [SWAPPED, OF_FLOAT64])))
    assert [sight.name for sight in score.below] == [OF_FLOAT64.name]
    assert 0 < score.below[0].margin < 1
    assert score.raw == (1, 1) and not score.missed


def test_a_mistake_that_could_be_seen_and_is_not_refuted_is_missed() -> None:
    sights = [Sight("a", "one", "float32", "", 1.0, 3.0, True), Sight("b", "two", "float32", "prop", 1.0, 3.0, True)]
    score = score_sights(sights)
    assert [sight.name for sight in score.missed] == ["a"]
    assert score.raw == (1, 2) and score.macro == 0.5


def test_the_right_one_answers_each_question_once(few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, right = list[Problem](), OF_FLOAT64.right_backend()

    def forward(problem: Problem) -> Answer:
        asked.append(problem)
        return right.forward(problem)

    counted = replace(right, forward=forward)
    monkeypatch.setattr(Fault, "right_backend", lambda fault: counted)
    first, again = judge_faults("float32", "quick", [OF_FLOAT64, OF_FLOAT64])
    assert not first.tried and not again.tried
    assert len(asked) == len({fingerprint(problem) for problem in asked}) > 1


def test_a_mistake_that_nothing_asked_for_shows_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    only = [prop for prop in PROPERTIES if prop.name == "a_step_from_any_state_is_that_of_the_equations"]
    monkeypatch.setattr(selection, "PROPERTIES", only)
    (late,) = judge_faults("float32", "quick", [FAULTS["skips_the_steps_beyond_five_hundred"]])
    assert not late.tried and not late.is_visible and score_sights([late]).below == (late,)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_mistake_of_networks_is_put_to_it_at_every_dtype(dtype: str) -> None:
    (sight,) = judge_faults(dtype, "quick", [FAULTS["ignores_the_lengths"]])
    assert sight.is_refuted and sight.tried and sight.seconds < 20
    assert find_property(sight.by).beyond_core


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("what", ["samples", "gradients"])
def test_what_spreads_no_number_in_some_forms_only_is_seen_in_16_bits(what: str, dtype: str) -> None:
    (sight,) = judge_faults(dtype, "standard", [FAULTS[f"adds_zero_times_other_{what}_above_the_first_reader"]])
    assert find_property(sight.by).family == "numbers"


REFUSED = {
    "answers_problems_that_do_not_fit": "a_problem_whose_shapes_do_not_fit_is_refused",  # ValueError
    "drops_the_fraction_of_a_length": "lengths_that_do_not_fit_are_refused",  # TypeError
}


@pytest.mark.parametrize("name", REFUSED)
def test_watching_a_mistake_does_not_hide_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    families = ("values", "contract", "lengths")
    monkeypatch.setattr(selection, "PROPERTIES", [prop for prop in PROPERTIES if prop.family in families])
    (sight,) = judge_faults("float32", "quick", [FAULTS[name]])
    assert sight.by == REFUSED[name] and sight.tried


def test_a_family_counts_as_much_as_any_other() -> None:
    many = [Sight(str(k), "many", "float32", "prop", 1.0, 3.0, True) for k in range(9)]
    score = score_sights([*many, Sight("a", "one", "float32", "", 1.0, 3.0, True)])
    assert score.raw == (9, 10) and score.macro == 0.5


def test_both_mistakes_of_a_pair_are_in_it() -> None:
    one, two = SWAPPED, FAULTS["ignores_the_initial_cell_state"]
    both = join_faults(one, two)
    assert both is not None
    for fault in (one, two):
        assert _answers_differ(both, fault.backend())


def test_two_changes_of_one_part_both_count() -> None:
    one, two = SWAPPED, FAULTS["drops_the_bias_of_the_output_gate"]
    both = join_faults(one, two)
    assert both is not None
    assert _answers_differ(both, one.backend()) and _answers_differ(both, two.backend())


def _answers_differ(one: object, other: object) -> bool:
    problem, _ = make_probe(0, (3, 2, 3, 4), "float32")
    return bool((one.forward(problem).y != other.forward(problem).y).any())  # type: ignore[attr-defined]


def test_both_may_be_put_around_the_backend() -> None:
    both = join_faults(FAULTS["drops_the_layer_axis_of_the_state"], FAULTS["answers_in_float64"])
    assert both is not None
    answer = both.forward(make_probe(0, (3, 2, 3, 4), "float32").problem)
    assert answer.y.dtype == "float64" and answer.state.h.shape == (2, 4)


def test_two_mistakes_in_one_part_that_cannot_be_chained_are_no_pair() -> None:
    assert join_faults(FAULTS["does_not_squash_the_cell_state"], FAULTS["uses_a_rational_tanh"]) is None


def test_pairs_are_of_different_families_and_no_pair_comes_twice() -> None:
    found = draw_pairs(50, 0)
    assert len({(one.name, two.name) for one, two in found}) == 50
    assert all(one.family != two.family for one, two in found)


@pytest.mark.parametrize("number", range(5))
def test_a_pair_is_refuted(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "draw_pairs", lambda count, seed: draw_pairs(50, 0)[10 * number : 10 * number + 1])
    (sight,) = judge_pairs(1, 0, "float32", "quick")
    assert sight.is_refuted, sight.name


def test_a_right_backend_is_not_refuted_by_it(few: None) -> None:
    right = replace(SWAPPED, change=lambda parts: parts).backend()
    assert not judge_backend("right", "none", right, "float32", "quick").is_refuted
    assert judge_backend("wrong", "none", SWAPPED.backend(), "float32", "quick").is_refuted
