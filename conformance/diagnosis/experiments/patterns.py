"""Which places along an axis are wrong, as the simplest rule that is exactly true of all trials."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

Trial = tuple[int, frozenset[int]]  # how long the axis is, and which of its places are wrong
STRIDES = (2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64, 128)
BLOCKS = (2, 4, 8, 16, 32, 64, 128, 256)
ORDINALS = ("", "", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")

SELECT: dict[str, Callable[[int, int, int], range]] = {  # the places 0…n-1 that a rule with the numbers k and m selects
    "all": lambda n, k, m: range(n),
    "first": lambda n, k, m: range(min(n, 1)),
    "last": lambda n, k, m: range(max(n - 1, 0), n),
    "all but the first": lambda n, k, m: range(1, n),
    "all but the last": lambda n, k, m: range(n - 1),
    "one": lambda n, k, m: range(k, min(k + 1, n)),
    "from": lambda n, k, m: range(k, n),
    "up to": lambda n, k, m: range(min(k + 1, n)),
    "last few": lambda n, k, m: range(max(n - k, 0), n),
    "all but the last few": lambda n, k, m: range(n - k),
    "first half": lambda n, k, m: range(n // 2),
    "second half": lambda n, k, m: range(n // 2, n),
    "every": lambda n, k, m: range(k, n, m),
    "beyond blocks": lambda n, k, m: range(n // m * m, n),
}


class Pattern(NamedTuple):
    """A rule: its kind, a key of SELECT, and its numbers."""

    kind: str
    k: int = 0
    m: int = 0

    def select_places(self, n: int) -> frozenset[int]:
        """The places of an axis of this length that the rule selects."""
        return frozenset(SELECT[self.kind](n, self.k, self.m))

    def describe_places(self, noun: str) -> str:
        """What it selects, in words, counted from 0; empty if that is everything. The noun: sample, step, unit."""
        k, m = self.k, self.m
        stride = name_ordinal(m) if self.kind == "every" else ""
        return {
            "all": "",
            "first": f"the first {noun}",
            "last": f"the last {noun}",
            "all but the first": f"all {noun}s but the first",
            "all but the last": f"all {noun}s but the last",
            "one": f"{noun} {k}",
            "from": f"{noun}s from {k} on",
            "up to": f"{noun}s up to {k}",
            "last few": f"the last {k} {noun}s",
            "all but the last few": f"all {noun}s but the last {k}",
            "first half": f"the first half of the {noun}s",
            "second half": f"the second half of the {noun}s",
            "every": f"every {stride} {noun} ({noun} {k}, {k + m}, …)",
            "beyond blocks": f"the {noun}s beyond whole blocks of {m}",
        }[self.kind]


def name_ordinal(n: int) -> str:
    """The ordinal number of 2 or more, in words up to the tenth."""
    if n < len(ORDINALS):
        return ORDINALS[n]
    return f"{n}{'th' if n % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def fit_pattern(trials: Sequence[Trial]) -> Pattern | None:
    """The simplest rule that selects exactly what is wrong in every trial; None if there is none, or no trial."""
    return next((one for one in _list_patterns(trials) if all(one.select_places(n) == a for n, a in trials)), None)


def _list_patterns(trials: Sequence[Trial]) -> Iterator[Pattern]:
    """The rules that come into question, the simplest first."""
    if not trials or not all(wrong for _, wrong in trials):
        return
    n, wrong = max(trials, key=lambda trial: trial[0])
    least, most = min(wrong), max(wrong)
    yield from map(Pattern, ("all", "first", "last", "all but the first", "all but the last"))
    yield from (Pattern("one", least), Pattern("from", least))
    if len({n for n, _ in trials}) > 1:
        yield from (Pattern("first half"), Pattern("second half"), Pattern("up to", most))
        yield from (Pattern("last few", n - least), Pattern("all but the last few", n - 1 - most))
        yield from (Pattern("beyond blocks", m=m) for m in BLOCKS)
    if len(wrong) > 1:
        yield from (Pattern("every", least, m) for m in STRIDES if least < m)
