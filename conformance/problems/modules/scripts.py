"""What is done with modules in a session, call by call, on four questions: two of one size, two of others."""

from dataclasses import replace
from typing import Any

from conformance.problems.modules.sessions import Asks, Script
from conformance.problems.question import Question
from lstm_spec import Feature
from lstm_spec.modules.sessions import Call


def build(question: Question, module: int = 0, **how: Any) -> Call:
    """A module of the parameters of the question."""
    return Call(question.problem, "build", module, **how)


def load(question: Question, module: int = 0, **how: Any) -> Call:
    """Its parameters, written over those of the module."""
    return Call(question.problem, "load", module, **how)


def without_lengths(question: Question) -> Question:
    """The same with full lengths."""
    return question._replace(problem=replace(question.problem, lengths=None))


def ask_often(q: list[Question], asks: Asks) -> list[Call]:
    """One module, asked with other sizes, lengths and numbers each time, and then the first question again."""
    return [build(q[0]), *(call for k in (0, 1, 2, 3, 0) for call in asks.ask(q[k]))]


def interleave(q: list[Question], asks: Asks) -> list[Call]:
    """Two modules, asked in turn."""
    turns = ((0, 0), (1, 1), (2, 0), (2, 1), (3, 1), (3, 0), (0, 1))
    return [build(q[0]), build(q[1], 1), *(call for k, module in turns for call in asks.ask(q[k], module))]


def leave_state_out(q: list[Question], asks: Asks) -> list[Call]:
    """With a state and without one, in turn."""
    said = [call for k in (0, 1, 2) for call in (*asks.ask(q[k], without="state"), *asks.ask(q[k]))]
    return [build(q[0]), *said, *asks.ask(q[3], without="state")]


def leave_lengths_out(q: list[Question], asks: Asks) -> list[Call]:
    """With lengths and without them, in turn."""
    return [build(q[0]), *(c for k in (0, 1, 3) for c in (*asks.ask(q[k]), *asks.ask(without_lengths(q[k]))))]


def leave_bias_out(q: list[Question], asks: Asks) -> list[Call]:
    """A module without biases, before and after its weights were changed, beside one that has some."""
    first = [build(q[0], without="bias"), *asks.ask(q[0]), *asks.ask(q[2])]
    return [*first, build(q[1], 1), *asks.ask(q[1], 1), load(q[3], without="bias"), *asks.ask(q[1])]


def keep_state(q: list[Question], asks: Asks) -> list[Call]:
    """Sequences in parts and step by step, each from the state that the one before left, and others after a reset."""
    calls = [build(q[0])]
    for question, cuts in ((q[0], (1,)), (q[2], (2, 1, 3)), (q[3], (5,))):
        parts = [Call(part, "forward", state="kept") for part in asks.cut(question.problem, cuts)[:6]]
        calls += [*parts, Call(None, "reset")]
    given, *kept = [Call(part, "forward") for part in asks.cut(q[1].problem, (2, 1))[:4]]
    return [*calls, given, *(call._replace(state="kept") for call in kept)]


def change_parameters(q: list[Question], asks: Asks) -> list[Call]:
    """As an optimiser does: asked, changed in place, asked again."""
    changes = [call for k in (1, 2, 3) for call in (load(q[k]), *asks.ask(q[0]), *asks.ask(q[k]))]
    return [build(q[0]), *asks.ask(q[0]), *changes]


def save_and_restore(q: list[Question], asks: Asks) -> list[Call]:
    """What one module saved is restored in another that was asked before, and then in itself."""
    other = [build(q[1], 1), *asks.ask(q[1], 1), Call(None, "save"), Call(None, "restore", 1, other=0)]
    after = [Call(None, "read", 1), *asks.ask(q[0], 1), load(q[2]), *asks.ask(q[3], 1), *asks.ask(q[3])]
    return [build(q[0]), *asks.ask(q[2]), *other, *after, Call(None, "restore"), Call(None, "read"), *asks.ask(q[1])]


