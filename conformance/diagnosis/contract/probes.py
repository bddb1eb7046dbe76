"""Questions about the contract, and what is watched while a backend is asked them.

Every backend is asked the same ones, as far as it claims what they need: the answers are compared.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np

from conformance.arrays import CODES, frozen
from conformance.diagnosis.contract.history import watch_history, watch_overwriting
from conformance.diagnosis.contract.observing import Sight, watch_call, watch_laid_out
from conformance.diagnosis.experiments.laboratory import ARRAYS, DENSE, name_part
from conformance.diagnosis.experiments.layout import LAID_OUT, SHARED, lay_out, make_equal
from conformance.nouns import Tensors, change_all_arrays, name_all_arrays
from conformance.outcome import NotClaimed
from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import BOTH, Form
from conformance.problems.malformed import malform_loss
from conformance.problems.memory import broadcast_constant, make_constant
from conformance.problems.question import Question, change_stored
from conformance.problems.sizes import limit_sizes, nearest_sizes
from conformance.problems.strikes import strike_loss, strike_problem
from conformance.properties.lengths import malform_lengths
from lstm_spec import Backend, Feature

Sizes = tuple[int, int, int, int]  # T, B, I, H
FILLINGS = ("dense", "by-width", "by-width", "dense", "within-1", "dense")  # of x, W, U, b, h and c
USUAL: Sizes = (3, 2, 4, 5)
UNUSED: Sizes = (3, 2, 11, 6)  # no other experiment asks these
SIZES: tuple[Sizes, ...] = (USUAL, (1, 2, 4, 5), (3, 1, 4, 5), (3, 2, 1, 5), (3, 2, 4, 1), (3, 3, 4, 5), (3, 2, 5, 5))
EMPTY = {(0, 2, 4, 5): Feature.EMPTY_SEQUENCE, (3, 0, 4, 5): Feature.EMPTY_BATCH}
RICH = Form(2, BOTH, projection="narrow", lengths="any")
FORMS = (
    Form(lengths="any"),
    Form(2),
    Form(directions=BOTH),
    Form(projection="narrow"),
    Form(kind="peephole"),
    Form(2, BOTH, lengths="zeros"),
    RICH,
    Form(2, BOTH, "peephole", "narrow", lengths="any"),
)
DTYPES_OF_LENGTHS = (np.float64, np.int32, np.uint16, np.float32)
SEEDS = range(4)  # of what does not fit
TELLING = (0, 6)  # ways to lie in memory that are asked of each array: with gaps, and at an odd address
CALLS, HISTORY, LAYOUTS, REFUSALS, NUMBERS = "calls", "history", "layouts", "refusals", "numbers"


class Probe(NamedTuple):
    """A question, what is special about how it is asked, and what is watched."""

    chapter: str
    how: str  # in words, after "where"; empty if nothing is special
    question: Question
    backward: bool
    watch: Callable[[Backend], Iterator[Sight]]
    read: Question | None = None  # as what it may also be read, in place of being refused


def list_probes(backend: Backend, dtype: str) -> Iterator[Probe]:
    """The probes of all chapters that a backend can be asked at a dtype, those of several calls first.

    Raises NotClaimed if its shapes leave none.
    """
    main = list_main_questions(backend, dtype)
    yield from (probe for question in main for probe in list_histories(question, backend))
    for backward in list_passes(backend):
        yield from list_calls(backend, dtype, backward)
    for question in main:
        yield from list_others(question, backend)


def list_probes_of(question: Question, backend: Backend) -> Iterator[Probe]:
    """The probes of one question."""
    for backward in list_passes(backend):
        yield from list_pair(question, backward)
    yield from list_histories(question, backend)
    yield from list_others(question, backend)


def list_passes(backend: Backend) -> tuple[bool, ...]:
    """Forward; and backward if the backend has gradients."""
    return (False, True) if backend.gradients else (False,)


def list_histories(question: Question, backend: Backend) -> Iterator[Probe]:
    """Several calls with the shapes of this question."""
    for backward, watch in product(list_passes(backend), (watch_history, watch_overwriting)):
        yield Probe(HISTORY, "", question, backward, partial(watch, question=question, backward=backward))


def list_others(question: Question, backend: Backend) -> Iterator[Probe]:
    """What should be refused, NaNs, and places in memory."""
    for backward, make in product(list_passes(backend), (list_refusals, list_strikes, list_layouts)):
        yield from make(question, backward)


def make_question(backend: Backend, dtype: str, sizes: Sizes, form: Form, seed: int) -> Question:
    """A question of the form, with the sizes that its shapes allow nearest to these. Raises NotClaimed if none is."""
    shapes = backend.description.shapes
    nearest = tuple(nearest_sizes(k, (n,), getattr(shapes, k))[0] for k, n in zip("TBIH", sizes, strict=True))
    allowed = limit_sizes(nearest, shapes)
    problem = build_problem(np.dtype(dtype), form, (*allowed, max(1, allowed[3] // 2)), FILLINGS, seed)
    return Question(problem, build_loss(problem, DENSE, seed))


def list_main_questions(backend: Backend, dtype: str) -> list[Question]:
    """A plain question; and the richest of the others that it can be asked."""
    forms = [Form(), *(form for form in FORMS if form.features <= backend.description.features)]
    return [make_question(backend, dtype, UNUSED, form, 7) for form in dict.fromkeys((forms[0], forms[-1]))]


# ---------------------------------------------------------------- chapters


def list_calls(backend: Backend, dtype: str, backward: bool) -> Iterator[Probe]:
    """Single calls at several sizes and forms, each with arrays that may be written and with others that may not."""
    for question in list_questions(backend, dtype):
        yield from list_pair(question, backward)


def list_pair(question: Question, backward: bool) -> Iterator[Probe]:
    """One question with arrays that may be written, and with others that may not."""
    for writable, how in ((True, ""), (False, "every array is read-only")):
        watch = partial(watch_call, question=question, backward=backward, writable=writable)
        yield Probe(CALLS, how, question, backward, watch)


def list_questions(backend: Backend, dtype: str) -> Iterator[Question]:
    """Questions of several sizes and forms that it claims; where x and weights may be bfloat16, also such ones."""
    features = backend.description.features
    sizes = (*SIZES, *(each for each, feature in EMPTY.items() if feature in features))
    forms = [form for form in FORMS if form.features <= features]
    empty = [(each, form) for each in EMPTY for form in forms if form.lengths and EMPTY[each] in features]
    asked = list[Question]()
    for k, (each, form) in enumerate([*((each, Form()) for each in sizes), *((USUAL, form) for form in forms), *empty]):
        try:
            asked.append(make_question(backend, dtype, each, form, k))
        except NotClaimed:
            continue
    yield from asked
    if dtype == "float32" and Feature.BFLOAT16_WEIGHTS in features:
        yield from (store_narrow(asked[k]) for k in (0, len(sizes) + len(forms) - 1) if k < len(asked))


def store_narrow(question: Question) -> Question:
    """The question with x and the parameters in bfloat16."""
    return question._replace(problem=change_stored(question.problem, lambda a: frozen(a.astype(CODES["BF16"]))))


def list_refusals(question: Question, backward: bool) -> Iterator[Probe]:
    """Shapes and lengths that do not fit, and lengths of other dtypes, that should be refused or read as they are."""
    for seed in SEEDS:
        for name, other in malform_loss(question, seed):
            if backward or not name.startswith("d."):
                yield _call(REFUSALS, _describe_malformed(name, question, other), other, backward)
    lengths = question.problem.lengths
    if lengths is None:
        return
    for what, other in malform_lengths(question, 1):
        yield _call(REFUSALS, what.partition(",")[0], other, backward)
    for dtype in DTYPES_OF_LENGTHS:
        other = question._replace(problem=replace(question.problem, lengths=frozen(lengths.astype(dtype))))
        yield _call(REFUSALS, f"lengths are {np.dtype(dtype).name}", other, backward)._replace(read=question)


def _describe_malformed(name: str, question: Question, other: Question) -> str:
    """Which array does not fit, and along which axis."""
    array = name.partition(" ")[0]
    full = array if array.startswith("d.") else f"problem.{array}"
    before, now = (name_all_arrays(**each._asdict())[full].shape for each in (question, other))
    axis = next(k for k, (a, b) in enumerate(zip(before, now, strict=True)) if a != b)
    more = "one more" if now[axis] > before[axis] else "one less"
    return f"{ARRAYS[name_part(full)]} has {more} along axis {axis}"


def list_strikes(question: Question, backward: bool) -> Iterator[Probe]:
    """A NaN in one place."""
    bare = question._replace(problem=replace(question.problem, lengths=None))  # no zeros, which may be left out
    for struck in (*strike_problem(bare, 1), *(strike_loss(bare, 1) if backward else ())):
        yield _call(NUMBERS, f"{struck.name} has a NaN", struck.question, backward)


def list_layouts(question: Question, backward: bool) -> Iterator[Probe]:
    """The same numbers elsewhere in memory, array by array, equal arrays as one, and constant ones once."""
    parts = dict.fromkeys(name_part(name) for name in name_all_arrays(**question._asdict()))
    for k, how in enumerate(LAID_OUT):
        yield _lay_out(f"every array {how}", question, backward, partial(lay_out, k=k))
    for part, k in product(parts, TELLING):
        yield _lay_out(f"{ARRAYS.get(part, part)} {LAID_OUT[k]}", question, backward, partial(lay_out, k=k, part=part))
    for first, second in SHARED:
        share = partial(make_equal, first=first, second=second, copies=False)
        yield _lay_out(f"{ARRAYS[first]} and {ARRAYS[second]} are one array", question, backward, share)
    yield _lay_out("one number of an array stands for many", question, backward, _hold_once)


def _hold_once(question: Question) -> Question:
    """The question with constant arrays, each of which holds its number once."""

    def hold(arrays: Tensors) -> Tensors:
        return {name: broadcast_constant(a) for name, a in make_constant(arrays).items()}

    return Question(*change_all_arrays(hold, **question._asdict()))


def _call(chapter: str, how: str, question: Question, backward: bool) -> Probe:
    return Probe(chapter, how, question, backward, partial(watch_call, question=question, backward=backward))


def _lay_out(how: str, question: Question, backward: bool, change: Callable[[Question], Question]) -> Probe:
    watch = partial(watch_laid_out, question=question, backward=backward, lay_out=change)
    return Probe(LAYOUTS, how, question, backward, watch)
