"""One target, judged for the command line: there is a report on it whenever and however that ends."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from conformance.cli.console import complain, describe_suite_error
from conformance.cli.lending import choose_job_count, judge_in_processes, lend_anew, lend_backend
from conformance.cli.progress import Advance, show_progress
from conformance.cli.stop import Stop

if TYPE_CHECKING:
    from conformance.journal import Journal
    from conformance.report.report import Report
    from conformance.run.options import Options
    from conformance.targets.lending import Loan
    from conformance.targets.origin import Origin
    from conformance.verdict import Verdict
    from lstm_spec import Backend

JOURNAL_VERSION = 1


class Manner(NamedTuple):
    """How targets are judged, besides the options that decide which questions are asked."""

    jobs: int | None
    rigorous: bool
    quiet: bool
    journal: Journal
    stop: Stop
    explain: bool = False  # whether experiments are shown
    table: bool | None = None  # whether the table of all verdicts is; None: unless it is a terminal


class Judged(NamedTuple):
    """The report on a target, and the counts of `--rigorous`."""

    report: Report
    audited: Counter[str]


def judge_target(loan: Loan, options: Options, manner: Manner) -> Judged:
    """The report on a target, with its cases on disk. Raises TargetError, and KeyboardInterrupt before it is made."""
    from conformance.arrays import keep_freed_memory
    from conformance.targets.origin import Origin

    keep_freed_memory()
    with ExitStack() as stack:
        with manner.stop.interrupting():
            backend = stack.enter_context(lend_backend(loan))
        gc.freeze()  # what is there by now stays: it need not be looked through again and again
        with _audit(manner.rigorous) as audited:
            report = _judge_backend(backend, loan, options, manner)
        origin = Origin(loan.target, options.run_seed, loan.device, options.grade)
        return Judged(_save_cases(report, options.apply_to(backend), origin, loan.out), audited)


def _judge_backend(backend: Backend, loan: Loan, options: Options, manner: Manner) -> Report:
    """The report; if judging ends before its time, that on the verdicts so far.

    A target that can be made once only is judged in one process.
    """
    from concurrent.futures.process import BrokenProcessPool

    from conformance.report.status import SUITE_ERROR, Cut
    from conformance.run.check import check_with, report_cut
    from conformance.run.selection import plan_verdicts

    verdicts: list[Verdict] = []
    planned, stop = len(plan_verdicts(backend, options)), manner.stop
    jobs = 1 if manner.rigorous else manner.jobs or choose_job_count(loan, backend, options)
    manner.journal.add(_describe_run(loan, options, planned))
    try:
        with (
            stop.interrupting(),
            show_progress(backend.name, "verdicts", planned, manner.quiet) as advance,
            judge_in_processes(jobs, loan) as judging,
        ):
            take = _take_verdicts(verdicts, loan.target, advance, manner)
            return check_with(backend, options, take, lambda example: stop.check(), judging, lend_anew(loan))
    except KeyboardInterrupt:
        cut = Cut(stop.word, stop.status, planned)
    except BrokenProcessPool:
        if not (verdicts or manner.jobs or stop.number):
            return _judge_backend(backend, loan, options, manner._replace(jobs=1))
        reason = "a process that judged died, with the target in it; use --isolate: ended"
        cut = Cut(stop.word, stop.status, planned) if stop.number else Cut(reason, SUITE_ERROR, planned)
    except Exception as error:  # of ours: what was judged stands
        cut = Cut(f"suite error, please report it ({describe_suite_error(error)}): ended", SUITE_ERROR, planned)
    return report_cut(backend, options, verdicts, cut)


def _take_verdicts(verdicts: list[Verdict], target: str, advance: Advance, manner: Manner) -> Callable[[Verdict], None]:
    """What is called with each verdict."""
    from conformance.outcome import Outcome
    from conformance.report.json import verdict_data

    def take(verdict: Verdict) -> None:
        manner.stop.check()
        verdicts.append(verdict)
        manner.journal.add({"target": target, **verdict_data(verdict)})
        has_failed = verdict.outcome not in (Outcome.HOLDS, Outcome.NOT_CLAIMED, Outcome.INCONCLUSIVE)
        advance(verdict.dtype, verdict.property.family.replace("_", " ") if has_failed else "")

    return take


def _describe_run(loan: Loan, options: Options, planned: int) -> dict[str, Any]:
    """What the next verdicts in a journal are about."""
    from conformance.report.json import describe_suite

    asked = {**vars(options), "deviations": [deviation.clause for deviation in options.deviations]}
    entry = {"journal": JOURNAL_VERSION, "target": loan.target, "device": loan.device, "planned": planned}
    return {**entry, **describe_suite(), "options": asked}


def _audit(wanted: bool) -> AbstractContextManager[Counter[str]]:
    """Use the values of Arb for those of float64 if that is wanted."""
    if not wanted:
        return nullcontext(Counter())
    from conformance.tolerance.rigorous import rigorous

    return rigorous()


def describe_audit(passes: Counter[str]) -> str:
    """How many passes were judged with the values of Arb, and why the others were not."""
    from conformance.tolerance.rigorous import LARGEST_AUDITED

    return (
        f"  rigorous        {passes['audited']:,} passes were judged with the values of Arb; with those of float64: "
        f"{passes['too large']:,} with T B H (I + H) above {LARGEST_AUDITED:,}, "
        f"{passes['not finite']:,} that are not finite"
    )


def _save_cases(report: Report, backend: Backend, origin: Origin, out: Path | None) -> Report:
    """The report with the file of every failure that has an example; without a folder as it is."""
    from conformance.cases.save import save_cases
    from conformance.report.failures import find_shown_clauses
    from conformance.report.roots import key_of

    if out is None:
        return report
    broken = {key_of(verdict): find_shown_clauses(report, verdict) for verdict in report.verdicts}
    saved = save_cases(out, backend, report.verdicts, origin, broken)
    if saved.complaint:
        complain(saved.complaint)
    return replace(report, origin=origin, cases=saved.cases, uncased=saved.reasons)
