"""The command line `lstm-conform`."""

import atexit
import sys
from contextlib import ExitStack
from typing import NoReturn

import click

from conformance.cli import story
from conformance.cli.console import complain, describe_suite_error
from conformance.cli.diagnose import diagnose
from conformance.cli.explain import doctor, explain, list_
from conformance.cli.reports.badge import badge
from conformance.cli.reports.statement import statement
from conformance.cli.reproduce import reproduce
from conformance.cli.run import run
from conformance.cli.selftest import selftest
from conformance.cli.streams import own_streams
from conformance.cli.weights.diff import diff
from conformance.cli.weights.judge import judge
from conformance.cli.weights.port import port
from conformance.report.status import BY_SIGNAL, INTERRUPTED, MEANINGS, PASSED, SUITE_ERROR, UNWRITTEN
from lstm_spec import SPECIFICATION

HELP = """Find out whether an implementation is an LSTM, and where it differs.

A TARGET is an installed backend (numpy, torch), package.module:NAME for your own, or fault:NAME for a known fault, to
see what a failure looks like.

\b
Exit status:
"""
STATUSES = "".join(f"  {status:3}  {meaning}\n" for status, meaning in MEANINGS.items())


@click.group(help=HELP + STATUSES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="lstm-spec", message=f"%(prog)s %(version)s (LSTM Specification {SPECIFICATION})")
def main() -> None:
    """The command with its options; `run_program` is what is installed."""


for command in (
    run,
    judge,
    port,
    diff,
    badge,
    statement,
    reproduce,
    diagnose,
    list_,
    explain,
    selftest,
    doctor,
    story.flow,
    story.gates,
):
    main.add_command(command)


def run_program() -> NoReturn:
    """Run the command line on streams of ours, and end with its exit status; nothing is raised but SystemExit."""
    outlet, until_the_end = own_streams(), ExitStack()
    atexit.register(until_the_end.close)  # after everything that a target registers
    status = _run_command()
    if status and "conformance.targets.lending" in sys.modules:  # a target may end Python as if all were well
        until_the_end.enter_context(sys.modules["conformance.targets.lending"].forbid_ends())
    sys.stdout.flush()
    if outlet.failure and status < BY_SIGNAL:
        reason = outlet.failure.strerror
        complain(f"stdout cannot be written ({reason}), so what was printed is not whole; send it to another place")
        status = UNWRITTEN
    sys.stdout = sys.stderr  # for what a target prints at the very end
    sys.exit(status)


def _run_command() -> int:
    """The exit status of the command."""
    try:
        return main.main(prog_name="lstm-conform", standalone_mode=False) or PASSED
    except SystemExit as ended:
        return int(ended.code or PASSED)
    except click.ClickException as refused:
        refused.show(sys.stderr)
        return refused.exit_code
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted")
        return INTERRUPTED
    except Exception as error:
        complain(f"suite error, please report it: {describe_suite_error(error)}")
        return SUITE_ERROR
