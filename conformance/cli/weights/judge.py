"""The command `judge`: is what a runtime answers with the weights of a file right?"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.cli.console import complain
from conformance.cli.lending import lend_backend
from conformance.cli.options import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.models.asked import Asked
    from lstm_spec import Backend

FILE = click.argument("file", type=click.Path(path_type=Path))
INPUTS = click.option(
    "--inputs",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A .npy with x, or a .npz with the model's inputs by name, or x, h, c and lengths.  [default: drawn ones]",
)
RUNTIME = click.option(
    "--runtime",
    metavar="NAME",
    help="Who is asked: torch, onnxruntime, keras, mlx, flax, equinox, or any TARGET.  [default: whose file it is]",
)
GRADE = click.option(
    "--grade",
    type=click.Choice(("auto", "relative", "absolute", "wide", "op-by-op")),
    default="auto",
    show_default=True,
    help="Judge at this grade; auto: the strictest that holds.",
)
LAYOUT = click.option("--layout", metavar="NAME", help="How the file keeps its weights, if names leave a choice.")


@click.command()
@FILE
@INPUTS
@RUNTIME
@LAYOUT
@GRADE
@TIMEOUT
def judge(file: Path, inputs: Path | None, runtime: str | None, layout: str | None, grade: str, timeout: float) -> None:
    """Judge what a runtime answers with the trained weights of a model.

    FILE is an ONNX or TFLite model, whose LSTMs are judged from what they were given when it ran; or a state dict or
    TorchScript (.pt), Keras (.h5, .keras), safetensors or .npz, whose LSTMs are asked in a runtime. No code in a file
    is run, and nothing but tensors is unpickled.
    """
    from conformance.models.asked import ModelError
    from conformance.models.drawing import load_inputs
    from conformance.models.files import ask_file
    from conformance.report.status import UNUSABLE
    from conformance.targets.resolve import TargetError

    try:
        asked, notes = ask_file(file, load_inputs(inputs), runtime, partial(open_runtime, timeout=timeout), layout)
        status = show_judgements(file, asked, grade)
    except (ModelError, TargetError) as error:
        complain(str(error))
        sys.exit(error.status if isinstance(error, ModelError) else UNUSABLE)
    for note in notes:
        print(note)
    sys.exit(status)


@contextmanager
def open_runtime(name: str, timeout: float) -> Iterator[str | Backend]:
    """A runtime by its short name, or any target as a backend."""
    from conformance.models.runtimes import RUNTIMES
    from conformance.targets.lending import Loan

    if name in RUNTIMES:
        yield name
    else:
        with lend_backend(Loan(name, None, None, timeout)) as backend:
            yield backend


def show_judgements(file: Path, asked: Iterable[Asked], grade: str) -> int:
    """Print what is judged of each LSTM; the exit status."""
    from conformance.models.asked import ModelError
    from conformance.report.status import FAILED, PASSED
    from conformance.text import clean_line

    found = [(one, one.judge(grade)) for one in asked]
    if not found:
        raise ModelError(f"{file} has no LSTM, or none was run; if a branch was not taken, give other --inputs")
    if empty := [one for one in found if not one[1].parts]:
        raise ModelError(f"{empty[0][0].short_name}: nothing could be judged: {'; '.join(empty[0][1].unjudged)}")
    for one, judgement in found:
        T, B, _, _ = one.problem.sizes
        print(f"{clean_line(one.name)}; {one.runtime}, T = {T}, B = {B}")
        print("  " + str(judgement).replace("\n", "\n  "))
    wrong = sum(not judgement.holds for _, judgement in found)
    print(f"{len(found) - wrong} of {len(found)} hold" if len(found) > 1 else "", end="\n" * (len(found) > 1))
    return FAILED if wrong else PASSED
