"""Textbook LSTMs as backends, whole or with one mistake made in their text."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conformance.problems.form import BOTH, FORWARD, REVERSE, Form
from lstm_spec import (
    Answer,
    Backend,
    Cotangents,
    Description,
    Feature,
    Gate,
    Gradients,
    Packed,
    Parameters,
    Problem,
    State,
    pack,
    unpack,
)
from tools.alarm import raise_after
from tools.mutants.slips import Slip, make_slips

PATIENCE = 5.0  # seconds of the processor for one answer: a mistake in a loop may never end
Space = dict[str, Any]


class Textbook(NamedTuple):
    """A right LSTM whose text gets mistakes: how it is called, what it claims, and the forms it is asked about."""

    name: str
    forward: Callable[[Space, Problem], Answer]
    gradients: Callable[[Space, Problem, Cotangents], tuple[Answer, Gradients]]
    features: frozenset[Feature]
    forms: tuple[Form, ...]
    first: tuple[str, ...]  # the families of properties that are tried first

    @property
    def text(self) -> str:
        """The text of the module of that name."""
        return Path(__file__).with_name(f"{self.name}.py").read_text(encoding="utf-8")


class Mutant(NamedTuple):
    """A textbook with one mistake."""

    textbook: Textbook
    slip: Slip

    @property
    def name(self) -> str:
        """Where the mistake is and what it is."""
        return f"{self.textbook.name}:{self.slip.line}: {self.slip.edit}"

    def build(self) -> Backend:
        """The backend with the mistake."""
        return build_backend(self.textbook, self.slip.text)


def build_backend(textbook: Textbook, text: str = "") -> Backend:
    """The textbook as a backend; with another text, of that one."""
    space: Space = {}
    exec(compile(text or textbook.text, f"<{textbook.name}>", "exec"), space)
    return Backend(
        textbook.name,
        limit_time(partial(textbook.forward, space)),
        limit_time(partial(textbook.gradients, space)),
        Description(features=textbook.features | {Feature.GRADIENTS, Feature.DETERMINISTIC}),
    )


def limit_time(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which raises TimeoutError if it takes longer than PATIENCE."""

    def call(*asked: Any) -> Any:
        with raise_after(PATIENCE, TimeoutError(f"no answer within {PATIENCE:g} s")), np.errstate(all="ignore"):
            return function(*asked)

    return call


def list_mutants() -> list[Mutant]:
    """Every mutant of every textbook."""
    return [Mutant(textbook, slip) for textbook in TEXTBOOKS for slip in list_slips(textbook.name)]


@cache
def list_slips(name: str) -> tuple[Slip, ...]:
    """Every mistake in the textbook of that name."""
    return tuple(make_slips(find_textbook(name).text))


def find_textbook(name: str) -> Textbook:
    """The textbook of that name."""
    return next(textbook for textbook in (*TEXTBOOKS, MODULE) if textbook.name == name)


# ---------------------------------------------------------------- how each is called


def _one_state(s: State) -> tuple[Any, Any]:
    return s.h[0], s.c[0]


def _answer(y: Any, h: Any, c: Any) -> Answer:
    return Answer(y, State(h[None], c[None]))


def _by_gate(p: Parameters) -> tuple[list[Any], ...]:
    return tuple([gate[k] for gate in p.gates.values()] for k in range(3))


def answer_plain(space: Space, problem: Problem) -> Answer:
    """The answer of plain.py."""
    return _answer(*space["forward"](problem.x, *_one_state(problem.state), *_by_gate(problem.layer))[:3])


