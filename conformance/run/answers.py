"""An answer that somebody has: is it that of the equations? Nothing is asked of whoever gave it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from safetensors.numpy import save as pack_tensors

from conformance.arrays import frozen
from conformance.assertions.shapes import assert_gradients_shaped
from conformance.files import write_whole
from conformance.nouns import name_all_arrays
from conformance.numbers import format_times, shorten
from conformance.outcome import Difference, Refuted
from conformance.problems.question import change_arrays
from conformance.report.rules import STRICTEST_FIRST
from conformance.run.forms import Given, read_answer, split_sequence
from conformance.run.given import Below, Compared, Part, Sizes, measure_part
from lstm_spec import GRADES, Cotangents, Gradients, Problem, checked, error_model
from lstm_spec.contract import DTYPES
from lstm_spec.types import Array
from lstm_spec.validation import check_cotangents


@dataclass(frozen=True)
class Judgement:
    """What the equations say of an answer."""

    grade: str  # the strictest grade at which everything holds; empty if none does
    at: str  # the grade at which the parts were compared
    dtype: str
    parts: tuple[Part, ...]
    unjudged: tuple[str, ...]  # what was not judged, and why: a sentence each
    problem: Problem
    steps: int | None = None  # how many of the first ones are judged of all layers; None: all

    @property
    def holds(self) -> bool:
        """Whether it is an answer of an LSTM, as far as it was judged; not if nothing was."""
        return bool(self.grade)

    @property
    def ratio(self) -> float:
        """The largest error of all parts, in units of what is allowed."""
        return max((part.ratio for part in self.parts), default=0.0)

    def __str__(self) -> str:
        how = "refuted" if self.parts else "nothing could be judged"
        where = "" if not self.steps else f" in the first {self.steps} of {len(self.problem.x)} steps"
        said = f"holds{where} at grade {self.grade}" if self.grade else f"{how} at grade {self.at}"
        table = Table("output", "error/allowed", "first difference", box=None, pad_edge=False)
        for part in self.parts:
            table.add_row(part.name, format_times(part.ratio), _describe(part.difference))
        console = Console(width=150, file=StringIO(), highlight=False)
        with console.capture() as shown:
            console.print(table)
        lines = [line.rstrip() for line in shown.get().splitlines()]
        return "\n".join([f"{said} ({self.dtype})", *lines, *(f"not judged: {why}" for why in self.unjudged)])

    def save(self, path: Path | str) -> None:
        """Write the problem, and what was got, expected and allowed, as a safetensors file. Raises OSError."""
        tensors = {name: a for name, a in name_all_arrays(problem=self.problem).items() if a.dtype.name != "int64"}
        for part in self.parts:
            name = part.name.replace(" ", "_")
            tensors |= {f"{what}.{name}": getattr(part, what) for what in ("got", "expected", "allowed")}
        write_whole(Path(path), pack_tensors({name: np.array(a, order="C") for name, a in tensors.items()}))


def _describe(difference: Difference | None) -> str:
    if difference is None:
        return ""
    where = ", ".join(f"{axis} {k}" for axis, k in difference.where.items())
    return f"{where}: expected {difference.expected:.9g} ±{shorten(difference.allowed)}, got {difference.got:.9g}"


def judge(
    problem: Problem,
    answer: Given,
    gradients: tuple[Cotangents, Gradients] | None = None,
    *,
    grade: str = "auto",
    inner: Sequence[Array | None] = (),
    bias_sizes: Sizes = (),
) -> Judgement:
    """Whether that is the answer to the problem, with tolerances derived from it, forward and perhaps backward.

    The answer is an Answer, or y (T, B, D*P), or (y, h, c) of which the states may be None, or (y, (h, c)); as arrays,
    or as tensors of a framework. A list of them is a sequence that was read in parts, each from the state that the part
    before returned. It may be of another dtype than the problem, at which it is then judged. `gradients` are
    cotangents, and the gradients for them. `inner` are the outputs of the layers below the last one, if they are known.
    Without them a long sequence holds if it is what a right last layer returns for some right outputs of those below;
    otherwise it is judged from what the equations say of them, and the judgement tells what that leaves open.
    `bias_sizes`, if two biases are added apart, are |b_ih| + |b_hh|, by gate, for each layer and direction. `grade` is
    a name in `lstm_spec.GRADES`; "auto" finds the strictest that holds.
    Raises ValueError or TypeError for what does not fit the problem.
    """
    if not isinstance(problem, Problem):
        raise TypeError(f"problem is a {type(problem).__name__}, expected an lstm_spec.Problem; make one")
    if isinstance(answer, list):
        if gradients is not None or inner:
            raise ValueError("a sequence in parts has no gradients and no inner layers here; give it whole")
        given = split_sequence(problem, answer)
        return _join_parts([judge(*one, grade=grade, bias_sizes=bias_sizes) for one in given], problem)
    y, h, c = read_answer(checked(problem), answer)
    dtype, notes = y.dtype, list[str]()
    if dtype.name not in DTYPES:
        raise TypeError(f"y is {dtype}, expected one of {', '.join(DTYPES)}; convert it")
    for name, a in (("h", h), ("c", c)):
        if a is not None and a.dtype != dtype:
            raise TypeError(f"{name} is {a.dtype}, expected {dtype} like y; convert it, or leave it out")
    cast = change_arrays(problem, lambda a: frozen(a.astype(dtype)))
    pairs = zip(_list(problem), _list(cast), strict=True)
    if not all(np.array_equal(a, b.astype(a.dtype), equal_nan=True) for a, b in pairs):
        notes.append(f"the rounding of the problem's numbers to {dtype}, which was taken for granted")
    notes += [f"what {name} reaches, which is not finite" for name in _list_infinite(cast)]
    _check_inner(cast, inner)
    _check_sizes(cast, bias_sizes)
    if gradients is not None:
        _check_gradients(cast, gradients)
    asked = partial(_judge_at, cast, (y, h, c), gradients, inner, bias_sizes, notes)
    known = [name for name in STRICTEST_FIRST if (name, dtype.name) in GRADES]
    if grade not in ("auto", *known):
        listed = ", ".join(sorted(known))
        raise ValueError(f"grade {grade!r} is not defined at {dtype}, expected one of: {listed}; name one, or none")
    grades = known if grade == "auto" else [grade]
    found = asked(grades)
    if (found.parts and not found.holds) or (found.parts and found.steps is None):
        return found
    whole = asked(grades, below="made")  # layers that nobody saw may have rounded otherwise, so it refutes nothing
    if whole.steps is not None or not whole.parts:
        return found
    return whole if whole.holds else _judge_beyond(found, asked(grades[-1:], below="narrowed"), whole.ratio)


def _judge_beyond(found: Judgement, narrowed: Judgement, ratio: float) -> Judgement:
    """The first steps, or as much as ellipsoids tell; `ratio` is the error with lower layers that are made."""
    if narrowed.parts and not narrowed.holds:
        return narrowed
    why = [f"with lower layers that are made here the error is {format_times(ratio)} of what is allowed; give inner"]
    if not narrowed.parts or (narrowed.steps is not None and narrowed.steps <= (found.steps or 0)):
        return replace(found, unjudged=(*found.unjudged, *why))
    y = next(part for part in reversed(narrowed.parts) if part.name.startswith("y"))
    unseen = (
        f"what moves {y.name} by less than {shorten(float(y.allowed.max()))}, as rounding in the layers below it may"
    )
    return replace(narrowed, unjudged=(*narrowed.unjudged, unseen, *why))


def _judge_at(
    problem: Problem,
    answer: tuple[Array, Array | None, Array | None],
    gradients: tuple[Cotangents, Gradients] | None,
    inner: Sequence[Array | None],
    bias_sizes: Sizes,
    notes: Sequence[str],
    grades: Sequence[str],
    below: Below = "bounded",
) -> Judgement:
    """At the first of these grades that holds, or at the last one."""
    for name in grades:
        unjudged = [*notes]
        model = error_model(name, problem.dtype.name)
        compared = Compared(problem, answer, inner, model, unjudged, bias_sizes, below)
        with np.errstate(all="ignore"):  # a bound may overflow
            parts = tuple(measure_part(one) for one in (*compared.list_forward(), *compared.list_backward(gradients)))
        holds = bool(parts) and all(part.ratio <= 1 for part in parts)
        if holds:
            break
    steps = compared.cut and compared.cut[1]
    return Judgement(name if holds else "", name, problem.dtype.name, parts, tuple(unjudged), problem, steps)


def _check_inner(problem: Problem, inner: Sequence[Array | None]) -> None:
    """Raise ValueError if what a layer returned has another shape than that."""
    T, B, _, _ = problem.sizes
    wanted = (T, B, len(problem.directions) * problem.P)
    for k, a in enumerate(inner):
        if a is not None and np.shape(a) != wanted:
            raise ValueError(f"inner[{k}] has shape {np.shape(a)}, expected {wanted}: what layer {k} returned")


def _check_sizes(problem: Problem, sizes: Sizes) -> None:
    """Raise ValueError unless there are none, or H of them for each gate, layer and direction."""
    wanted = [[{gate: p.g.b.shape for gate in p.gates} for p in row] for row in problem.parameters]
    if sizes and [[{gate: np.shape(a) for gate, a in one.items()} for one in row] for row in sizes] != wanted:
        raise ValueError(
            f"bias_sizes does not fit, expected [layer][direction] of {wanted[0][0]}; give |b_ih| + |b_hh| by gate"
        )


def _check_gradients(problem: Problem, gradients: Any) -> None:
    """Raise TypeError or ValueError unless these are cotangents and gradients that fit the problem."""
    kinds = tuple(map(type, gradients)) if isinstance(gradients, tuple) else (type(gradients),)
    if kinds != (Cotangents, Gradients):
        named = ", ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"gradients is ({named}), expected (Cotangents, Gradients); give both")
    check_cotangents(problem, gradients[0])
    try:
        assert_gradients_shaped(gradients[1], problem)
    except Refuted as refuted:
        raise ValueError(refuted.reason) from None


def _list(problem: Problem) -> list[Array]:
    return [a for a in name_all_arrays(problem=problem).values() if a.dtype.kind != "i"]


def _list_infinite(problem: Problem) -> list[str]:
    """The names of arrays with NaN or infinities in them."""
    arrays = name_all_arrays(problem=problem)
    return [name.removeprefix("problem.") for name, a in arrays.items() if not np.isfinite(a).all()]


# ---------------------------------------------------------------- sequences in parts


def choose_worst(found: Sequence[Judgement]) -> Judgement:
    """The one with the most lenient grade, or that was refuted."""
    return max(found, key=lambda one: STRICTEST_FIRST.index(one.grade) if one.grade else len(STRICTEST_FIRST))


def _join_parts(found: list[Judgement], problem: Problem) -> Judgement:
    """The judgement on all parts: at the most lenient grade that one of them needs."""
    worst = choose_worst([one for one in found if one.parts] or found)
    parts = [p._replace(name=f"{p.name} of part {k}") for k, one in enumerate(found) for p in one.parts]
    unjudged = dict.fromkeys(why for one in found for why in one.unjudged)
    return Judgement(worst.grade, worst.at, worst.dtype, tuple(parts), tuple(unjudged), problem)
