"""Mistakes that show only under one condition: at some sizes, in some places, after some calls, of some numbers.

Each is put around the NumPy backend, and nothing else is wrong.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from backends.numpy.backend import BACKEND as NUMPY
from conformance.problems.form import FORWARD
from conformance.problems.question import with_gates
from lstm_spec import Answer, Array, Backend, Cotangents, Gate, Gradients, Problem, State
from lstm_spec.types import each_array

Change = Callable[[Array], Array]  # of an array (..., batch, unit)


def double(a: Array) -> Array:
    return a * 2 + 1


def at_sizes(holds: Callable[[int, int, int, int], bool]) -> Backend:
    """Wrong at every place of y and of the states where this is so of T, B, I and H."""

    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        if not holds(*problem.sizes):
            return answer
        return Answer(double(answer.y), State(*map(double, answer.state)))

    return replace(NUMPY, name="wrong at some sizes", forward=forward, gradients=None)


def in_gradients_at_sizes(holds: Callable[[int, int, int, int], bool]) -> Backend:
    """Right answers; gradients that are wrong where this is so of T, B, I and H."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = NUMPY.differentiate(problem, d)
        if not holds(*problem.sizes):
            return answer, found
        rows = tuple(tuple(each_array(double, p) for p in row) for row in found.parameters)
        return answer, Gradients(rows, double(found.x), State(*map(double, found.state)))

    return replace(NUMPY, name="wrong gradients at some sizes", gradients=gradients)


def in_gradients_where(holds: Callable[[Cotangents], bool]) -> Backend:
    """Right answers; gradients that are wrong where this is so of the cotangents."""

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        answer, found = NUMPY.differentiate(problem, d)
        return answer, replace(found, x=double(found.x)) if holds(d) else found

    return replace(NUMPY, name="wrong gradients of some cotangents", gradients=gradients)


def at_places(change: Callable[[Array], None], layer: int = 0, direction: int = 0, steps: str = "all") -> Backend:
    """A backend whose cell states are changed in one layer and direction, step by step, before they are read again."""
    chosen = {"all": range(1000), "every fourth": range(3, 1000, 4), "first": range(1)}[steps]

    def forward(problem: Problem) -> Answer:
        x, hs, cs, D = problem.x, list(problem.state.h), list(problem.state.c), len(problem.directions)
        for k, row in enumerate(problem.parameters):
            ys = []
            for d, name in enumerate(problem.directions):
                n, read, y = k * D + d, x if name == "forward" else x[::-1], []
                for t, now in enumerate(read):
                    state = State(hs[n][None], cs[n][None])
                    one = NUMPY.forward(Problem(((row[d],),), now[None], state, None, problem.variant, FORWARD))
                    hs[n], cs[n] = one.state.h[0].copy(), one.state.c[0].copy()
                    if (k, d) == (layer, direction) and t in chosen:
                        change(hs[n])
                        change(cs[n])
                    y.append(hs[n])
                ys.append(np.array(y if name == "forward" else y[::-1]))
            x = np.concatenate(ys, axis=-1)
        return Answer(x, State(np.array(hs), np.array(cs)))

    return replace(NUMPY, name="wrong in some places", forward=forward, gradients=None)


def add_one(*places: slice) -> Callable[[Array], None]:
    def add(a: Array) -> None:
        a[places] += 1

    return add


# ---------------------------------------------------------------- what came before, and where it lies in memory


def after_calls(make: Callable[[], Callable[[Problem], Answer]], name: str) -> Backend:
    """A backend with a memory of its own."""
    return replace(NUMPY, name=name, forward=make(), gradients=None)


def spoil(answer: Answer) -> Answer:
    return Answer(double(answer.y), State(*map(double, answer.state)))


def _use_buffers_again() -> Callable[[Problem], Answer]:
    buffers: dict[tuple[int, ...], list[Array]] = {}

    def forward(problem: Problem) -> Answer:
        answer, made = NUMPY.forward(problem), buffers.setdefault(problem.sizes, [])
        y = np.empty_like(answer.y) if len(made) < 3 else made.pop(0)
        made.append(y)
        y[...] = answer.y
        return replace(answer, y=y)

    return forward


def _keep_weights() -> Callable[[Problem], Answer]:
    kept: dict[tuple[int, ...], Problem] = {}

    def forward(problem: Problem) -> Answer:
        first = kept.setdefault(problem.sizes, problem)
        return NUMPY.forward(replace(problem, parameters=first.parameters))

    return forward


def _keep_gates(letters: str) -> Callable[[], Callable[[Problem], Answer]]:
    """W and U of these gates are those of the first call with the same shapes; the biases are read."""

    def make() -> Callable[[Problem], Answer]:
        kept: dict[tuple[int, ...], Problem] = {}

        def forward(problem: Problem) -> Answer:
            first = kept.setdefault(problem.sizes, problem).layer.gates

            def keep(letter: str, gate: Gate) -> Gate:
                return first[letter]._replace(b=gate.b) if letter in letters else gate

            return NUMPY.forward(with_gates(problem, keep))

        return forward

    return make


