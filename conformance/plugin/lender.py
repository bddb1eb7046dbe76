"""The targets of `--lstm`, each lent once in every process that judges, and how they are judged."""

import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from conformance.measurements.compiling import note_compiling
from conformance.report.deviations import read_deviations
from conformance.run.options import Options
from conformance.targets.lending import Loan, check_timeout, lend_backend
from conformance.targets.origin import Origin
from conformance.targets.resolve import TargetError
from lstm_spec import Backend


class Lender:
    """What pytest's options ask for. Raises UsageError, in one sentence, for an option that is wrong."""

    def __init__(self, config: pytest.Config) -> None:
        self.targets: tuple[str, ...] = tuple(dict.fromkeys(config.getoption("--lstm")))
        self.out = Path(config.getoption("--lstm-out"))
        self.isolate: bool | None = config.getoption("lstm_isolate")
        self.timeout = _read_option(config, "--lstm-timeout", check_timeout)
        deviations = _read_option(config, "--lstm-deviations", lambda path: read_deviations(Path(path)) if path else ())
        profile = config.getoption("--lstm-profile")
        self.options: Options = _read_option(
            config, "--lstm-grade", lambda grade: Options(profile, grade=grade, deviations=deviations)
        )
        self.complaints: list[str] = []
        self.lent: dict[str, Backend] = {}
        self.measured: set[str] = set()
        self.unmade: dict[str, str] = {}  # why a target cannot be used
        self.is_worker = hasattr(config, "workerinput")  # one of pytest-xdist's processes has that
        self._stack = ExitStack()

    def lend(self, target: str) -> Backend:
        """The backend at the grade that is asked for; it is made once. Raises TargetError, always after the first."""
        if target in self.unmade:
            raise TargetError(self.unmade[target])
        if target not in self.lent:
            loan = Loan(target, None, self.isolate, self.timeout, self.out)
            with warnings.catch_warnings():
                warnings.simplefilter("default")  # as on the command line, whatever filters the tests have
                try:
                    backend = self._stack.enter_context(lend_backend(loan, self.complaints.append))
                except TargetError as error:
                    self.unmade[target] = str(error)
                    raise
            self.lent[target] = self.options.apply_to(backend)
        return self.lent[target]

    def note_first_answers(self, target: str) -> None:
        """Measure, once what it answered first was judged, whether the target compiles for every size."""
        if target not in self.measured:
            self.measured.add(target)
            self.lent[target] = note_compiling(self.lent[target])

    def list_lent(self) -> list[tuple[str, Backend]]:
        """The targets that can be used, with their backends; those that cannot are `unmade`."""
        for target in self.targets:
            with suppress(TargetError):
                self.lend(target)
        return [(target, self.lent[target]) for target in self.targets if target not in self.unmade]

    def describe_origin(self, target: str) -> Origin:
        """How the command line names the target."""
        return Origin(target, self.options.run_seed, None, self.options.grade)

    def pytest_unconfigure(self) -> None:
        """End the processes of the targets (pytest calls this)."""
        self._stack.close()


LENDER = pytest.StashKey[Lender]()


def _read_option(config: pytest.Config, name: str, read: Callable[[Any], Any]) -> Any:
    try:
        return read(config.getoption(name))
    except ValueError as error:
        raise pytest.UsageError(f"{name}: {error}") from None
