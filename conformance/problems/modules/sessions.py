"""Sessions: what is done with modules, one call after the other, on questions of one form and width."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from conformance.arrays import frozen
from conformance.problems.build import build_loss, build_problem
from conformance.problems.contract_rows import TAME
from conformance.problems.covering import LOSS
from conformance.problems.form import BOTH, FORWARD, MANY_ARRAYS, Form, form_of
from conformance.problems.question import Context, Pool, Question, Recipe
from conformance.problems.recipes import SEEDS, networks
from conformance.problems.sizes import SHARED, draw_size, find_projectable_units, list_fitting
from lstm_spec import Feature, Problem
from lstm_spec.modules.sessions import Call, Session

Script = Callable[[list[Question], "Asks"], list[Call]]
OTHERS = {"T": range(1, 40), "B": range(1, 20)}
BASE = networks(**MANY_ARRAYS, T=(1, 2, 3, 5), B=(1, 2, 3, 5), I=(1, 2, 3, 5), H=(1, 2, 3, 5, 8, 17, 33))


class Asks:
    """Makes the calls of a session for a backend that claims these features, of lengths T that its shapes allow."""

    def __init__(self, context: Context) -> None:
        self.claimed, self.lengths = context.description.features, context.description.shapes.T
        self.keeps_state = Feature.STATEFUL in self.claimed
        self.are_few = context.description.compiles and context.reach == "quick"  # ways of calling: each is compiled
        self.asked = 0

    def ask(self, question: Question, module: int = 0, **how: Any) -> list[Call]:
        """Both passes, if gradients are claimed; each of them comes first in turn."""
        self.asked += 1
        forward = Call(question.problem, "forward", module, **how)
        if Feature.GRADIENTS not in self.claimed:
            return [forward]
        both = [forward, Call(question.problem, "gradients", module, question.d, **how)]
        return both if self.asked % 2 else both[::-1]

    def cut(self, problem: Problem, cuts: tuple[int, ...]) -> list[Problem]:
        """The problem without lengths in parts of at most so many steps each, the last of which is repeated."""
        parts, start, T = list[Problem](), 0, len(problem.x)
        cuts = (1,) if self.are_few else cuts
        while start < T:
            wanted = cuts[min(len(parts), len(cuts) - 1)]
            size = next((n for n in (wanted, 1, T - start) if n in self.lengths and n <= T - start), T - start)
            parts.append(replace(problem, x=frozen(problem.x[start : start + size].copy()), lengths=None))
            start += size
        return parts if all(len(part.x) in self.lengths for part in parts) else [replace(problem, lengths=None)]


def sessions(script: Script, pool: Pool = SHARED) -> Recipe:
    """Sessions of a script, which is given four questions: two of the same sizes, two of other T and B.

    Who compiles is asked the sizes of the pool only.
    """

    def recipe(context: Context) -> st.SearchStrategy[Session]:
        asks, units = Asks(context), find_projectable_units(context)

        def build(base: Problem, others: tuple[int, ...], seed: int) -> Session:
            T, B, *width = base.sizes
            form, sizes = form_of(base), [(T, B), others[:2], others[2:]]
            if asks.are_few and form.directions != FORWARD:
                form = _choose_richest(form, context) if len(pool) > 1 else replace(form, directions=FORWARD)
                sizes = [list_fitting(pool[:1], context)[0][:2]] * 3
            return build_session(script, asks, form, base.dtype, (*width, base.P), sizes, seed, units)

        others = st.tuples(*(draw_size(context, letter, OTHERS[letter], 1) for letter in "TBTB"))
        if context.description.compiles:
            pairs = st.sampled_from([(T, B) for T, B, *_ in list_fitting(pool, context)])
            others = st.tuples(pairs, pairs).map(lambda two: two[0] + two[1])
        return st.builds(build, BASE(replace(context, pool=pool)), others, SEEDS)

    return recipe


def _choose_richest(form: Form, context: Context) -> Form:
    """One form in place of all those with another direction: each is compiled for itself."""
    claims = context.description.features
    both = BOTH if Feature.BIDIRECTIONAL in claims else form.directions
    return replace(form, directions=both, lengths=form.lengths or ("any" if Feature.LENGTHS in claims else ""))


def build_session(
    script: Script,
    asks: Asks,
    form: Form,
    dtype: np.dtype[Any],
    width: tuple[int, ...],
    sizes: Sequence[tuple[int, ...]],
    seed: int,
    units: int = 2,
) -> Session:
    """The session of a script with questions of this form, of the width I, H, or P, too; `sizes` are three T and B."""
    questions, asks.asked = [], 0
    for k, (T, B) in enumerate((sizes[0], *sizes)):
        problem = build_problem(dtype, form, (T, B, *width), TAME, seed + k, units)
        questions.append(Question(problem, build_loss(problem, LOSS, seed + k)))
    return Session(tuple(script(questions, asks)))


def describe_call(session: Session, k: int) -> str:
    """Which call of the session it is, in words."""
    call = session.calls[k]
    sizes = "" if call.problem is None else " with T, B = {}, {}".format(*np.shape(call.problem.x)[:2])
    how = "".join(
        [f" without {call.without}" if call.without else "", " from the kept state" if call.state == "kept" else ""]
    )
    before = ", ".join(f"{c.does}{f' of {c.module}' if c.module else ''}" for c in session.calls[max(0, k - 6) : k])
    module = f" of module {call.module}" if any(c.module for c in session.calls) else ""
    return f"{call.does}{module}{sizes}{how}, call {k + 1}, after {'… ' if k > 6 else ''}{before}"
