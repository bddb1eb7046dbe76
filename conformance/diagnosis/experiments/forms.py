"""In which forms of network answers are wrong: layers, directions, lengths, projection, kind of cell and clip."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, combinations, product
from typing import NamedTuple

import numpy as np

from conformance.arrays import frozen
from conformance.diagnosis.experiments.laboratory import FEW, Finding, Laboratory, OutOfTime, Said, Sizes, name_sizes
from conformance.outcome import NotClaimed
from conformance.problems.form import BOTH, FORWARD, REVERSE, Form
from conformance.problems.question import Question
from lstm_spec import Problem
from lstm_spec.variants import KINDS

LENGTHS = ("", "full", "equal", "any", "short", "zeros")
PLAIN = Form()
Has = Callable[[Problem], bool]
Known = list[tuple[Problem, bool]]  # what was asked, and whether its answer is wrong


def _has_lengths(problem: Problem, holds: Callable[[set[int]], bool]) -> bool:
    return problem.lengths is not None and problem.lengths.size > 0 and holds({*problem.lengths.tolist()})


def _is_kind(name: str, problem: Problem) -> bool:
    return problem.variant.kind == name


TRAITS: dict[str, Has] = {  # what may be so of a network, as it stands after "only"; general first
    "with more than two layers": lambda p: len(p.parameters) > 2,
    "with more than one layer": lambda p: len(p.parameters) > 1,
    "in direction reverse": lambda p: "reverse" in p.directions,
    "in direction reverse alone": lambda p: p.directions == REVERSE,
    "in both directions": lambda p: p.directions == BOTH,
    "with lengths": lambda p: p.lengths is not None,
    "where lengths differ": lambda p: _has_lengths(p, lambda found: len(found) > 1),
    "where lengths are equal": lambda p: _has_lengths(p, lambda found: len(found) == 1),
    "where some length is below T": lambda p: _has_lengths(p, lambda found: min(found) < len(p.x)),
    "where every length is below T": lambda p: _has_lengths(p, lambda found: max(found) < len(p.x)),
    "where some length is 0": lambda p: _has_lengths(p, lambda found: min(found) == 0),
    "where lengths are not in falling order": lambda p: p.lengths is not None and bool((np.diff(p.lengths) > 0).any()),
    "where every length is T": lambda p: _has_lengths(p, lambda found: min(found) == len(p.x)),
    "with a projection": lambda p: p.layer.R is not None,
    "with a projection to fewer units": lambda p: p.layer.R is not None and p.sizes[3] > p.P,
    "with a clip of the cell state": lambda p: p.variant.clip is not None,
    **{f"with the cell {name!r}": partial(_is_kind, name) for name in KINDS if name != "standard"},
    "with peepholes": lambda p: KINDS[p.variant.kind].peepholes != "",
    "with configured activations": lambda p: KINDS[p.variant.kind].is_configured,
    "with one layer": lambda p: len(p.parameters) == 1,
    "in one direction": lambda p: len(p.directions) == 1,
    "without lengths": lambda p: p.lengths is None,
    "without a projection": lambda p: p.layer.R is None,
}


def list_forms(laboratory: Laboratory) -> Iterator[Form]:
    """The forms that the backend claims, the simplest first; the plain one is the first."""
    claimed = laboratory.backend.description.features
    networks = (Form(n, d, lengths=k) for n, k, d in product((1, 2), LENGTHS, (FORWARD, REVERSE, BOTH)))
    others = [Form(kind=kind) for kind in KINDS] + [Form(projection=p) for p in ("narrow", "full")] + [Form(clip=0.75)]
    deep = [Form(3), Form(3, BOTH), Form(3, lengths="any")]
    for form in dict.fromkeys([PLAIN, *networks, *deep, *others, Form(2, projection="narrow")]):
        if form.features <= claimed:
            yield form


def find_unanswered(laboratory: Laboratory) -> Finding | None:
    """In which forms of network there is no answer, and what is raised instead; None if there is one in all of them."""
    known, tried, reasons = Known(), list[tuple[str, Said]](), list[str]()
    for form in list_forms(laboratory):
        problem, reason = laboratory.take_form(form).find_error(FEW[0])
        known.append((problem, bool(reason)))
        tried += [(name_form(form), "no answer")] if reason else []
        reasons += [reason] if reason else []
    if not reasons:
        return None
    words = "" if len(reasons) == len(known) else next(find_traits(known), ("in some forms of network", None))[0]
    what = "gives no gradients" if laboratory.backward else "gives no answer"
    return Finding(f"{what}{f' {words}' if words else ''}: {reasons[0]}", True, tuple(tried), is_condition=False)


def find_malformed(laboratory: Laboratory, sizes: Sizes) -> Finding | None:
    """What is wrong with the shape or the dtype of an answer; None if nothing is, or no answer is possible."""
    try:
        refuted = laboratory.ask_at(sizes).refuted
    except (NotClaimed, OutOfTime):
        return None
    if refuted is None:
        return None
    return Finding(f"the output {refuted.reason}" if refuted.reason.startswith("y ") else refuted.reason, True)


class Networks(NamedTuple):
    """In which forms of network answers are wrong: the simplest one, and what is so of all of them."""

    simplest: Form | None
    suits: Has
    finding: Finding | None  # None if answers are wrong in no form, or in all


def find_networks(laboratory: Laboratory) -> Networks:
    """In which forms of network answers are wrong. Raises OutOfTime."""
    known, tried, wrong = Known(), list[tuple[str, Said]](), list[Form]()
    for form in list_forms(laboratory):
        one = laboratory.take_form(form)
        for questions in list_questions(one):
            found = {one.judge(question).said: question for question in questions}
            tried += [(f"{name_form(form)}, {name_sizes(q.problem.sizes)}", said) for said, q in found.items()]
            if "wrong" in found or {*found} == {"right"}:
                known.append((found.get("wrong", questions[0]).problem, "wrong" in found))
                wrong += [form] if "wrong" in found else []
    if not wrong or len(wrong) == len(known):
        return Networks(next(iter(wrong), None), lambda problem: True, None)
    words, suits = next(find_traits(known), ("", lambda problem: True))
    sentence = f"only {words}" if words else "only in some forms of network, and no simple rule says in which"
    return Networks(wrong[0], suits, Finding(sentence, bool(words), tuple(tried)))


def list_questions(laboratory: Laboratory) -> list[list[Question]]:
    """A small and a large question of the form; if lengths differ, in falling order, and two in rising order."""
    questions = [laboratory.make_question(sizes, seed) for seed, sizes in enumerate(FEW)]
    if all(q.problem.lengths is None or len({*q.problem.lengths.tolist()}) == 1 for q in questions):
        return [questions]
    return [[_sort_lengths(q, step) for q in questions] for step in (-1, 1)]


def _sort_lengths(question: Question, step: int) -> Question:
    assert question.problem.lengths is not None
    lengths = np.sort(question.problem.lengths)[::step]
    return question._replace(problem=replace(question.problem, lengths=frozen(lengths.copy())))


def find_traits(known: Known) -> Iterator[tuple[str, Has]]:
    """The traits, or pairs of traits, that exactly those networks have whose answers are wrong."""
    wrong = [is_wrong for _, is_wrong in known]
    pairs = ((f"{a} and {b}", _has_both(TRAITS[a], TRAITS[b])) for a, b in combinations(TRAITS, 2))
    for words, has in chain(TRAITS.items(), pairs):
        if [has(problem) for problem, _ in known] == wrong:
            yield words, has


def _has_both(one: Has, other: Has) -> Has:
    return lambda problem: one(problem) and other(problem)


def name_form(form: Form) -> str:
    """A form as it stands in a table."""
    parts = [f"{form.layers} layers"] if form.layers > 1 else []
    parts += [" and ".join(form.directions)] if form.directions != FORWARD else []
    parts += [f"lengths: {form.lengths}"] if form.lengths else []
    parts += [form.kind] if form.kind != "standard" else []
    parts += [f"{form.projection} projection"] if form.projection else []
    parts += [f"clip {form.clip:g}"] if form.clip else []
    return ", ".join(parts) or "one plain layer"
