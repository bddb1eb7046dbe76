"""Which known mistakes the LSTM tests of ONNX notice, and which of them `conformance` does.

The node tests are those in the onnx wheel, compared by its own runner at its own tolerances. Directions and the layout
are arranged around the cell, as an operator that calls it would; the test with peepholes is left out, for the standard
cell has none. Forward passes in float32 alone: ours gets no gradients to look at either.
"""

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple, TextIO

import click
import numpy as np
import onnx
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.runner import Runner
from rich.console import Console
from rich.progress import Progress

from conformance import check
from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from lstm_spec import Answer, Array, Backend, Packed, Problem, State, unpack

ORDER = "iofg"  # ONNX writes iofc
EXPRESSIBLE = {"X", "W", "R", "B", "hidden_size", "direction", "layout"}
ONLY_AT_FLOAT64 = ("takes_the_biases_in_float32", "takes_the_tanh_in_float32", "computes_in_float32_throughout")
CONTRACT = (  # what the answer to a well-formed question could show, without gradients
    "writes_the_final_state_into_the_initial_one",
    "loses_an_empty_batch",
    "answers_in_float64",
    "drops_an_axis_of_length_one",
    "drops_the_layer_axis_of_the_state",
    "answers_differently_each_time",
    "keeps_the_weights_of_the_first_call",
    "answers_in_one_buffer",
    "reads_memory_in_a_row",
)
CHOSEN = tuple(
    name
    for name, fault in FAULTS.items()
    if (not fault.networks and fault.kind == "forward" and name not in ONLY_AT_FLOAT64) or name in CONTRACT
)
PROFILES = ("quick", "standard")


class Case(NamedTuple):
    """One node test, its arrays by ONNX's names."""

    name: str
    inputs: dict[str, Array]  # X (T, B, I), W (D, 4H, I), R (D, 4H, H), B (D, 8H)
    attributes: dict[str, Any]
    expected: dict[str, Array]  # some of Y (T, D, B, H), Y_h (D, B, H), Y_c (D, B, H)
    rtol: float
    atol: float

    @property
    def expressible(self) -> bool:
        return {*self.inputs, *self.attributes} <= EXPRESSIBLE

    @property
    def batch_first(self) -> bool:
        return self.attributes.get("layout", 0) == 1


class Found(NamedTuple):
    """Who noticed a fault."""

    fault: Fault
    cases: tuple[str, ...]  # the ONNX tests that did
    ours: dict[str, bool]  # by profile

    @property
    def noticed(self) -> dict[str, bool]:
        return {"ONNX": bool(self.cases), **self.ours}


@cache
def cases() -> tuple[Case, ...]:
    """Every LSTM test of the wheel, also those that cannot be expressed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those tests of other operators that overflow are made on the way
        found = [test for test in collect_testcases("LSTM") if _operator(test) == "LSTM"]
    return tuple(_case(test) for test in found)


def _operator(test: Any) -> str:
    return test.model.graph.node[0].op_type


def _case(test: Any) -> Case:
    node = test.model.graph.node[0]
    [(inputs, outputs)] = test.data_sets
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return Case(test.name, _named(node.input, inputs), attributes, _named(node.output, outputs), test.rtol, test.atol)


def _named(names: Sequence[str], arrays: Sequence[Array]) -> dict[str, Array]:
    return dict(zip(filter(None, names), arrays, strict=True))


def used() -> tuple[Case, ...]:
    return tuple(case for case in cases() if case.expressible)


def outputs(backend: Backend, case: Case) -> dict[str, Array]:
    """What ONNX's operator would give if the backend computed each direction of it."""
    answers = [_answer(backend, case, d, reverse) for d, reverse in enumerate(_reversed(case))]
    y = np.stack([answer.y for answer in answers], axis=1)
    h, c = (np.concatenate(arrays) for arrays in zip(*(answer.state for answer in answers), strict=True))
    if case.batch_first:
        y, h, c = np.transpose(y, (2, 0, 1, 3)), np.swapaxes(h, 0, 1), np.swapaxes(c, 0, 1)
    return {"Y": y, "Y_h": h, "Y_c": c}


def _reversed(case: Case) -> tuple[bool, ...]:
    ways = {b"forward": (False,), b"reverse": (True,), b"bidirectional": (False, True)}
    return ways[case.attributes.get("direction", b"forward")]


def _answer(backend: Backend, case: Case, d: int, reverse: bool) -> Answer:
    problem = _problem(case, d)
    if not reverse:
        return backend.forward(problem)
    answer = backend.forward(replace(problem, x=problem.x[::-1].copy()))
    return replace(answer, y=answer.y[::-1])


def _problem(case: Case, d: int) -> Problem:
    x, W, U = case.inputs["X"], case.inputs["W"][d], case.inputs["R"][d]
    x = np.array(np.swapaxes(x, 0, 1) if case.batch_first else x, order="C")
    H = U.shape[1]
    b = case.inputs["B"][d].reshape(2, 4 * H).sum(axis=0) if "B" in case.inputs else np.zeros(4 * H, x.dtype)
    zeros = np.zeros((1, x.shape[1], H), x.dtype)
    return Problem(((unpack(Packed(W, U, b), ORDER),),), x, State(zeros, zeros.copy()))


