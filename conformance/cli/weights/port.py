"""The command `port`: weights are carried over into a file of another form, and both are asked and judged."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from conformance.cli.console import complain
from conformance.cli.options import TIMEOUT
from conformance.cli.weights.judge import GRADE, INPUTS, open_runtime, show_judgements

PATH = click.Path(path_type=Path)
NAME = click.option("--name", default="", metavar="NAME", help="Which LSTM of a file, if it has several.")


@click.command()
@click.argument("source", metavar="FROM", type=PATH)
@click.argument("target", metavar="TO", type=PATH)
@NAME
@click.option("--layout", metavar="NAME", help="How TO keeps its weights.  [default: PyTorch's layout, in .h5 Keras']")
@click.option("--force", is_flag=True, help="Write over TO if it is there.")
@INPUTS
@GRADE
@TIMEOUT
def port(
    source: Path,
    target: Path,
    name: str,
    layout: str | None,
    force: bool,
    inputs: Path | None,
    grade: str,
    timeout: float,
) -> None:
    """Carry the weights of an LSTM over into another file, ask both, and judge both.

    FROM is a file as `judge` takes it. TO is written: .onnx, .pt, .safetensors, .npz or .h5.
    """
    from conformance.models.asked import ModelError
    from conformance.models.differences import compare_networks
    from conformance.models.drawing import load_inputs
    from conformance.models.files import ask_file, choose_one, list_inputs, read_network
    from conformance.models.writing import write_network

    opened = partial(open_runtime, timeout=timeout)
    try:
        if target.exists() and not force:
            raise ModelError(f"{target} is there already, expected a new name; or write over it with --force")
        asked, notes = ask_file(source, load_inputs(inputs), None, opened)
        one = choose_one(source, asked, name)
        network = read_network(one)
        write_network(network, target, layout)
        again, _ = ask_file(target, dict(list_inputs(one, target.suffix.lower() == ".onnx")), None, opened, layout)
        other = choose_one(target, again, "")
        print(f"{target}: {compare_networks(network, read_network(other)).sentence}")
        status = show_judgements(target, [one, other], grade)
    except ModelError as error:
        complain(str(error))
        sys.exit(error.status)
    for note in notes:
        print(note)
    sys.exit(status)
