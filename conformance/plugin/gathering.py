"""The verdicts of all processes, gathered where pytest writes its report.

Nothing that pytest calls a pass, a skip or an expected failure counts here, only verdicts: a test that was selected and
left none is lost, and its target fails.
"""

import warnings
from collections import defaultdict
from collections.abc import Generator
from typing import Any

import pytest

from conformance.plugin.delivery import Delivered, take_verdict
from conformance.plugin.lender import Lender
from conformance.plugin.selected import Asked, list_asked, parse_node, quote_target
from conformance.plugin.whole import Whole, conclude_whole
from conformance.report.report import Report
from conformance.run.check import prepare_findings
from conformance.targets.raised import describe_raised


class Gathering:
    """What was selected, what was delivered, and the whole of each target."""

    def __init__(self, lender: Lender, is_each: bool) -> None:
        self.lender, self.is_each = lender, is_each  # whether every process runs every test
        self.processes = 0
        self.selected: dict[str, Asked] = {}  # by the names of the tests
        self.delivered: dict[str, list[Delivered]] = defaultdict(list)
        self.silences: dict[str, str] = {}  # what pytest says of a test without a verdict
        self.wholes: dict[str, Whole] = {}
        self.mishaps: dict[str, str] = {}  # why a target has no whole
        self.is_over = True  # whether no test is still to run

    # ---------------------------------------------------------------- before the tests

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Make every target. Raises UsageError if none can be used, or asked anything."""
        for target, backend in self.lender.list_lent():
            if not list_asked(target, backend, self.lender.options):
                statement = Report(prepare_findings(backend, self.lender.options)).statement
                self.lender.unmade[target] = f"{target}: {statement}"
        if len(self.lender.unmade) == len(self.lender.targets):
            raise pytest.UsageError("\n".join(f"--lstm: {reason}" for reason in self.lender.unmade.values()))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """From now on tests are to be run."""
        self.is_over = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which tests are left."""
        self._note_selected([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note which tests are left in one of several processes."""
        self._note_selected(ids)

    def _note_selected(self, nodes: list[str]) -> None:
        self.processes += 1
        asked = {node: found for node in nodes if (found := parse_node(node, self.lender.targets))}
        if not asked:
            raise pytest.UsageError(
                "--lstm judged nothing, because none of our tests is left; "
                "ask for them (pytest --pyargs conformance --lstm TARGET), and deselect less"
            )
        self.selected |= asked

    # ---------------------------------------------------------------- the tests

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the verdict from the report."""
        if delivered := take_verdict(report):
            self.delivered[report.nodeid].append(delivered)
        elif not report.passed or report.when == "call":
            self.silences.setdefault(report.nodeid, _describe_silence(report))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Conclude when the tests have run; if pytest stopped early, from the verdicts that there are."""
        if session.config.option.collectonly:
            self.is_over = True
            return (yield)
        try:
            result = yield
        except (session.Failed, KeyboardInterrupt) as stopped:
            if type(stopped) is not KeyboardInterrupt:  # pytest stopped, or pytest-xdist did, and not the user
                self._conclude(session, is_cut=True)
            raise
        self._conclude(session, is_cut=False)
        return result

    def _conclude(self, session: pytest.Session, is_cut: bool) -> None:
        copies = self.processes if self.is_each else 1
        for target, reason in self.lender.unmade.items():
            self._report_failure(session, target, reason)
        for target, _ in self.lender.list_lent():
            asked = {node: what for node, what in self.selected.items() if what.target == target}
            lost = {node: what for node, what in asked.items() if len(self.delivered[node]) < copies}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what the target warns of was shown with its tests
                try:
                    report = conclude_whole(target, self.lender, asked, self.delivered, [*lost.values()])
                except Exception as error:  # a mistake of ours: the other targets are concluded
                    self.mishaps[target] = f"{target}: suite error, please report it: {describe_raised(error)}"
                    self._report_failure(session, target, self.mishaps[target])
                    continue
            silence = next((self.silences[node] for node in lost if node in self.silences), "")
            whole = self.wholes[target] = Whole(report, len(asked), [*lost.values()], silence, is_cut)
            if whole.has_failed:
                self._report_failure(session, target, whole.text)
        self.is_over = True

    def _report_failure(self, session: pytest.Session, target: str, text: str) -> None:
        """Report one more test that failed, so that every reader of pytest's results sees it."""
        file = next(iter(self.selected)).partition("::")[0]
        name = f"the_whole[{quote_target(target)}]"
        report = pytest.TestReport(f"{file}::{name}", (file, None, name), {}, "failed", text, "call")
        session.testscollected += 1  # else the progress would be above 100 %
        session.config.hook.pytest_runtest_logreport(report=report)

    # ---------------------------------------------------------------- after the tests

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Let nobody turn what has failed, or was never concluded, into a success."""
        failures = [whole.has_failed for whole in self.wholes.values()]
        has_failed = not self.is_over or bool(self.lender.unmade or self.mishaps) or any(failures)
        try:
            return (yield)
        except pytest.exit.Exception as ended:
            if has_failed and ended.returncode == pytest.ExitCode.OK:
                ended.returncode = pytest.ExitCode.TESTS_FAILED
            raise
        finally:
            if has_failed and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the statement on each target."""
        sentences = [f"{target}: {whole.sentence}" for target, whole in self.wholes.items()]
        if not self.is_over:
            sentences = [f"pytest ended early, with {len(self.delivered)} of {len(self.selected)} verdicts"]
        if sentences := [*self.lender.complaints, *self.lender.unmade.values(), *self.mishaps.values(), *sentences]:
            terminalreporter.section("lstm-spec")
            terminalreporter.write("".join(f"{sentence}\n" for sentence in sentences))


def _describe_silence(report: pytest.TestReport) -> str:
    """What pytest says of a test that left no verdict."""
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    mark = getattr(report, "wasxfail", "")
    last = next(iter(reversed(f"{said or mark}".strip().splitlines())), "")
    return f"{report.outcome}: {last}" if last else str(report.outcome)
