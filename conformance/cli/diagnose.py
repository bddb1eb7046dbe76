"""The command `diagnose`: experiments on a target, without a verdict."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance.cli.console import complain, make_console
from conformance.cli.lending import lend_anew
from conformance.cli.options import EXPERIMENTS, ISOLATE, TIMEOUT, check_seconds
from conformance.cli.reports.writing import STDOUT, claim_files, write_file
from conformance.cli.story import ask_target
from conformance.report.status import FAILED, PASSED, UNWRITTEN

FOR_CALLS = 0.3  # of the time is kept for sessions of modules, where they can be held

if TYPE_CHECKING:
    from conformance.diagnosis.experiments.diagnose import Inquiry
    from conformance.diagnosis.experiments.first import Renew
    from lstm_spec import Backend


@click.command()
@click.argument("target")
@click.option("--budget", type=float, callback=check_seconds, help=EXPERIMENTS)
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True, help="Of all questions."
)
@click.option("--device", help="The device that a target is made for, e.g. cuda.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write what was found as JSON; - is stdout.",
)
@ISOLATE
@TIMEOUT
def diagnose(target: str, budget: float | None, dtype: str, json_file: Path | None, **lending: Any) -> None:
    """Find out when a target is wrong.

    A plain LSTM is asked at many sizes, in other orders, with its arrays laid out in other ways, and with parts taken
    away. That shows under which condition its answers, or else its gradients, are wrong. If they are right, modules are
    also copied, saved, changed and so on. `run` gives a verdict.

    The exit status is 1 if something wrong was seen.
    """
    from conformance.report.experiments import make_experiment_table
    from conformance.targets.lending import Loan

    files = claim_files({"--json": json_file})
    renew = lend_anew(Loan(target, **lending))
    inquiry = ask_target(target, dtype, partial(_experiment, dtype, renew), budget, lending)
    console = make_console(on_stderr=STDOUT in files.values())
    console.print(make_experiment_table(inquiry.rows))
    unseen = "no experiment saw anything wrong; that is no verdict, lstm-conform run judges it"
    console.print(f"{target}: {inquiry.sentence or unseen}", highlight=False, markup=False, soft_wrap=True)
    if inquiry.example:
        console.print(f"smallest example: {inquiry.example}", highlight=False, markup=False, soft_wrap=True)
    status = _write_json(files["--json"], target, dtype, inquiry) if files else PASSED
    sys.exit(status or (FAILED if inquiry.sentence else PASSED))


def _experiment(dtype: str, renew: Renew | None, backend: Backend, budget: float | None) -> Inquiry:
    """What experiments find; a target that does not answer its first question raises."""
    from conformance.diagnosis.calls import inquire_calls
    from conformance.diagnosis.experiments.diagnose import choose_seconds, inquire
    from conformance.diagnosis.experiments.laboratory import Laboratory
    from conformance.diagnosis.experiments.when import SMALL
    from conformance.measurements.compiling import note_compiling

    question = Laboratory(backend, dtype).make_question(SMALL)
    opening = question, backend.forward(question.problem)
    noted = note_compiling(backend)
    seconds = budget or choose_seconds(noted)
    for_calls = FOR_CALLS * seconds if noted.converse else 0
    inquiry = inquire(noted, dtype, seconds=seconds - for_calls, renew=renew, opening=opening)
    if inquiry.sentence or not noted.converse:
        return inquiry
    calls = inquire_calls(noted, dtype, for_calls)
    return calls._replace(rows=inquiry.rows + calls.rows)


def _write_json(file: Path, target: str, dtype: str, inquiry: Inquiry) -> int:
    """PASSED, or why the file could not be written."""
    import json

    from conformance.report.experiments import experiment_data

    rows = [experiment_data(row) for row in inquiry.rows]
    found = {
        "target": target,
        "dtype": dtype,
        "sentence": inquiry.sentence,
        "example": inquiry.example,
        "experiments": rows,
    }
    try:
        write_file(file, f"{json.dumps(found, indent=1)}\n".encode(), sys.stdout)
    except OSError as error:
        complain(f"{file} cannot be written ({error.strerror}); name another --json")
        return UNWRITTEN
    return PASSED
