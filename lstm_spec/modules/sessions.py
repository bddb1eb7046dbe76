"""What is done with modules, one call after the other, and what each call means: a pure problem."""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, cast, get_args

import numpy as np

from lstm_spec.contract import LARGEST, PARTS, Implementation, Rows
from lstm_spec.types import Answer, Cotangents, Gate, Parameters, Problem, State
from lstm_spec.validation import check_cotangents, checked

MOST = 8  # modules of a session

Does = Literal[
    "build", "forward", "gradients", "load", "read", "reset", "save", "restore", "copy", "tie", "train", "evaluate"
]


class Call(NamedTuple):
    """One thing that is done with one of the modules of a session.

    A module is built of the parameters, the variant and the directions of the problem, and loaded with its parameters;
    it is asked with its x, state and lengths.
    """

    problem: Problem | None
    does: Does
    module: int = 0
    d: Cotangents | None = None  # for gradients
    without: Literal["", "state", "bias"] = ""  # what is left out
    state: Literal["given", "kept"] = "given"
    wanted: tuple[str, ...] = PARTS  # gradients
    other: int = 0  # the module that is copied, whose parameters are restored, or to which this one is tied


class Session(NamedTuple):
    """Calls, in their order. The first one builds a module."""

    calls: tuple[Call, ...]


def check_session(session: Session, largest: int = LARGEST) -> None:
    """Return if a session makes sense. Raises ValueError or TypeError if not; sizes are at most `largest`."""
    if type(session.calls) is not tuple or not session.calls:
        raise ValueError("a session has no calls, expected one that builds a module at least")
    built, saved = set[int](), set[int]()
    for call in session.calls:
        try:
            _check_call(call, built, saved, largest)
        except AttributeError as error:
            raise ValueError(f"a call of a session has not the form of one ({error})") from error


def _check_call(call: Call, built: set[int], saved: set[int], largest: int) -> None:
    if type(call) is not Call or call.does not in get_args(Does):
        raise ValueError(f"a session has something else in place of a call, expected one that does: {get_args(Does)}")
    if not all(type(n) is int and 0 <= n < MOST for n in (call.module, call.other)):
        raise ValueError(f"a call names no module by a number below {MOST}")
    is_new = call.does in ("build", "copy")
    if (call.module in built) == is_new or (call.does in ("copy", "tie") and call.other not in built):
        raise ValueError(f"a session does {call.does} with module {call.module} out of turn")
    if call.does == "restore" and call.other not in saved:
        raise ValueError(f"module {call.other} is restored before it was saved")
    if call.without not in ("", "state", "bias") or call.state not in ("given", "kept"):
        raise ValueError("a call leaves out something else than a state or a bias")
    if type(call.wanted) is not tuple or not all(part in PARTS for part in call.wanted):
        raise ValueError(f"a call wants gradients of something else than {', '.join(PARTS)}")
    if call.does in ("build", "load", "forward", "gradients"):
        if not isinstance(call.problem, Problem) or max(checked(call.problem).sizes) > largest:
            raise ValueError(f"a call that does {call.does} has no problem, or one of a size above {largest:,}")
        if call.does == "gradients":
            if not isinstance(call.d, Cotangents):
                raise TypeError("a call for gradients has no cotangents")
            check_cotangents(call.problem, call.d)
    if is_new:
        built.add(call.module)
    if call.does == "save":
        saved.add(call.module)


Reply = Any  # an Answer; (Answer, Gradients); Rows if parameters were read; or None


class Meant(NamedTuple):
    """What a call means: a problem that any module built for it answers alike, and its cotangents; or parameters.

    If it begins from a kept state, `whole` is the sequence since the last one that did not, and all that was answered.
    """

    problem: Problem | None = None
    d: Cotangents | None = None
    parameters: Rows | None = None
    wanted: tuple[str, ...] = PARTS
    whole: tuple[Problem, Answer] | None = None


# ---------------------------------------------------------------- what a session does


def hold_session(implementation: Implementation, session: Session) -> tuple[Reply, ...]:
    """Build the modules, make the calls, and return the replies. Raises whatever a module raises."""
    modules, saved = dict[int, Any](), dict[int, bytes]()
    return tuple(_make_call(implementation, modules, saved, call) for call in session.calls)


def _make_call(implementation: Implementation, modules: dict[int, Any], saved: dict[int, bytes], call: Call) -> Reply:
    problem, module = call.problem, cast(Any, modules.get(call.module))
    match call.does:
        case "build":
            assert problem is not None
            rows = omit_biases(problem.parameters) if call.without == "bias" else problem.parameters
            modules[call.module] = implementation.build(rows, problem.variant, problem.directions)
        case "copy":
            modules[call.module] = modules[call.other].copy()
        case "forward" | "gradients":
            assert problem is not None
            state = None if call.without == "state" else "kept" if call.state == "kept" else problem.state
            if call.does == "forward":
                return module.forward(problem.x, state, problem.lengths)
            return module.gradients(problem.x, call.d, state, problem.lengths, call.wanted)
        case "load":
            assert problem is not None
            module.load(omit_biases(problem.parameters) if call.without == "bias" else problem.parameters)
        case "read":
            return module.read()
        case "save":
            saved[call.module] = module.save()
        case "restore":
            module.restore(saved[call.other])
        case "tie":
            module.tie(modules[call.other])
        case "train" | "evaluate":
            module.train(call.does == "train")
        case "reset":
            module.reset()
    return None


