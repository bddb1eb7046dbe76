"""The commands `list`, `explain` and `doctor`."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

import click

from conformance.cli.options import LISTS


@click.command("list")
@click.argument("what", type=click.Choice(LISTS))
def list_(what: str) -> None:
    """List clauses, properties, faults or backends, one per line."""
    for line in _list_lines(what):
        print(line)


def _list_lines(what: str) -> list[str]:
    from lstm_spec import CLAUSES

    if what == "clauses":
        return [f"{clause.id:11} {clause.level:6} {clause.sentence}" for clause in CLAUSES.values()]
    if what == "backends":
        from conformance.targets.resolve import list_installed

        return list_installed()
    if what == "faults":
        from conformance.faults.catalogue import FAULTS

        return [f"{fault.name:55} {fault.family:14} {fault.clause:10} {fault.sentence}" for fault in FAULTS.values()]
    import conformance.properties  # noqa: F401  fills the registry
    from conformance.property import PROPERTIES

    return [f"{prop.family:14} {prop.name:75} {' '.join(prop.clauses)}" for prop in PROPERTIES]


@click.command()
@click.argument("what")
def explain(what: str) -> None:
    """Show what a clause demands, what a property claims, or what a known fault does.

    WHAT is the id of a clause, the name of a property, or that of a fault. Of a clause this includes the lines of code
    that carry it, the properties that verify it, and the known faults that break it.
    """
    from conformance.cli.explanation import explain_name, suggest_meaning

    text = explain_name(what)
    if not text:
        reason = f"{what!r} is not a clause, a property or a fault{suggest_meaning(what)}"
        reason += "; see lstm-conform list clauses, properties or faults"
        raise click.BadParameter(reason, param_hint="WHAT")
    print(text)


@click.command()
def doctor() -> None:
    """Show what can be used on this machine."""
    from conformance.cli.explanation import describe_machine

    with redirect_stdout(sys.stderr):  # what backends print when they are made
        lines = describe_machine()
    for line in lines:
        print(line)
