"""An answer that somebody has is judged without asking anybody."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from backends.numpy.backend import BACKEND as NUMPY
from conformance import judge
from conformance.problems.build import build_loss, build_problem
from conformance.problems.covering import DENSE
from conformance.problems.form import BOTH, FORWARD, REVERSE, Form
from conformance.run.given import count_conclusive_steps
from conformance.tolerance.rounding import Bounded
from lstm_spec import Answer, Problem, State
from lstm_spec.types import Array
from tests.helpers.problems import make_loss, make_problem
from tools.checks.right.backends import RIGHT

TAME = ("dense", "by-width", "small", "dense", "within-1", "dense")
FORMS = (
    Form(),
    Form(1, REVERSE, "peephole", "narrow", lengths="any"),
    Form(2, BOTH, projection="narrow", lengths="zeros"),
    Form(3, FORWARD, "coupled", clip=0.7),
)


def draw(
    form: Form = FORMS[0], dtype: str = "float32", sizes: tuple[int, ...] = (6, 3, 4, 5), seed: int = 0
) -> Problem:
    return build_problem(np.dtype(dtype), form, sizes, TAME, seed)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_a_right_answer_holds(form: Form, dtype: str) -> None:
    problem = draw(form, dtype)
    loss = build_loss(problem, ("dense",) * 3, 1)
    answer, found = NUMPY.differentiate(problem, loss)
    said = judge(problem, answer, (loss, found))
    assert said.holds and 0 < said.ratio <= 1, str(said)
    assert said.grade == ("relative" if problem.dtype.itemsize > 2 else "wide")
    is_open = any(why.startswith("the gradients") for why in said.unjudged)  # with 16 bits, three layers are too much
    assert is_open == (dtype == "float16" and form.layers == 3)
    assert is_open or {"dx", "dh_0", "dc_0"} <= {part.name.split(" of ")[0] for part in said.parts}


def double(a: Any) -> Any:
    return (a * np.asarray(2, a.dtype)).astype(a.dtype)


WRONG: dict[str, Callable[[Answer], Answer]] = {
    "y": lambda answer: replace(answer, y=double(answer.y)),
    "h_T": lambda answer: replace(answer, state=answer.state._replace(h=double(answer.state.h))),
    "c_T": lambda answer: replace(answer, state=answer.state._replace(c=double(answer.state.c))),
}


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("part", WRONG)
def test_a_wrong_part_is_refuted_and_named(part: str, form: Form) -> None:
    problem = draw(form)
    said = judge(problem, WRONG[part](NUMPY.forward(problem)))
    wrong = [one for one in said.parts if one.difference]
    assert not said.holds and all(one.name.startswith(part) for one in wrong) or part == "y"
    assert any(one.name.startswith(part) for one in wrong) and "refuted at grade absolute (float32)" in str(said)


def test_a_wrong_gradient_is_refuted() -> None:
    problem, loss = draw(), build_loss(draw(), ("dense",) * 3, 1)
    answer, found = NUMPY.differentiate(problem, loss)
    said = judge(problem, answer, (loss, replace(found, x=double(found.x))))
    assert [part.name for part in said.parts if part.difference] == ["dx"]


def test_what_is_missing_is_not_judged_and_that_is_said() -> None:
    problem = draw(FORMS[2])
    answer = NUMPY.forward(problem)
    said = judge(problem, answer.y)
    assert said.holds and [part.name for part in said.parts] == ["y of layer 1"]
    assert said.unjudged == (
        "the final h, which was not given",
        "the final c, which was not given",
        "y of layer 0, which was not given",
    )
    below = replace(problem, parameters=problem.parameters[:1], state=State(*(a[:2] for a in problem.state)))
    known = judge(problem, answer, inner=[NUMPY.forward(below).y])
    assert known.holds and not known.unjudged
    assert not judge(problem, answer, inner=[double(NUMPY.forward(below).y)]).holds


def test_the_strictest_grade_that_holds_is_found() -> None:
    rough = RIGHT["by tanh"]()
    problem = draw(sizes=(3, 2, 3, 4))
    problem = replace(problem, x=(problem.x * np.float32(40)).astype(np.float32))
    said = judge(problem, rough.forward(problem))
    assert (said.grade, judge(problem, rough.forward(problem), grade="relative").grade) == ("absolute", "")


@pytest.mark.parametrize(("dtype", "grade"), [("float64", "relative"), ("float32", "relative"), ("bfloat16", "wide")])
def test_an_answer_of_another_dtype_is_judged_at_its_own(dtype: str, grade: str) -> None:
    problem = draw(dtype="float64")
    cast = draw(dtype=dtype)
    said = judge(cast, NUMPY.forward(cast))
    assert (said.dtype, said.grade) == (dtype, grade)
    single = judge(problem, NUMPY.forward(draw(dtype="float32")))
    assert single.dtype == "float32" and single.unjudged[0].startswith("the rounding of the problem's numbers")


def test_a_sequence_in_parts_is_judged_part_by_part() -> None:
    problem, answers, state = draw(), list[Answer](), draw().state
    for start, stop in ((0, 1), (1, 4), (4, 6)):
        answers.append(NUMPY.forward(replace(problem, x=problem.x[start:stop], state=state)))
        state = answers[-1].state
    said = judge(problem, answers)
    assert said.holds and [part.name for part in said.parts][:3] == ["y of part 0", "h_T of part 0", "c_T of part 0"]
    answers[1] = WRONG["c_T"](answers[1])
    wrong = [part.name for part in judge(problem, answers).parts if part.difference]
    assert wrong == ["c_T of part 1", "y of part 2", "c_T of part 2"]  # which did not start from what was given


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (np.zeros((3, 2, 9), np.float32), r"y has shape \(3, 2, 9\), expected an array of shape \(4, 2, 5\)"),
        ([np.zeros((4, 2, 5), np.float32)] * 2, "part 0 has no final states"),
        (np.zeros((4, 2, 5), np.int64), "y is int64, expected one of float64"),
        ((None, None, None), "y is a NoneType, expected an array"),
        (
            (np.zeros((4, 2, 5), np.float16), np.zeros((1, 2, 5), np.float32), None),
            "h is float32, expected float16 like y; convert it, or leave it out",
        ),
    ],
    ids=["shape", "parts", "dtype", "nothing", "dtypes"],
)
def test_what_does_not_fit_is_refused(answer: Any, sentence: str) -> None:
    with pytest.raises((ValueError, TypeError), match=sentence):
        judge(make_problem(), answer)


@pytest.mark.parametrize("form", [Form(), Form(1, BOTH), Form(2), Form(2, BOTH)], ids=str)
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_not_finite_is_refuted_wherever_it_is(form: Form, number: float) -> None:
    """Steps that follow from a NaN say nothing, but no right answer has one: here all do, or the last one only."""
    problem = draw(form)
    answer = NUMPY.forward(problem)
    last = answer.y.copy()
    last[-1, 0, 0] = number
    for y in (np.full_like(answer.y, number), last):
        for states in (answer.state, (None, None)):
            said = judge(problem, (y, *states))
            assert said.parts and not said.holds, str(said)
    assert "y is finite" in str(said) and "t 5, batch 0, unit 0: expected 0 ±3.4e38, got " in str(said)
    of_nan = replace(problem, x=np.full_like(problem.x, np.nan))  # from which any answer follows
    assert "y is finite" not in str(judge(of_nan, NUMPY.forward(of_nan)))


def test_what_is_no_problem_and_no_gradients_is_refused() -> None:
    problem, answer = make_problem(), NUMPY.forward(make_problem())
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"problem": None}, "problem is a NoneType, expected an lstm_spec.Problem"),
        ({"gradients": 3}, r"gradients is \(int\), expected \(Cotangents, Gradients\)"),
        ({"inner": [np.zeros(3)]}, r"inner\[0\] has shape \(3,\), expected \(4, 2, 5\)"),
        ({"grade": "fine"}, "grade 'fine' is not defined at float32, expected one of: absolute, relative"),
        ({"answer": [answer], "inner": [answer.y]}, "a sequence in parts has no gradients and no inner layers here"),
    )
    for given, sentence in cases:
        asked: dict[str, Any] = {"problem": problem, "answer": answer, **given}
        with pytest.raises((ValueError, TypeError), match=sentence):
            judge(**asked)
    other = NUMPY.differentiate(make_problem(T=3), make_loss(make_problem(T=3)))[1]
    with pytest.raises(ValueError, match="shape"):
        judge(problem, answer, (make_loss(problem), other))


def test_a_judgement_is_a_file(tmp_path: Any) -> None:
    problem = make_problem()
    answer, gradients = NUMPY.differentiate(problem, make_loss(problem))
    judge(problem, answer, (make_loss(problem), gradients)).save(tmp_path / "answer.safetensors")
    found = load_file(tmp_path / "answer.safetensors")
    np.testing.assert_array_equal(found["got.y"], answer.y)
    assert {"expected.y", "allowed.y", "got.dW"} <= set(found)


def draw_long(directions: Any = FORWARD, lengths: str = "full", kind: str = "standard") -> Problem:
    """A stack in whose lower layer rounding grows too much; coupled gates have no ellipsoids."""
    form = Form(2, directions, kind, lengths=lengths)
    return build_problem(np.dtype("float32"), form, (600, 2, 30, 30), ("dense", *("dense",) * 5), 0)


def draw_steady(directions: Any = FORWARD, lengths: str = "full") -> Problem:
    """A stack in whose lower layer only a bound without signs grows too much."""
    form = Form(2, directions, lengths=lengths)
    return build_problem(np.dtype("float32"), form, (200, 2, 30, 30), DENSE, 0)


def double_from(y: Array, step: int) -> Array:
    return np.concatenate([y[:step], double(y[step:])])


def test_an_answer_of_which_nothing_can_be_judged_does_not_hold() -> None:
    problem = draw_long(
        BOTH, kind="coupled"
    )  # the reverse direction has its first steps where the other has its last ones
    answer = NUMPY.forward(problem)
    wrong = double_from(answer.y, 300)
    said = judge(problem, (wrong, None, None))
    assert (said.parts, said.holds, said.grade) == ((), False, ""), str(said)
    assert str(said).startswith("nothing could be judged at grade ") and "rounding may have grown" in str(said)
    assert "with lower layers that are made here the error is " in said.unjudged[-1]
    below = replace(problem, parameters=problem.parameters[:1], state=State(*(a[:2] for a in problem.state)))
    first = NUMPY.forward(below)
    assert judge(problem, (answer.y, None, None), inner=[first.y]).holds


@pytest.mark.parametrize("lengths", ["full", "any"])
def test_of_a_long_stack_the_first_steps_are_judged_as_if_there_were_no_others(lengths: str) -> None:
    """If the others are not those of lower layers that are made here, and nothing else is known of them."""
    problem = draw_long(lengths=lengths, kind="coupled")
    answer = NUMPY.forward(problem)
    said = judge(problem, replace(answer, y=double_from(answer.y, 20)))
    steps = said.steps
    assert said.holds and steps is not None and 2 <= steps < 10, str(said)
    assert f"holds in the first {steps} of 600 steps at grade relative" in str(said)
    assert said.unjudged[-2].startswith(f"layer 0 and those above it after step {steps - 1}, and their final states: ")
    assert "with lower layers that are made here the error is " in said.unjudged[-1]
    ends = None if problem.lengths is None else np.minimum(problem.lengths, steps)
    short = replace(problem, x=problem.x[:steps], lengths=ends)
    alone = judge(short, (answer.y[:steps], None, None))
    assert alone.steps is None and [part.name for part in alone.parts] == [part.name for part in said.parts]
    np.testing.assert_array_equal(alone.parts[-1].allowed, said.parts[-1].allowed)
    assert not judge(problem, replace(answer, y=double_from(answer.y, steps - 1))).holds


@pytest.mark.parametrize("runtime", sorted(RIGHT))
@pytest.mark.parametrize("directions", [FORWARD, BOTH], ids=str)
def test_a_long_stack_holds_whole_if_some_right_lower_layers_make_it_right(directions: Any, runtime: str) -> None:
    problem = draw_long(directions)
    said = judge(problem, RIGHT[runtime]().forward(problem))
    assert said.holds and said.steps is None and said.parts[0].name == "y of layer 0, made here", str(said)
    assert said.unjudged == ("y of layer 0, which was not given, and its final states: some right ones make y right",)
    names = [part.name for part in said.parts]
    assert "y of layer 1" in names and sum(name.startswith("c_T of layer 1") for name in names) == len(directions)
    assert not any(name.startswith(("h_T of layer 0", "c_T of layer 0")) for name in names)


@pytest.mark.parametrize("lengths", ["full", "any"])
@pytest.mark.parametrize("directions", [FORWARD, BOTH], ids=str)
def test_a_mistake_late_in_a_long_stack_is_refuted(directions: Any, lengths: str) -> None:
    problem = draw_steady(directions, lengths)
    answer = NUMPY.forward(problem)
    assert judge(problem, answer.y).holds
    for step in (20, 199):
        wrong = answer.y.copy()
        wrong[step] += np.float32(2e-3) * (wrong[step] != 0)
        said = judge(problem, wrong)
        assert not said.holds and said.steps is None and said.parts[-1].difference, str(said)
    reset = np.concatenate([answer.y[:150], NUMPY.forward(replace(problem, x=problem.x[150:], lengths=None)).y])
    assert not judge(problem, reset).holds


def test_what_the_lower_layers_may_hide_is_said() -> None:
    """An answer of lower layers that round otherwise holds, and how much else would hold is told."""
    problem = draw_steady()
    answer = NUMPY.forward(problem)
    wrong = answer.y.copy()
    wrong[150, 1, 3] += np.float32(8e-6)
    said = judge(problem, wrong)
    assert said.holds and said.steps is None, str(said)
    allowed = float(said.parts[-1].allowed.max())
    unseen = f"what moves y of layer 1 by less than {allowed:.2g}, as rounding in the layers below it may"
    assert allowed < 5e-4 and unseen.replace("e-0", "e-") in said.unjudged, said.unjudged
    assert "with lower layers that are made here the error is " in said.unjudged[-1]


def test_in_chaos_a_long_stack_is_judged_as_far_as_something_is_known() -> None:
    problem = draw_long()
    answer = NUMPY.forward(problem)
    said, late = judge(problem, double_from(answer.y, 20)), judge(problem, double_from(answer.y, 599))
    assert not said.holds and late.holds and late.steps is not None and 100 < late.steps < 599, str(late)
    assert f"holds in the first {late.steps} of 600 steps at grade absolute" in str(late)


def test_a_layer_above_a_known_one_is_judged_from_it() -> None:
    """Three layers, of which the middle one is known: what ellipsoids say of the first ends there."""
    form = Form(3, FORWARD)
    problem = build_problem(np.dtype("float32"), form, (300, 1, 20, 20), DENSE, 0)
    rows = (problem.parameters[:2], State(*(a[:2] for a in problem.state)))
    middle = NUMPY.forward(replace(problem, parameters=rows[0], state=rows[1])).y
    wrong = NUMPY.forward(problem).y.copy()
    wrong[200, 0, 3] += np.float32(3e-5)
    said = judge(problem, wrong, inner=[None, middle])
    assert not said.holds and [part.name for part in said.parts if part.difference] == ["y of layer 2"], str(said)
    assert not judge(problem, NUMPY.forward(problem), inner=[None, double_from(middle, 200)]).holds
    assert not judge(problem, double_from(wrong, 250)).holds  # two layers that nobody saw


def test_steps_count_up_to_the_first_that_says_nothing() -> None:
    error = np.array([1e-5, 1e-5, 1, 1e-5])[:, None, None] * np.ones((4, 2, 3))
    assert count_conclusive_steps(Bounded(np.zeros((4, 2, 3)), error), 1e-2) == 2


def test_a_mistake_in_a_lower_layer_that_was_not_given_is_refuted() -> None:
    problem = draw_long()
    (p,), last = problem.parameters
    transposed, lost = p.o._replace(U=p.o.U.T), p.f._replace(b=0 * p.f.b)
    for wrong in (p._replace(i=p.f, f=p.i), p._replace(o=transposed), p._replace(f=lost)):
        answer = NUMPY.forward(replace(problem, parameters=((wrong,), last)))
        assert not judge(problem, answer).holds
