"""Conditions on the sizes T, B, I and H, and those of them that agree with all that was asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import prod

from conformance.diagnosis.experiments.laboratory import Sizes

LETTERS = "TBIH"
Known = Mapping[Sizes, bool]  # by sizes, whether the answer is wrong
MULTIPLES = (2, 3, 4, 5, 6, 7, 8, 16, 32, 64)


@dataclass(frozen=True)
class Condition:
    """A condition on one size, on the product of several, or on two beside each other; none if `kind` is "always"."""

    kind: str  # always, =, ≥, ≤, multiple, no multiple, power, no power, one more, one less, same, other, more
    letters: tuple[int, ...] = ()  # places in LETTERS
    k: int = 0

    def holds_at(self, sizes: Sizes) -> bool:
        """Whether the sizes meet it."""
        values = [sizes[n] for n in self.letters]
        n, k = prod(values), self.k
        match self.kind:
            case "=":
                return n == k
            case "≥":
                return n >= k
            case "≤":
                return n <= k
            case "multiple":
                return n % k == 0
            case "no multiple":
                return n % k != 0
            case "power":
                return n & (n - 1) == 0
            case "no power":
                return n & (n - 1) != 0
            case "one more":
                return n > k and n % k == 1
            case "one less":
                return n % k == k - 1
            case "same":
                return values[0] == values[1]
            case "other":
                return values[0] != values[1]
            case "more":
                return values[0] > values[1]
        return True

    def __str__(self) -> str:
        """In words, as they stand after "where"."""
        names = [LETTERS[n] for n in self.letters]
        whole, k = "·".join(names), self.k
        if self.kind == "≥" and _is_round(k - 1):
            return f"{whole} > {k - 1:,}"
        if self.kind == "≤" and _is_round(k + 1) and k > 20:
            return f"{whole} < {k + 1:,}"
        return {
            "multiple": f"{whole} is a multiple of {k}",
            "no multiple": f"{whole} is not a multiple of {k}",
            "power": f"{whole} is a power of 2",
            "no power": f"{whole} is not a power of 2",
            "one more": f"{whole} is a multiple of {k} plus 1",
            "one less": f"{whole} is a multiple of {k} minus 1",
            "same": " = ".join(names),
            "other": " ≠ ".join(names),
            "more": " > ".join(names),
        }.get(self.kind, f"{whole} {self.kind} {k:,}")


def _is_round(n: int) -> bool:
    """Whether it is a number that people choose: a power of two, or a multiple of 10 or 32."""
    return n > 1 and (n & (n - 1) == 0 or n % 10 == 0 or n % 32 == 0)


Rule = tuple[Condition, ...]  # all of them hold


def meets_rule(rule: Rule, sizes: Sizes) -> bool:
    """Whether the sizes meet every condition."""
    return all(condition.holds_at(sizes) for condition in rule)


def find_rules(known: Known) -> list[Rule]:
    """The rules that are met exactly where the answers are wrong, the simplest first.

    Rules of two conditions are among them unless there is one of a single size.
    """
    parts = [one for one in list_conditions(known) if all(one.holds_at(at) for at, wrong in known.items() if wrong)]
    right = [at for at, wrong in known.items() if not wrong]
    met = {one: sum(1 << k for k, at in enumerate(right) if one.holds_at(at)) for one in parts}  # by right answers
    single: list[Rule] = [(one,) for one in met if not met[one]]
    if any(len(one.letters) < 2 or one.kind != "≥" for (one,) in single):
        return single
    telling = [one for one in met if met[one] and met[one] + 1 < 1 << len(right)]
    return single + [(a, b) for a, b in combinations(telling, 2) if not met[a] & met[b]]


def list_conditions(known: Known) -> Iterator[Condition]:
    """The conditions that come into question, the simplest first."""
    yield Condition("always")
    singles: list[tuple[int, ...]] = [(n,) for n in range(4)]
    for letters in singles:
        yield Condition("=", letters, 1)
    for letters in singles:
        yield from _list_limits(known, letters)
    for letters in singles:
        yield from (Condition(kind, letters, m) for kind in ("no multiple", "multiple") for m in MULTIPLES[::-1])
        yield from (Condition(kind, letters) for kind in ("power", "no power"))
    pairs = list(combinations(range(4), 2))
    for pair in pairs:
        yield from (Condition("same", pair), Condition("other", pair), Condition("more", pair))
        yield Condition("more", pair[::-1])
    for several in (*pairs, (0, 1, 3)):
        yield from _list_limits(known, several, is_product=True)
    for letters in singles:
        yield from (Condition(kind, letters, m) for kind in ("one more", "one less") for m in MULTIPLES[::-1] if m > 3)
        yield from (Condition("=", letters, k) for k in _read_values(known, letters, True))


def _list_limits(known: Known, letters: tuple[int, ...], is_product: bool = False) -> Iterator[Condition]:
    """At least or at most so much: as in the outermost wrong answer, or as far further as none is known to be right."""
    wrong, right = (_read_values(known, letters, is_wrong) for is_wrong in (True, False))
    if not wrong:
        return
    least, most = wrong[0], wrong[-1]
    below, above = max([n for n in right if n < least], default=0), min([n for n in right if n > most], default=0)
    between = [least + (below + 1 - least) * k // 4 for k in range(5)]  # so that half of the way is asked first
    lower = [] if is_product else [2 + (below - 2) * k // 4 for k in range(4, -1, -1)]  # another condition may hide it
    yield from (Condition("≥", letters, k) for k in dict.fromkeys(between + lower) if k > 1)
    if above and not is_product:
        yield from (Condition("≤", letters, most + (above - 1 - most) * k // 4) for k in range(5))


def _read_values(known: Known, letters: tuple[int, ...], is_wrong: bool) -> list[int]:
    return sorted({prod(at[n] for n in letters) for at, wrong in known.items() if wrong == is_wrong})