def differentiate_plain(space: Space, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    """The answer and the gradients of plain.py."""
    given = (problem.x, *_one_state(problem.state), *_by_gate(problem.layer), d.y, *_one_state(d.state))
    *answer, dx, dh, dc, dW, dU, db = space["backward"](*given)
    i, f, g, o = (Gate(*arrays) for arrays in zip(dW, dU, db, strict=True))
    return _answer(*answer), Gradients(((Parameters(i, f, g, o),),), dx, State(dh[None], dc[None]))


def answer_projected(space: Space, problem: Problem) -> Answer:
    """The answer of projected.py."""
    given = (problem.x, *_one_state(problem.state), *pack(problem.layer), problem.layer.R)
    return _answer(*space["forward"](*given)[:3])


def differentiate_projected(space: Space, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    """The answer and the gradients of projected.py."""
    p = problem.layer
    given = (problem.x, *_one_state(problem.state), *pack(p), p.R, d.y, *_one_state(d.state))
    *answer, dx, dh, dc, dW, dU, db, dR = space["backward"](*given)
    found = unpack(Packed(dW, dU, db))._replace(R=dR)
    return _answer(*answer), Gradients(((found,),), dx, State(dh[None], dc[None]))


def _stack(problem: Problem) -> tuple[Any, ...]:
    T, B, *_ = problem.sizes
    layers = [[pack(p) for p in row] for row in problem.parameters]
    reverses = [direction == "reverse" for direction in problem.directions]
    lengths = np.full(B, T) if problem.lengths is None else problem.lengths
    return problem.x, *problem.state, layers, reverses, lengths


def answer_stacked(space: Space, problem: Problem) -> Answer:
    """The answer of stacked.py."""
    y, h, c, _ = space["forward"](*_stack(problem))
    return Answer(y, State(h, c))


def differentiate_stacked(space: Space, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    """The answer and the gradients of stacked.py."""
    y, h, c, dx, dh, dc, found = space["backward"](*_stack(problem), d.y, *d.state)
    rows = tuple(tuple(unpack(Packed(*parts)) for parts in row) for row in found)
    return Answer(y, State(h, c)), Gradients(rows, dx, State(dh, dc))


def _run_module(space: Space, problem: Problem) -> tuple[list[Any], list[Any]]:
    """What module.py was given, W, U and b first, and what it returns, as tensors."""
    import torch

    packed = pack(problem.layer)
    module = space["Layer"](problem.sizes[2], problem.sizes[3]).to(torch.from_numpy(packed.b.copy()).dtype)
    module.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in packed._asdict().items() if a is not None})
    given = [torch.from_numpy(a.copy()).requires_grad_() for a in (problem.x, *_one_state(problem.state))]
    return [*module.parameters(), *given], list(module(*given))


def answer_module(space: Space, problem: Problem) -> Answer:
    """The answer of module.py."""
    return _answer(*(a.detach().numpy() for a in _run_module(space, problem)[1]))


def differentiate_module(space: Space, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
    """The answer of module.py and its gradients by autograd; what is not used has zeros."""
    import torch

    given, found = _run_module(space, problem)
    wanted = [torch.from_numpy(a.copy()) for a in (d.y, *_one_state(d.state))]
    gradients = torch.autograd.grad(found, given, wanted, materialize_grads=True)
    dW, dU, db, dx, dh, dc = (a.numpy() for a in gradients)
    answer = _answer(*(a.detach().numpy() for a in found))
    return answer, Gradients(((unpack(Packed(dW, dU, db)),),), dx, State(dh[None], dc[None]))


STACKED = frozenset({Feature.LAYERS, Feature.REVERSE, Feature.BIDIRECTIONAL, Feature.LENGTHS, Feature.EMPTY_SEQUENCE})
TEXTBOOKS = (
    Textbook("plain", answer_plain, differentiate_plain, frozenset(), (Form(),), ("gradients", "values", "contract")),
    Textbook(
        "stacked",
        answer_stacked,
        differentiate_stacked,
        STACKED,
        tuple(
            Form(layers, directions, lengths=lengths)
            for layers in (1, 2, 3)
            for directions in (FORWARD, REVERSE, BOTH)
            for lengths in ("", "any", "zeros")
        ),
        ("combinations", "directions", "gradients", "values"),
    ),
    Textbook(
        "projected",
        answer_projected,
        differentiate_projected,
        frozenset({Feature.PROJECTION, Feature.FULL_PROJECTION}),
        (Form(), Form(projection="narrow"), Form(projection="full")),
        ("combinations", "variants", "gradients", "values"),
    ),
)
MODULE = Textbook(  # needs torch, so that it is not among the others
    "module", answer_module, differentiate_module, frozenset(), (Form(),), ("values", "gradients", "contract")
)
