"""Where the gradient does not flow back from step to step, and which steps are left out: as rules, found by number."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

NEVER = "never"
Places = Mapping[int, frozenset[int]]  # the steps, by the number of steps there are


class Rule(NamedTuple):
    """Which of T steps; `k` is the number in the words."""

    name: str
    k: int
    holds: Callable[[int, int, int], bool]  # of k, t, T

    def __call__(self, t: int, T: int) -> bool:
        return self.holds(self.k, t, T)


RULES: dict[str, Callable[[int, int, int], bool]] = {
    NEVER: lambda k, t, T: False,
    "each step": lambda k, t, T: True,
    "each step but the first": lambda k, t, T: t > 0,
    "step {k}": lambda k, t, T: t == k,
    "step T − {k}": lambda k, t, T: t == T - k,
    "every {k} steps": lambda k, t, T: k > 1 and t > 0 and t % k == 0,
    "every {k} steps and step 0": lambda k, t, T: k > 1 and t % k == 0,
    "every {k} steps from the end": lambda k, t, T: k > 1 and t > 0 and (T - t) % k == 0,
    "the steps before step {k}": lambda k, t, T: t < k,
    "the steps from step {k} on": lambda k, t, T: t >= k,
    "all but the last {k} steps": lambda k, t, T: t < T - k,
    "the last {k} steps only": lambda k, t, T: t >= T - k,
}
NEVER_RULE = Rule(NEVER, 0, RULES[NEVER])


def find_rule(places: Places) -> Rule | None:
    """The first rule that gives these steps of each number of steps; None if none does."""
    T, first = next(iter(places.items()))
    numbers = {*first, *(T - t for t in first), *(t + 1 for t in first), *(T - t - 1 for t in first)}
    for name, holds in RULES.items():
        for k in sorted(n for n in numbers if n >= 0) if "{k}" in name else (1,):
            if all({t for t in range(n) if holds(k, t, n)} == steps for n, steps in places.items()):
                return Rule(name, k, holds)
    return None


class Flow(NamedTuple):
    """Before which steps nothing flows back through h, and through c; and which steps the sweep leaves out."""

    h: Rule = NEVER_RULE
    c: Rule = NEVER_RULE
    left_out: Rule = NEVER_RULE

    def describe(self) -> str:
        """What is wrong, in words."""
        return "; ".join(self._list_words())

    def _list_words(self) -> Iterator[str]:
        if self.h[:2] == self.c[:2]:
            yield from _describe_cut(self.h, "")
        else:
            yield from _describe_cut(self.h, "the hidden state")
            yield from _describe_cut(self.c, "the cell state")
        if self.left_out.name == "all but the last {k} steps":
            yield f"{TRUNCATED} the last {self.left_out.k} steps only, and those before are left out"
        elif self.left_out.name != NEVER:
            yield f"the gradients leave out {_write(self.left_out)}"


TRUNCATED = "the gradient is truncated: that of the last output reaches"


def _write(rule: Rule) -> str:
    return rule.name.format(k=rule.k)


def _describe_cut(rule: Rule, through: str) -> Iterator[str]:
    """Where nothing flows back, through one of the states or (empty) at all."""
    way = f"through {through}" if through else "to the steps before"
    if rule[:2] == ("step {k}", 0):
        initial = f"gradient of the initial {through[4:]} is" if through else "gradients of both initial states are"
        yield f"the {initial} zero (only there, not at every step)"
        return
    if rule.name == "step T − {k}" and not through:
        yield f"{TRUNCATED} the last {rule.k} steps only"
    elif rule.name == "step {k}" and not through:
        yield f"the gradient ends at step {rule.k}: nothing reaches the steps before it"
    elif rule.name.startswith("every "):
        from_end = ", counted from the end" if rule.name.endswith("end") else ""
        yield f"the gradient is cut every {rule.k} steps{from_end}: there nothing flows back {way}"
    elif rule.name.startswith("each "):
        where = "from any step, not even to the initial state" if rule.name == "each step" else "from step to step"
        yield f"the gradient does not flow back {through and f'{way} '}{where}"
    elif rule.name != NEVER:
        yield f"the gradient is cut before {_write(rule)}: there nothing flows back {way}"