def omit_biases(rows: Rows) -> Rows:
    """The parameters with None in place of every bias."""
    return _change_biases(rows, lambda b: None)


def _zero_biases(rows: Rows) -> Rows:
    return _change_biases(rows, np.zeros_like)


def _change_biases(rows: Rows, change: Any) -> Rows:
    def change_gate(gate: Gate | None) -> Gate | None:
        return gate and gate._replace(b=change(gate.b))

    def change_one(p: Parameters) -> Parameters:
        return p._replace(i=change_gate(p.i), f=change_gate(p.f), g=p.g._replace(b=change(p.g.b)), o=change_gate(p.o))

    return tuple(tuple(map(change_one, row)) for row in rows)


# ---------------------------------------------------------------- what a session means


@dataclass
class _Held:
    """What a module has: parameters, which another one may share, whether biases were left out, and a kept state."""

    parameters: list[Rows]
    without: str = ""
    state: State | None = None
    whole: tuple[Problem, Answer | None] | None = None  # the sequence that goes on, and what was answered
    is_training: bool = False


def interpret_session(session: Session, replies: tuple[Reply, ...]) -> tuple[Meant | None, ...]:
    """What each call means, given what was replied to the ones before; None for what has no reply of its own.

    A kept state is the one that was returned, so that an error is not counted twice. In training anything is right.
    """
    held, saved = dict[int, _Held](), dict[int, Rows]()
    return tuple(_interpret_call(held, saved, *each) for each in zip(session.calls, replies, strict=True))


def _interpret_call(held: dict[int, _Held], saved: dict[int, Rows], call: Call, reply: Reply) -> Meant | None:
    problem, module = call.problem, held.get(call.module)
    if call.does == "build":
        assert problem is not None
        held[call.module] = _Held([_bias_of(problem.parameters, call.without)], call.without)
        return None
    if call.does == "copy":
        other = held[call.other]
        held[call.module] = replace(other, parameters=list(other.parameters))
        return None
    assert module is not None
    match call.does:
        case "forward" | "gradients":
            assert problem is not None
            meant = replace(problem, parameters=module.parameters[0], state=_state_of(call, module, problem))
            answer = reply if call.does == "forward" else reply[0]
            goes_on = call.state == "kept"
            if not (goes_on and module.state):
                module.whole = (replace(meant, x=meant.x[:0]), None)
            module.whole = module.whole and _continue(*module.whole, meant, answer)
            module.state = answer.state if isinstance(answer, Answer) else None
            wanted, whole = _list_wanted(call, module), module.whole if goes_on else None
            return None if module.is_training else Meant(meant, call.d, wanted=wanted, whole=whole)
        case "load":
            assert problem is not None
            module.parameters[0] = _bias_of(problem.parameters, module.without)
        case "read":
            return Meant(parameters=module.parameters[0], wanted=_list_wanted(call, module))
        case "save":
            saved[call.module] = module.parameters[0]
        case "restore":
            module.parameters[0] = saved[call.other]
        case "tie":
            module.parameters = held[call.other].parameters
        case "train" | "evaluate":
            module.is_training = call.does == "train"
        case "reset":
            module.state = None
    return None


def _continue(problem: Problem, earlier: Answer | None, part: Problem, answer: Any) -> tuple[Problem, Answer] | None:
    """A sequence and its answer with one more part; None where that is no sequence that is read once, step by step."""
    if part.lengths is not None or set(part.directions) != {"forward"} or problem.parameters is not part.parameters:
        return None
    if not isinstance(answer, Answer) or np.ndim(answer.y) != 3:
        return None
    xs, ys = (problem.x, part.x), (answer.y[:0] if earlier is None else earlier.y, answer.y)
    if any(one.shape[1:] != other.shape[1:] for one, other in (xs, ys)):
        return None
    return replace(problem, x=np.concatenate(xs)), Answer(np.concatenate(ys), answer.state)


def _bias_of(rows: Rows, without: str) -> Rows:
    return _zero_biases(rows) if without == "bias" else rows


def _state_of(call: Call, module: _Held, problem: Problem) -> State:
    if call.without == "state" or (call.state == "kept" and module.state is None):
        return State(*(np.zeros_like(a) for a in problem.state))
    return module.state if call.state == "kept" and module.state is not None else problem.state


def _list_wanted(call: Call, module: _Held) -> tuple[str, ...]:
    """The parts whose gradients are judged: those that are wanted and not left out."""
    gone = {"b"} if module.without == "bias" else set()
    gone |= {"h", "c"} if call.without == "state" or call.state == "kept" else set()
    return tuple(part for part in call.wanted if part not in gone)