def _keep_last_state() -> Callable[[Problem], Answer]:
    kept: dict[tuple[int, ...], State] = {}

    def forward(problem: Problem) -> Answer:
        before = kept.get(problem.sizes, problem.state)
        kept[problem.sizes] = problem.state
        return NUMPY.forward(replace(problem, state=before))

    return forward


def _fail_every(many: int) -> Callable[[], Callable[[Problem], Answer]]:
    def make() -> Callable[[Problem], Answer]:
        calls = iter(range(1, 10**9))

        def forward(problem: Problem) -> Answer:
            answer = NUMPY.forward(problem)
            return answer if next(calls) % many else spoil(answer)

        return forward

    return make


def _fail_after_other_shapes() -> Callable[[Problem], Answer]:
    last: list[tuple[int, ...]] = []

    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        is_new = last[-1:] != [problem.sizes]
        last.append(problem.sizes)
        return spoil(answer) if is_new and len(last) > 1 else answer

    return forward


def _misread(
    part: Callable[[Problem], Array], holds: Callable[[Array], bool]
) -> Callable[[], Callable[[Problem], Answer]]:
    def make() -> Callable[[Problem], Answer]:
        def forward(problem: Problem) -> Answer:
            answer = NUMPY.forward(problem)
            return spoil(answer) if holds(part(problem)) else answer

        return forward

    return make


def _fail_at_first() -> Callable[[Problem], Answer]:
    seen: set[bytes] = set()

    def forward(problem: Problem) -> Answer:
        answer, is_new = NUMPY.forward(problem), problem.x.tobytes() not in seen
        seen.add(problem.x.tobytes())
        return spoil(answer) if is_new and problem.sizes[0] > 4 else answer

    return forward


fails_at_first = after_calls(_fail_at_first, "fails_at_first")
uses_three_buffers = after_calls(_use_buffers_again, "uses_three_buffers")
keeps_the_first_weights = after_calls(_keep_weights, "keeps_the_first_weights")
keeps_the_first_matrices = after_calls(_keep_gates("ifgo"), "keeps_the_first_matrices")
keeps_the_first_matrices_of_a_gate = after_calls(_keep_gates("o"), "keeps_the_first_matrices_of_a_gate")
keeps_the_last_state = after_calls(_keep_last_state, "keeps_the_last_state")
fails_every_sixtieth_call = after_calls(_fail_every(60), "fails_every_sixtieth_call")
fails_every_second_call = after_calls(_fail_every(2), "fails_every_second_call")
fails_after_other_shapes = after_calls(_fail_after_other_shapes, "fails_after_other_shapes")
misreads_fortran_order = after_calls(
    _misread(lambda p: p.layer.g.W, lambda a: a.flags.f_contiguous and not a.flags.c_contiguous),
    "misreads_fortran_order",
)
misreads_strides = after_calls(_misread(lambda p: p.x, lambda a: not a.flags.c_contiguous), "misreads_strides")

needs_to_write = after_calls(_misread(lambda p: p.layer.o.U, lambda a: not a.flags.writeable), "needs_to_write")


def _fail_from(first: int) -> Callable[[], Callable[[Problem], Answer]]:
    def make() -> Callable[[Problem], Answer]:
        calls = iter(range(1, 10**9))

        def forward(problem: Problem) -> Answer:
            answer = NUMPY.forward(problem)
            return answer if next(calls) < first else spoil(answer)

        return forward

    return make


def _fail_where(
    is_new: Callable[[list[tuple[int, ...]], tuple[int, ...]], bool],
) -> Callable[[], Callable[[Problem], Answer]]:
    """Wrong where this is so of the sizes that were asked before, and of those that are asked."""

    def make() -> Callable[[Problem], Answer]:
        asked: list[tuple[int, ...]] = []

        def forward(problem: Problem) -> Answer:
            answer, is_wrong = NUMPY.forward(problem), is_new(asked, problem.sizes)
            asked.append(problem.sizes)
            return spoil(answer) if is_wrong else answer

        return forward

    return make


def _fail_after_gradients() -> Backend:
    asked: list[Problem] = []

    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        return spoil(answer) if asked else answer

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        asked.append(problem)
        return NUMPY.differentiate(problem, d)

    return replace(NUMPY, name="fails_after_gradients", forward=forward, gradients=gradients)


fails_after_gradients = _fail_after_gradients()


def _remember(key: Callable[[Problem], object]) -> Callable[[], Callable[[Problem], Answer]]:
    """The answer to the first problem of this key."""

    def make() -> Callable[[Problem], Answer]:
        kept: dict[object, Answer] = {}

        def forward(problem: Problem) -> Answer:
            return kept.setdefault((key(problem), problem.sizes), NUMPY.forward(problem))

        return forward

    return make


