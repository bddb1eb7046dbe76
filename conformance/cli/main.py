"""The command line `lstm-conform`."""

import click

from conformance.cli import story
from conformance.cli.explain import doctor, explain, list_
from conformance.cli.reproduce import reproduce
from conformance.cli.run import run
from conformance.cli.selftest import selftest


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="lstm-spec", message="%(prog)s %(version)s (LSTM Specification 1.0)")
def main() -> None:
    """Find out whether an implementation is an LSTM, and where it differs.

    A TARGET is an installed backend (numpy, torch), package.module:NAME for your own, or fault:NAME for a known
    mistake, to see red before you trust green.

    \b
    Exit status: 0 conforms   1 does not   2 wrong option   3 a target cannot be used
                 4 the suite itself failed   5 the options left nothing to test
    """


for command in (run, reproduce, list_, explain, selftest, doctor, story.flow, story.gates):
    main.add_command(command)