def copy_and_change(q: list[Question], asks: Asks) -> list[Call]:
    """The copy and the original are changed in turn; if a state may be kept, each has its own."""
    calls = [build(q[0]), *asks.ask(q[0]), Call(None, "copy", 1, other=0), Call(None, "read", 1)]
    calls += [load(q[1]), *asks.ask(q[2]), *asks.ask(q[2], 1), load(q[2], 1), *asks.ask(q[3]), *asks.ask(q[3], 1)]
    if not asks.keeps_state:
        return calls
    one, two = (replace(q[k].problem, lengths=None) for k in (0, 1))
    calls += [Call(one, "forward"), Call(None, "copy", 2, other=0), Call(two, "forward", 2, state="kept")]
    return [*calls, Call(two, "forward", state="kept"), Call(one, "forward", 2, state="kept")]


def tie_and_change(q: list[Question], asks: Asks) -> list[Call]:
    """Two modules with one set of parameters, changed through either."""
    calls = [build(q[0]), build(q[1], 1), *asks.ask(q[1], 1), Call(None, "tie", 1, other=0), Call(None, "read", 1)]
    if Feature.SAVED in asks.claimed:
        calls += [build(q[3], 2), Call(None, "save", 2), Call(None, "restore", 0, other=2), *asks.ask(q[2], 1)]
    calls += [*asks.ask(q[0], 1), load(q[2]), *asks.ask(q[1], 1), load(q[3], 1), *asks.ask(q[0])]
    return [*calls, Call(None, "read"), *asks.ask(q[2], 1)]


SOME = (("x",), ("W", "U", "b", "p", "R"), ("h", "c"), ("U",), ("x", "b", "h"), ("W",), ("b",), ("p", "R", "c"))


def want_parts(q: list[Question], asks: Asks) -> list[Call]:
    """Gradients of some parts, then of all of them."""
    calls = [Call(q[k % 4].problem, "gradients", d=q[k % 4].d, wanted=parts) for k, parts in enumerate(SOME)]
    return [build(q[0]), *calls[:4], *asks.ask(q[0]), *calls[4:], *asks.ask(q[1])]


def train_and_evaluate(q: list[Question], asks: Asks) -> list[Call]:
    """Evaluation before and after training."""
    training = [Call(None, "train"), *asks.ask(q[0]), *asks.ask(q[2]), Call(None, "evaluate")]
    return [build(q[0]), *asks.ask(q[1]), *training, *asks.ask(q[0]), *asks.ask(q[3]), *training, *asks.ask(q[1])]


def read_between_calls(q: list[Question], asks: Asks) -> list[Call]:
    """The parameters are read before and after calls."""
    look = Call(None, "read")
    return [build(q[0]), look, *asks.ask(q[0]), look, *asks.ask(q[2]), *asks.ask(q[1]), look, load(q[1]), look]


ANEW: tuple[Script, ...] = (
    leave_bias_out,
    want_parts,
    train_and_evaluate,
)  # of who compiles: each way of calling for itself

SCRIPTS: tuple[tuple[Script, tuple[Feature, ...]], ...] = (  # and what a backend has to claim besides modules
    (ask_often, ()),
    (interleave, ()),
    (change_parameters, ()),
    (read_between_calls, ()),
    (leave_state_out, (Feature.OMITS_STATE,)),
    (leave_lengths_out, (Feature.LENGTHS,)),
    (leave_bias_out, (Feature.OMITS_BIAS,)),
    (keep_state, (Feature.STATEFUL,)),
    (save_and_restore, (Feature.SAVED,)),
    (copy_and_change, (Feature.COPIED,)),
    (tie_and_change, (Feature.TIED,)),
    (want_parts, (Feature.GRADIENTS, Feature.PARTIAL_GRADIENTS)),
    (train_and_evaluate, (Feature.TRAINING,)),
)