def _return_late_state() -> Callable[[Problem], Answer]:
    kept: dict[tuple[int, ...], State] = {}

    def forward(problem: Problem) -> Answer:
        answer = NUMPY.forward(problem)
        late = kept.get(problem.sizes, answer.state)
        kept[problem.sizes] = answer.state
        return replace(answer, state=late)

    return forward


knows_arrays_by_address = after_calls(_remember(lambda p: id(p.x)), "knows_arrays_by_address")
knows_questions_by_input = after_calls(_remember(lambda p: p.x.tobytes()), "knows_questions_by_input")
returns_a_late_state = after_calls(_return_late_state, "returns_a_late_state")
fails_after_as_many_units = after_calls(
    _fail_where(lambda asked, sizes: bool(asked) and asked[-1][3] == sizes[3]), "fails_after_as_many_units"
)


def fail_at_first_of_all() -> Backend:
    """A backend whose first answer is wrong."""
    return after_calls(_fail_where(lambda asked, sizes: not asked), "fails_at_first_of_all")


def in_first_gradients() -> Backend:
    """A backend whose first gradients are wrong."""
    asked: list[Problem] = []

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        asked.append(problem)
        answer, found = NUMPY.differentiate(problem, d)
        return answer, found if len(asked) > 1 else replace(found, x=double(found.x))

    return replace(NUMPY, name="in_first_gradients", gradients=gradients)


fails_at_first_of_all = fail_at_first_of_all()
fails_at_new_shapes = after_calls(_fail_where(lambda asked, sizes: sizes not in asked), "fails_at_new_shapes")
fails_after_more_samples = after_calls(
    _fail_where(lambda asked, sizes: bool(asked) and asked[-1][1] > sizes[1]), "fails_after_more_samples"
)
fails_from_its_ninth_call = after_calls(_fail_from(9), "fails_from_its_ninth_call")


def _fail_after_the_same_shapes() -> Callable[[Problem], Answer]:
    last: list[tuple[int, ...]] = []

    def forward(problem: Problem) -> Answer:
        answer, is_same = NUMPY.forward(problem), last[-1:] == [problem.sizes]
        last.append(problem.sizes)
        return spoil(answer) if is_same else answer

    return forward


fails_after_the_same_shapes = after_calls(_fail_after_the_same_shapes, "fails_after_the_same_shapes")
equal_samples = after_calls(
    _misread(lambda p: p.state.h[0], lambda h: len(np.unique(h, axis=0)) < len(h)), "equal_samples"
)
zero_input = after_calls(_misread(lambda p: p.x, lambda x: not x.any()), "zero_input")
ignores_large_gates = after_calls(
    _misread(lambda p: p.x @ p.layer.g.W.T + p.layer.g.b, lambda z: bool(np.abs(z).max(initial=0) > 8)),
    "ignores_large_gates",
)


def misread_above(limit: float) -> Backend:
    """Wrong where a number of x is larger."""
    return after_calls(_misread(lambda p: p.x, lambda x: bool(x.max(initial=0) > limit)), f"misread_above_{limit}")


zero_row = after_calls(_misread(lambda p: p.x, lambda x: bool((~x.any(axis=2)).any())), "zero_row")
zero_number = after_calls(_misread(lambda p: p.x, lambda x: not x.all()), "zero_number")
one_hot_input = after_calls(
    _misread(lambda p: p.x, lambda x: bool(((x == 1).sum(2) == 1).all() and ((x != 0).sum(2) == 1).all())),
    "one_hot_input",
)
negative_cells = after_calls(_misread(lambda p: p.state.c, lambda c: bool((c < 0).any())), "negative_cells")
small_cells = after_calls(_misread(lambda p: p.state.c, lambda c: bool((np.abs(c) < 0.1).any())), "small_cells")
positive_gates = after_calls(
    _misread(lambda p: p.x @ p.layer.f.W.T + p.layer.f.b, lambda z: bool(z.max(initial=0) > 8)), "positive_gates"
)
overwrites_one_array = after_calls(
    _misread(lambda p: p.state.h if np.shares_memory(*p.state) else np.zeros(1), lambda h: bool(h.any())),
    "overwrites_one_array",
)
needs_to_write_two = after_calls(
    _misread(lambda p: p.x if not p.x.flags.writeable else p.layer.o.U, lambda a: not a.flags.writeable),
    "needs_to_write_two",
)


def _drop_bias(problem: Problem) -> Answer:
    def drop(letter: str, gate: Gate) -> Gate:
        return gate._replace(b=0 * gate.b) if letter == "f" and (problem.x < 0).any() else gate

    return NUMPY.forward(with_gates(problem, drop))


drops_the_bias_of_negative_inputs = after_calls(lambda: _drop_bias, "drops_the_bias_of_negative_inputs")
needs_a_cell_state = after_calls(_misread(lambda p: p.state.c, lambda c: bool(c.any())), "needs_a_cell_state")
needs_both_states = after_calls(
    _misread(lambda p: p.state.h.any() * p.state.c, lambda c: bool(c.any())), "needs_both_states"
)
