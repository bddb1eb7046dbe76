"""Every planted mistake, and how many of them the diagnosis names. None of them uses the code of the catalogue."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.diagnosis import Diagnosis, diagnose
from conformance.targets.border import guard_backend
from tests.planted.autograd import AUTOGRAD
from tests.planted.backward import BACKWARD
from tests.planted.edits import FORWARD
from tests.planted.entry import Planted
from tests.planted.surgery import SURGERY

PLANTED: tuple[Planted, ...] = (*SURGERY, *FORWARD, *BACKWARD, *AUTOGRAD)
NEEDS_TORCH = ("weight surgery", "autograd")


class Found(NamedTuple):
    """A planted mistake and its diagnosis."""

    planted: Planted
    diagnosis: Diagnosis

    @property
    def fitting(self) -> set[str]:
        return {fault.name for fault in self.diagnosis.fitting}

    @property
    def named(self) -> bool:
        """Whether a right name is among those that fit, or, if no fault fits, the class of error is right."""
        if self.fitting:
            return bool(self.planted.means & self.fitting)
        return bool(self.planted.error) and re.search(self.planted.error, self.diagnosis.error_class) is not None

    @property
    def uniquely(self) -> bool:
        """Whether it is named, and every fault that fits is a right name."""
        return self.named and self.fitting <= self.planted.means

    @property
    def misnamed(self) -> bool:
        """Whether it has a name or a class, and all of that is wrong; that no fault fits is never wrong."""
        return not self.named and bool(self.fitting or self.diagnosis.error_class)


def diagnose_planted(planted: Planted) -> Found:
    """The planted mistake and its diagnosis. Raises AssertionError if the backend does not answer the probes."""
    with np.errstate(all="ignore"):
        found = diagnose(guard_backend(planted.build()), planted.dtype)
    assert found is not None, f"{planted.name} does not answer the probes of the diagnosis"
    return Found(planted, found)


class Tally(NamedTuple):
    """How many of the mistakes that the catalogue knows are named, and how many of the others get a wrong name."""

    known: int
    named: int
    uniquely: int
    novel: int
    misnamed: int

    def __str__(self) -> str:
        named = f"{self.named} of {self.known} named, {self.uniquely} uniquely"
        return f"{named}; {self.misnamed} of {self.novel} that the catalogue does not know misnamed"


def tally(found: Iterable[Found]) -> Tally:
    known: list[Found] = []
    novel: list[Found] = []
    for each in found:
        (novel if each.planted.novel else known).append(each)
    named, uniquely = sum(each.named for each in known), sum(each.uniquely for each in known)
    return Tally(len(known), named, uniquely, len(novel), sum(each.misnamed for each in novel))


def groups(found: Sequence[Found]) -> dict[str, list[Found]]:
    """The mistakes by group: those in one group are mathematically the same."""
    together: dict[str, list[Found]] = {}
    for each in found:
        together.setdefault(each.planted.group, []).append(each)
    return together


def tally_of_groups(found: Sequence[Found]) -> Tally:
    """The tally in which each group counts as one, with the worst result in it."""
    return tally(min(group, key=lambda each: (each.named, each.uniquely)) for group in groups(found).values())
