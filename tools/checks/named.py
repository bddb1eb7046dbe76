"""How many of the known faults the diagnosis names, each alone: a table of families.

A fault is diagnosed as `run` does it, at the first example on which a property of its clause is refuted.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

import conformance.properties  # noqa: F401  fills the registry
from conformance.faults.catalogue import FAULTS
from conformance.faults.fault import Fault
from conformance.outcome import Outcome
from conformance.property import PROPERTIES, Property
from conformance.run.cause import diagnose_refutation
from conformance.run.causes.explaining import find_contract_faults, find_hidden_faults
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.run.selection import rank_property
from conformance.selftest.look import list_first
from conformance.targets.border import guard_backend
from conformance.verdict import Verdict
from lstm_spec import Backend
from tools.checks.halves import print_scores
from tools.checks.lines import ABOUT_LINES, LINES, keep_lines

DTYPES = ("float32", "float64")
PLENTY = 600.0  # seconds, so that nothing depends on how fast the machine is
ALONE, AMONG, OTHER, UNNAMED, UNSEEN = "named alone", "named among others", "another named", "not named", "not refuted"
OUTCOMES = (ALONE, AMONG, OTHER, UNNAMED, UNSEEN)


class Named(NamedTuple):
    """A fault, and what the diagnosis made of it."""

    fault: Fault
    outcome: str
    said: tuple[str, ...]  # the names


def name_fault(fault: Fault) -> Named:
    """Whether the diagnosis names the fault at the first dtype at which it is refuted, and no other fault."""
    backend = fault.backend()
    verdicts = (refute(fault, backend, dtype) for dtype in DTYPES if dtype in backend.description.dtypes)
    verdict = next(filter(None, verdicts), None)
    if verdict is None:
        return Named(fault, UNSEEN, ())
    names = tuple(one.name for one in find_fitting(verdict, backend, is_valued=fault.kind != "contract"))
    is_named = fault.name in names
    outcome = (ALONE if len(names) == 1 else AMONG) if is_named else OTHER if names else UNNAMED
    return Named(fault, outcome, names)


def find_fitting(failed: Verdict, backend: Backend, is_valued: bool) -> list[Fault]:
    """The known faults that the diagnosis finds for a failure of a backend; of values, by its answers first."""
    found = diagnose_refutation(failed, backend) if is_valued and failed.refutation else None
    if found and found.fitting:
        return list(found.fitting)
    guarded = guard_backend(backend)
    return find_contract_faults(failed, [failed], guarded, PLENTY)[0] or find_hidden_faults(failed, [failed], guarded)


def refute(fault: Fault, backend: Backend, dtype: str) -> Verdict | None:
    """The first refutation at this dtype, by a property of the fault's clause if there is one, or else of its family.

    A fault of the contract is refuted by a property of its clause only. If there is none, the first exception.
    """

    def rank(prop: Property) -> tuple[int, bool, bool]:
        return rank_property(prop, list_first(fault)), prop.long, prop.exhaustive

    asked = [prop for prop in PROPERTIES if not prop.at or dtype in prop.at]
    errored = None
    for prop in sorted((p for p in asked if fault.kind != "contract" or fault.clause in p.clauses), key=rank):
        with np.errstate(all="ignore"):
            verdict = judge_property(prop, backend, dtype, PROFILES["standard"], shrink=False)
        if verdict.outcome is Outcome.REFUTED:
            return verdict
        if verdict.outcome is Outcome.ERRORED:
            errored = errored or verdict
    return errored


def name_faults(kinds: Sequence[str], lines: Path | None = None) -> list[Named]:
    """What comes of each known fault of these kinds; the lines of a file are kept, and what it lacks is added to it."""

    def ask(name: str) -> dict[str, Any]:
        return dict(zip(("outcome", "said"), name_fault(FAULTS[name])[1:], strict=True))

    known = [name for name, fault in FAULTS.items() if fault.kind in kinds]
    found = keep_lines(lines, "faults", known, ask)
    return [Named(FAULTS[name], entry["outcome"], tuple(entry["said"])) for name, entry in found]


@click.command()
@click.option("--kind", "kinds", multiple=True, default=("forward", "gradient", "module"), help="Which faults.")
@click.option("--all", "everything", is_flag=True, help="Also print those that are not named alone.")
@click.option("--lines", type=LINES, help=ABOUT_LINES)
def main(kinds: tuple[str, ...], everything: bool, lines: Path | None) -> None:
    """Print how many known faults are named alone, family by family, and of all of them."""
    found = name_faults(kinds, lines)
    for one in found if everything else ():
        if one.outcome != ALONE:
            click.echo(f"{one.outcome}: {one.fault.name}: {', '.join(one.said)}")
    for family in dict.fromkeys(one.fault.family for one in found):
        outcomes = [one.outcome for one in found if one.fault.family == family]
        click.echo(f"{family:20} {outcomes.count(ALONE):4} of {len(outcomes):4} named alone")
    print_scores([one.outcome for one in found], OUTCOMES)


if __name__ == "__main__":
    main()
