"""Problems that are well formed, and problems that are not, with the sentence that refuses them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from lstm_spec import (
    Activations,
    Array,
    Gate,
    Parameters,
    Problem,
    State,
    Variant,
)


def well_formed(dtype: str = "float32") -> Problem:
    """T, B, I, H = 2, 3, 4, 5."""
    gate = Gate(np.ones((5, 4), dtype), np.ones((5, 5), dtype), np.ones(5, dtype))
    state = State(np.ones((1, 3, 5), dtype), np.ones((1, 3, 5), dtype))
    return Problem(((Parameters(gate, gate, gate, gate),),), np.ones((2, 3, 4), dtype), state)


def with_gate(letter: str, **parts: Any) -> Callable[[Problem], Problem]:
    def change(problem: Problem) -> Problem:
        gate = getattr(problem.layer, letter)._replace(**parts)
        return replace(problem, parameters=((problem.layer._replace(**{letter: gate}),),))

    return change


def with_layer(**parts: Any) -> Callable[[Problem], Problem]:
    return lambda problem: replace(problem, parameters=((problem.layer._replace(**parts),),))


def with_state(**parts: Any) -> Callable[[Problem], Problem]:
    return lambda problem: replace(problem, state=problem.state._replace(**parts))


def zeros(*shape: int, dtype: str = "float32") -> Array:
    return np.zeros(shape, dtype)


def stacked(problem: Problem, width: int = 5, **parts: Any) -> Problem:
    """Two layers; the second reads that width, and has other parts."""
    gate = Gate(zeros(5, width), zeros(5, 5), zeros(5))
    above = Parameters(gate, gate, gate, gate)._replace(**parts)
    return replace(problem, parameters=(*problem.parameters, (above,)), state=State(zeros(2, 3, 5), zeros(2, 3, 5)))


def both_ways(problem: Problem, directions: Any = ("forward", "reverse")) -> Problem:
    state = State(zeros(2, 3, 5), zeros(2, 3, 5))
    return replace(problem, parameters=((problem.layer, problem.layer),), state=state, directions=directions)


def of_kind(kind: Any, clip: Any = None, **parts: Any) -> Callable[[Problem], Problem]:
    return lambda problem: replace(with_layer(**parts)(problem), variant=Variant(kind, clip))


def of_variant(variant: Variant) -> Callable[[Problem], Problem]:
    return lambda problem: replace(problem, variant=variant)


def with_peepholes(shape: int = 5, **parts: Any) -> Callable[[Problem], Problem]:
    """Of that many numbers; and with other parts, gate by gate."""
    seeing = well_formed().layer.i._replace(p=zeros(shape))
    return of_kind("peephole", **{"i": seeing, "f": seeing, "o": seeing, **parts})


def projected(problem: Problem, P: int = 2) -> Problem:
    gate = problem.layer.i._replace(U=zeros(5, P))
    parameters = Parameters(gate, gate, gate, gate, zeros(P, 5))
    return replace(problem, parameters=((parameters,),), state=State(zeros(1, 3, P), zeros(1, 3, 5)))


def with_lengths(lengths: Any) -> Callable[[Problem], Problem]:
    return lambda problem: replace(problem, lengths=lengths)


BLIND, SEEING = well_formed().layer.i, well_formed().layer.i._replace(p=zeros(5))
WELL_FORMED: dict[str, Callable[[Problem], Problem]] = {
    "plain": lambda p: p,
    "lengths in any order": with_lengths(np.array([2, 0, 1], np.uint8)),
    "reverse": lambda p: replace(p, directions=("reverse",)),
    "both ways": both_ways,
    "two layers": stacked,
    "projected": projected,
    "projected to its own width": lambda p: projected(p, 5),
    "peepholes": with_peepholes(),
    "coupled": of_kind("coupled", f=None),
    "no forget gate": of_kind("no forget gate", f=None),
    "1997 simplified": of_kind("1997 simplified", f=None),
    "clipped": of_kind("standard", 3),
}

MALFORMED: dict[str, tuple[Callable[[Problem], Problem], type[Exception], str]] = {
    "no layer": (
        lambda p: replace(p, parameters=()),
        ValueError,
        "parameters is empty, expected those of at least one layer; give them as [layer][direction]",
    ),
    "unknown directions": (
        lambda p: both_ways(p, ("reverse", "forward")),
        ValueError,
        "directions is ('reverse', 'forward'), expected ('forward',) or ('reverse',) or ('forward', 'reverse'); choose",
    ),
    "a direction, not in a tuple": (
        lambda p: replace(p, directions="forward"),
        ValueError,
        "directions is 'forward', expected ('forward',) or ",
    ),
    "one direction of two": (
        lambda p: replace(p, directions=("forward", "reverse")),
        ValueError,
        "layer 0 has parameters for 1 directions, expected 2 like directions; each direction has its own",
    ),
    "two directions of one": (
        lambda p: both_ways(p, ("forward",)),
        ValueError,
        "layer 0 has parameters for 2 directions, expected 1 like directions; each direction has its own",
    ),
    "a second layer that reads x": (
        lambda p: stacked(p, width=4),
        ValueError,
        "layer 1 forward: i.W has shape (5, 4), expected (5, 5) for H = 5, D·P = 5; "
        "a layer reads all that the one below returned",
    ),
    "a second direction of another width": (
        lambda p: replace(
            both_ways(p), parameters=((p.layer, p.layer._replace(o=Gate(*[zeros(5, 5)] * 2, zeros(5)))),)
        ),
        ValueError,
        "layer 0 reverse: o.W has shape (5, 5), expected (5, 4) for H = 5, I = 4; transpose it",
    ),
    "the state of one layer of two": (
        lambda p: replace(stacked(p), state=p.state),
        ValueError,
        "state.h has shape (1, 3, 5), expected (2, 3, 5) for B = 3, H = 5; the first axis is layers times directions",
    ),
    "the state of one direction of two": (
        lambda p: replace(both_ways(p), state=p.state),
        ValueError,
        "state.h has shape (1, 3, 5), expected (2, 3, 5) for B = 3, H = 5; the first axis is layers times directions",
    ),
    "a length above T": (
        with_lengths(np.array([1, 3, 2])),
        ValueError,
        "lengths has 3, expected 0 to T = 2; pad x, or correct the length",
    ),
    "a negative length": (
        with_lengths(np.array([1, 2, -1])),
        ValueError,
        "lengths has -1, expected 0 to T = 2; pad x, or correct the length",
    ),
    "fractional lengths": (
        with_lengths(np.array([1.0, 2.0, 1.5])),
        TypeError,
        "lengths is float64, expected integers; a length counts steps, so convert them",
    ),
    "a mask for lengths": (with_lengths(np.ones(3, bool)), TypeError, "lengths is bool, expected integers; a length"),
    "too few lengths": (
        with_lengths(np.array([1, 2])),
        ValueError,
        "lengths has shape (2,), expected (3,); give one for each sequence of the batch",
    ),
    "one length for all": (with_lengths(np.array(2)), ValueError, "lengths has shape (), expected (3,); give one for"),
    "lengths, a list": (
        with_lengths([1, 2, 2]),
        TypeError,
        "lengths is a list, expected a NumPy array; convert it first",
    ),
    "an unknown kind": (
        of_kind("GRU"),
        ValueError,
        "variant.kind is 'GRU', expected one of: standard, peephole, coupled, no forget gate, 1997 simplified,"
        " configured, configured peephole; choose one",
    ),
    "a bound of zero": (
        of_kind("standard", 0.0),
        ValueError,
        "variant.clip is 0.0, expected a positive, finite number; None leaves the cell state unbounded",
    ),
    "a negative bound": (
        of_kind("standard", -3),
        ValueError,
        "variant.clip is -3, expected a positive, finite number;",
    ),
    "a bound at infinity": (
        of_kind("standard", np.inf),
        ValueError,
        "variant.clip is inf, expected a positive, finite",
    ),
    "a bound that the dtype cannot hold": (
        of_kind("standard", 1e300),
        ValueError,
        "variant.clip is 1e+300, which is inf in float32; expected a number it can hold",
    ),
    "a bound that the dtype takes for 0": (
        of_kind("standard", 1e-60),
        ValueError,
        "variant.clip is 1e-60, which is 0.0 in float32; expected a number it can hold",
    ),
    "activations of another kind": (
        of_variant(Variant("peephole", activations=Activations())),
        ValueError,
        "variant.activations is Activations(gate='hard sigmoid', candidate='tanh', output='tanh', alpha=0.2, beta=0.5),"
        " expected None; only the kinds 'configured' and 'configured peephole' have them",
    ),
    "no activations": (
        of_kind("configured"),
        TypeError,
        "variant.activations is None, expected Activations; e.g. Activations('hard sigmoid', alpha=0.2, beta=0.5)",
    ),
    "an unknown function of the gates": (
        of_variant(Variant("configured", activations=Activations("hard_sigmoid"))),
        ValueError,
        "activations.gate is 'hard_sigmoid', expected one of: hard sigmoid, sigmoid; choose one",
    ),
    "an unknown function of the candidate": (
        of_variant(Variant("configured", activations=Activations(candidate="gelu"))),
        ValueError,
        "activations.candidate is 'gelu', expected one of: tanh, relu, identity; choose one",
    ),
    "an unknown function of the cell state": (
        of_variant(Variant("configured", activations=Activations(output=None))),
        ValueError,
        "activations.output is None, expected one of: tanh, relu, identity; choose one",
    ),
    "a slope of zero": (
        of_variant(Variant("configured", activations=Activations(alpha=0.0))),
        ValueError,
        "activations.alpha is 0.0, expected a positive, finite number; e.g. alpha=0.2, beta=0.5",
    ),
    "an offset in words": (
        of_variant(Variant("configured", activations=Activations(beta="1/2"))),
        TypeError,
        "activations.beta is '1/2', expected a number; e.g. alpha=0.2, beta=0.5",
    ),
    "an offset that is no number": (
        of_variant(Variant("configured", activations=Activations(beta=np.nan))),
        ValueError,
        "activations.beta is nan, expected a finite number; e.g. alpha=0.2, beta=0.5",
    ),
    "a bound of a projection that is none": (
        of_variant(Variant(projection_clip=1.5)),
        ValueError,
        "variant.projection_clip is 1.5, expected None; there is no projection R",
    ),
    "a bound of the projection below zero": (
        of_variant(Variant(projection_clip=-1.5)),
        ValueError,
        "variant.projection_clip is -1.5, expected a positive, finite number; None leaves the hidden state unbounded",
    ),
    "a bound in words": (of_kind("standard", "3"), TypeError, "variant.clip is '3', expected a number; None leaves"),
    "a kind that is none": (of_kind(["coupled"]), ValueError, "variant.kind is ['coupled'], expected one of: standard"),
    "a bound that is no number": (of_kind("standard", np.nan), ValueError, "variant.clip is nan, expected a positive,"),
    "a forget gate beside a coupled one": (
        of_kind("coupled"),
        ValueError,
        "f is given, expected None; the kind 'coupled' has no forget gate of its own",
    ),
    "no forget gate, but the standard kind": (
        with_layer(f=None),
        ValueError,
        "gate f is a NoneType, expected a Gate; the kind 'standard' has it, so make one of W, U and b",
    ),
    "a gate, a tuple": (
        with_layer(i=tuple(BLIND)),
        ValueError,
        "gate i is a tuple, expected a Gate; the kind 'standard' has it, so make one of W, U and b",
    ),
    "a peephole of the standard kind": (
        with_gate("i", p=zeros(5)),
        ValueError,
        "i.p is given, expected None; the gates i, f and o of the kinds"
        " 'peephole' and 'configured peephole' see c, and no others",
    ),
    "a peephole of the candidate": (
        with_peepholes(g=SEEING),
        ValueError,
        "g.p is given, expected None; the gates i, f and o of the kinds"
        " 'peephole' and 'configured peephole' see c, and no others",
    ),
    "a missing peephole": (
        with_peepholes(o=BLIND),
        ValueError,
        "o.p is missing, expected (H,) numbers; the gates i, f and o of the kinds"
        " 'peephole' and 'configured peephole' see c, and no others",
    ),
    "peepholes of another size": (
        with_peepholes(4),
        ValueError,
        "i.p has shape (4,), expected (5,) for H = 5; a peephole is one number for each cell",
    ),
    "P above H": (
        lambda p: projected(p, 6),
        ValueError,
        "P = 6, expected 1 to H = 5; R is (P, H), so transpose it if it is the other way",
    ),
    "P of zero": (lambda p: projected(p, 0), ValueError, "P = 0, expected 1 to H = 5; R is (P, H), so transpose it"),
    "R transposed": (
        lambda p: with_layer(R=zeros(5, 2))(projected(p)),
        ValueError,
        "i.U has shape (5, 2), expected (5, 5) for H = 5, P = 5 (the rows of R); did you pass",
    ),
    "R for another number of cells": (
        lambda p: with_layer(R=zeros(2, 4))(projected(p)),
        ValueError,
        "R has shape (2, 4), expected (2, 5) for P = 2, H = 5; transpose it if it is stored the other way",
    ),
    "R of one axis": (with_layer(R=zeros(5)), ValueError, "R has shape (5,), expected (P, H); add the missing axis"),
    "R in the first layer only": (
        lambda p: stacked(projected(p, 5)),
        ValueError,
        "layer 1 forward: R is missing, expected one like the first layer's; all layers and directions",
    ),
    "R in the second layer only": (
        lambda p: stacked(p, R=zeros(5, 5)),
        ValueError,
        "layer 1 forward: R is given, expected None like the first layer's; all layers and directions",
    ),
    "a state that is not projected": (
        lambda p: replace(projected(p), state=p.state),
        ValueError,
        "state.h has shape (1, 3, 5), expected (1, 3, 2) for B = 3, H = 5, P = 2 (the rows of R); the first axis",
    ),
    "x of two axes": (
        lambda p: replace(p, x=zeros(2, 4)),
        ValueError,
        "x has shape (2, 4), expected (T, B, I); add the missing axes",
    ),
    "x, a list": (lambda p: replace(p, x=p.x.tolist()), TypeError, "x is a list, expected a NumPy array; convert it"),
    "no inputs": (lambda p: replace(p, x=zeros(2, 3, 0)), ValueError, "I = 0 and H = 5, expected at least 1 each"),
    "a bias of two axes": (
        with_gate("i", b=zeros(5, 1)),
        ValueError,
        "i.b has shape (5, 1), expected (H,); flatten it",
    ),
    "a bias, a list": (
        with_gate("i", b=[0.0] * 5),
        TypeError,
        "i.b is a list, expected a NumPy array; convert it first",
    ),
    "W transposed": (
        with_gate("f", W=zeros(4, 5)),
        ValueError,
        "f.W has shape (4, 5), expected (5, 4) for H = 5, I = 4; transpose it if it is stored inputs first",
    ),
    "W for U": (
        with_gate("g", U=zeros(5, 4)),
        ValueError,
        "g.U has shape (5, 4), expected (5, 5) for H = 5; did you pass the input weights W?",
    ),
    "two biases": (
        with_gate("o", b=zeros(10)),
        ValueError,
        "o.b has shape (10,), expected (5,) for H = 5; one bias per gate, so add the two where there are two",
    ),
    "a missing gate": (with_layer(g=None), ValueError, "gate g is a NoneType, expected a Gate"),
    "a state without its layer": (
        with_state(h=zeros(3, 5)),
        ValueError,
        "state.h has shape (3, 5), expected (1, 3, 5) for B = 3, H = 5; the first axis is layers times directions",
    ),
    "a state of one sample": (
        with_state(c=zeros(1, 1, 5)),
        ValueError,
        "state.c has shape (1, 1, 5), expected (1, 3, 5)",
    ),
    "no state": (with_state(c=None), TypeError, "state.c is a NoneType, expected a NumPy array; convert it first"),
    "two dtypes": (
        with_state(c=zeros(1, 3, 5, dtype="float64")),
        TypeError,
        "state.c is float64, expected float32 like x; convert it first",
    ),
    "integers": (lambda p: well_formed("int64"), TypeError, "int64"),
}