def passes(backend: Backend, case: Case) -> bool:
    """Whether ONNX's runner accepts the outputs."""
    try:
        with np.errstate(all="ignore"):
            given = outputs(backend, case)
            wanted = list(case.expected.values())
            Runner.assert_similar_outputs(wanted, [given[name] for name in case.expected], case.rtol, case.atol)
    except (AssertionError, ValueError):  # ValueError: arrays of wrong shape cannot be put together
        return False
    return True


def tried(fault: Fault, profiles: Sequence[str]) -> Found:
    backend = fault.backend()
    noticing = tuple(case.name for case in used() if not passes(backend, case))
    return Found(fault, noticing, {profile: refuted(fault, profile) for profile in profiles})


def refuted(fault: Fault, profile: str) -> bool:
    """Whether our suite, without gradients, refutes a MUST."""
    report = check(
        replace(fault.backend(), gradients=None), profile=profile, dtypes=("float32",), maxfail=1, diagnose=False
    )
    return bool(report.failures)


class Share(NamedTuple):
    """How many of how many faults somebody noticed."""

    noticed: int
    of: int

    def __str__(self) -> str:
        return f"{self.noticed}/{self.of}"


def shares(found: Sequence[Found]) -> dict[str, Share]:
    judges = found[0].noticed
    return {judge: Share(sum(each.noticed[judge] for each in found), len(found)) for judge in judges}


def by_family(found: Sequence[Found]) -> dict[str, dict[str, Share]]:
    families = dict.fromkeys(each.fault.family for each in found)
    return {name: shares([each for each in found if each.fault.family == name]) for name in families}


def macro(found: Sequence[Found]) -> dict[str, float]:
    """The mean over families of the share that was noticed."""
    families = by_family(found).values()
    return {judge: float(np.mean([f[judge].noticed / f[judge].of for f in families])) for judge in found[0].noticed}


def lines(found: Sequence[Found]) -> Iterator[str]:
    judges = found[0].noticed
    yield _row("family", "fault", judges)
    for each in found:
        yield _row(each.fault.family, each.fault.name, ["yes" if yes else "no" for yes in each.noticed.values()])
    yield ""
    yield _row("family", "noticed", judges)
    for family, share in by_family(found).items():
        yield _row(family, "", share.values())
    yield _row("all", "mean over families", [f"{part:.0%}" for part in macro(found).values()])
    yield _row("all", "raw", shares(found).values())
    yield ""
    yield f"onnx {onnx.__version__}: {', '.join(case.name for case in used())}"
    yield f"left out: {', '.join(case.name for case in cases() if not case.expressible)} (the cell cannot express it)"


def _row(family: str, fault: str, judges: Any) -> str:
    return f"{family:12}{fault:56}" + "".join(f"{judge!s:>10}" for judge in judges)


def as_json(found: Sequence[Found]) -> dict[str, Any]:
    return {
        "onnx": onnx.__version__,
        "cases": {case.name: {"rtol": case.rtol, "atol": case.atol} for case in used()},
        "left_out": [case.name for case in cases() if not case.expressible],
        "faults": {e.fault.name: {"family": e.fault.family, "cases": e.cases, **e.noticed} for e in found},
        "families": {
            name: {judge: share._asdict() for judge, share in each.items()} for name, each in by_family(found).items()
        },
        "macro": macro(found),
        "raw": {judge: share._asdict() for judge, share in shares(found).items()},
    }


def with_progress(names: Sequence[str], try_out: Callable[[str], Found]) -> list[Found]:
    console, found = Console(), []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(names))
        for name in names:
            progress.update(task, description=name)
            found.append(try_out(name))
            progress.advance(task)
    return found


def _chosen(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in CHOSEN:
            reason = "is no fault that a forward pass in float32 can show; see lstm-conform list faults"
            raise click.BadParameter(f"{name!r} {reason}")
    return names or CHOSEN


@click.command()
@click.argument("names", nargs=-1, metavar="[FAULT]...", callback=_chosen)
@click.option("--profile", "profiles", multiple=True, type=click.Choice(PROFILES), help="Of ours; both if not given.")
@click.option("--json", "json_file", type=click.File("w", encoding="utf-8", lazy=False), help="Write it there, too.")
def main(names: tuple[str, ...], profiles: tuple[str, ...], json_file: TextIO | None) -> None:
    """Print who notices which FAULT: all that a float32 forward pass can show, if none is given."""
    found = with_progress(names, lambda name: tried(FAULTS[name], profiles or PROFILES))
    click.echo("\n".join(lines(found)))
    if json_file:
        json_file.write(json.dumps(as_json(found), indent=1) + "\n")


if __name__ == "__main__":
    main()
