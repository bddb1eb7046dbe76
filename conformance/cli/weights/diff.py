"""The command `diff`: do two files have the same LSTM; or, of two reports, what became worse?"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click
from click.core import ParameterSource

from conformance.cli.console import complain
from conformance.cli.options import TIMEOUT
from conformance.cli.reports.diff import diff_reports, is_report
from conformance.cli.weights.judge import GRADE, INPUTS, open_runtime, show_judgements
from conformance.cli.weights.port import NAME, PATH


@click.command()
@click.argument("first", metavar="A", type=PATH)
@click.argument("second", metavar="B", type=PATH)
@NAME
@click.option("--other-name", metavar="NAME", help="Which LSTM of B.  [default: as in A, or the only one]")
@INPUTS
@click.option(
    "--runtime",
    metavar="NAME",
    help="Who is asked with the weights of B, as for judge.  [default: that of B, if it takes weights]",
)
@GRADE
@TIMEOUT
@click.pass_context
def diff(
    context: click.Context,
    first: Path,
    second: Path,
    name: str,
    other_name: str | None,
    inputs: Path | None,
    runtime: str | None,
    grade: str,
    timeout: float,
) -> None:
    """Say what changed between two reports, or whether two files have the same LSTM.

    Of two JSON reports, an old one A and a new one B: what is refuted or no longer judged now, and what is mended.
    Exits with 1 if something is worse. The options are about weights.

    Two files of weights are compared weight by weight, then answer by answer. Units may be in another order. What B
    answers is judged by the equations with the weights of A; or what A answers with those of B, if B has the wider
    numbers. Exits with 0 if the weights are the same, perhaps rounded, and the answers hold.
    """
    from conformance.models.asked import ModelError
    from conformance.models.differences import ask_as_first, compare_networks
    from conformance.models.drawing import load_inputs
    from conformance.models.files import ask_file, choose_one, read_network
    from conformance.models.runtimes import choose_runtime
    from conformance.report.status import FAILED, UNUSABLE
    from conformance.targets.resolve import TargetError

    if is_report(first) or is_report(second):
        _refuse_options(context)
        sys.exit(diff_reports(first, second))
    opened = partial(open_runtime, timeout=timeout)
    try:
        one = choose_one(first, ask_file(first, load_inputs(inputs), None, opened)[0], name)
        theirs, is_named = ask_file(second, {}, None, opened)[0], other_name is not None
        other = choose_one(second, theirs, name if other_name is None else other_name, is_needed=is_named)
        if one.problem.dtype.itemsize < other.problem.dtype.itemsize:
            first, second, one, other = second, first, other, one
        found = compare_networks(read_network(one), read_network(other))
        print(f"{first} and {second}: {found.sentence}")
        if found.orders is None:
            sys.exit(FAILED)
        with opened(runtime or choose_runtime(other.runtime.partition(" ")[0])) as backend:
            status = show_judgements(second, [ask_as_first(one, other, found.orders, backend)], grade)
    except (ModelError, TargetError) as error:
        complain(str(error))
        sys.exit(error.status if isinstance(error, ModelError) else UNUSABLE)
    sys.exit(status if found.is_same else FAILED)


def _refuse_options(context: click.Context) -> None:
    """Raise UsageError if an option is given: none says anything about reports."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if isinstance(parameter, click.Option) and source is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} is about weights, and these are reports; drop it", context)
