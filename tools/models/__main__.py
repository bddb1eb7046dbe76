"""Judges trained LSTMs of packages in every runtime, and the usual mistakes of a deployment; writes docs/models.md.

    python -m tools.models PACKAGES --page docs/models.md

PACKAGES is the folder that the packages of `python -m tools.models.catalogue` are installed in.
"""

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from conformance.files import write_whole
from conformance.models.asked import Asked, ModelError
from conformance.models.differences import compare_networks
from conformance.models.drawing import draw_units, draw_x
from conformance.models.files import choose_one, read_network
from conformance.models.graphs import ask_graph
from conformance.models.runtimes import RUNTIMES, ask_problems, make_runtime
from conformance.models.weights import list_arrays, read_weights
from lstm_spec import Activations, Backend, Problem
from lstm_spec.types import Array
from tools.models.catalogue import MODELS, Model
from tools.models.mistakes import MISTAKES, multiply_in_tf32
from tools.models.page import Judged, Row, write_page

DEPLOYED = "onnxruntime"  # which is given the wrong weights
STEPS = 64
GRADES = ("", "absolute", "relative")  # the most lenient first
STANDING = "absolute"  # the most lenient grade: what it refutes, every grade does
SLOPES = {"slope of Keras 2": 0.2, "slope of Keras 3": 1 / 6}


def read_model(model: Model, folder: Path) -> Problem:
    """A question to the LSTM of a model: a sequence. Raises ModelError."""
    path, arrays = folder / model.file, dict[str, Array]()
    if path.suffix == ".onnx":
        given = {"": np.random.default_rng(0).uniform(-1, 1, model.shape).astype("f")} if model.shape else {}
        one = choose_one(path, list(ask_graph(path, given)), model.lstm)
        network, x = read_network(one), one.problem.x
    else:
        stored = read_weights(path)
        network = next(one for name, one in stored.networks.items() if model.lstm in name)
        arrays, x = list_arrays(stored), np.empty((0, 0, 0))
    if len(x) < 2:
        W = network.parameters[0][0].g.W
        x = draw_x(arrays, W.shape[1], W.dtype, STEPS)
    return network.ask(x)


def judge_model(model: Model, folder: Path, runtimes: dict[str, Backend]) -> Judged:
    """A model in every runtime, right and with every mistake. Raises ModelError."""
    problem = read_model(model, folder)
    asked = [problem, *draw_units(problem)]
    right = {name: _judge_runtime(asked, backend) for name, backend in runtimes.items()}
    deployed = runtimes[DEPLOYED]
    wrong = {name: _judge_wrong(asked, change, deployed) for name, change in MISTAKES.items()}
    wrong["TF32"] = _join_rows(_judge_in_tf32(one) for one in asked)
    slopes = list(_judge_slopes(problem, deployed)) if problem.variant.activations else []
    return Judged(model, problem, right, wrong, slopes)


def _judge_runtime(asked: Sequence[Problem], backend: Backend) -> Row | None:
    """What it answers; None if it does not claim what is asked."""
    try:
        return _join_rows(_judge_answer(_ask(one, backend), "auto") for one in asked)
    except ModelError as error:
        if "does not claim" in str(error):
            return None
        raise


def _judge_wrong(asked: Sequence[Problem], change: Callable[[Problem], Problem], backend: Backend) -> Row:
    """What a runtime answers to changed problems, judged as the answer to those that were asked."""
    answers = ((one, _ask(change(one), backend)) for one in asked)
    return _join_rows(_judge_answer(answer._replace(problem=one), STANDING) for one, answer in answers)


def _judge_in_tf32(problem: Problem) -> Row:
    *inner, last = multiply_in_tf32(problem)
    answer = (last.y, *last.state)
    return _judge_answer(Asked("the LSTM", "", problem, answer, inner=tuple(one.y for one in inner)), STANDING)


def _ask(problem: Problem, backend: Backend) -> Asked:
    (asked,) = ask_problems([Asked("the LSTM", "", problem, (problem.x, None, None))], backend)
    return asked


def _judge_answer(answered: Asked, grade: str) -> Row:
    judgement = answered.judge(grade)
    if not judgement.parts:
        raise ModelError(f"nothing could be judged: {judgement.unjudged}")
    return Row(judgement.grade, judgement.ratio)


def _join_rows(rows: Iterable[Row]) -> Row:
    """All of them as one: refuted if one is, and at the most lenient grade that one needs."""
    found = list(rows)
    return Row(min((row.grade for row in found), key=GRADES.index), max(row.ratio for row in found))


def _judge_slopes(problem: Problem, backend: Backend) -> Iterator[tuple[str, Row, str]]:
    """Hard sigmoids with each slope, and σ in their place; what `diff` says of the weights that are deployed so."""
    own: Any = problem.variant.activations
    others = {name: replace(own, alpha=alpha) for name, alpha in SLOPES.items()}
    others["σ"] = Activations("sigmoid", own.candidate, own.output)
    for name, functions in others.items():
        other = replace(problem, variant=replace(problem.variant, activations=functions))
        answer = _ask(other, backend)
        networks = [read_network(answer._replace(problem=one)) for one in (problem, other)]
        yield name, _judge_answer(answer._replace(problem=problem), STANDING), compare_networks(*networks).sentence


@click.command()
@click.argument("packages", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--page", type=click.Path(path_type=Path), help="Write this page of Markdown.")
@click.option("--model", "names", multiple=True, help="Only this model; may be repeated.")
def main(packages: Path, page: Path | None, names: tuple[str, ...]) -> None:
    """Judge trained models of packages in every runtime. Exits with 1 unless right ones hold and all others do not."""
    warnings.simplefilter("ignore", UserWarning)  # rounded sums of biases
    runtimes = {name: make_runtime(name) for name in RUNTIMES}
    chosen = [model for model in MODELS if not names or model.name in names]
    found = [judge_model(model, packages, runtimes) for model in track(chosen, "models")]
    versions = {name: backend.description.version for name, backend in runtimes.items()}
    text = write_page(found, versions, DEPLOYED)
    print(text)
    if page:
        write_whole(page, text.encode())
    sys.exit(any(one.list_failures() for one in found))


if __name__ == "__main__":
    main()
