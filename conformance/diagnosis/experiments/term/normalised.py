"""Whether numbers are normalised that should not be: their size makes no difference, or is always the same."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from conformance.arrays import frozen
from conformance.diagnosis.experiments.laboratory import Finding
from conformance.diagnosis.experiments.term.asking import Asking, Seen
from conformance.problems.question import with_gates
from lstm_spec import Gate, Problem
from lstm_spec.types import Array

FACTOR, SHIFT = 3.0, 1.0
ALIKE, CHANGED = 1e-3, 0.05  # relative: what makes no difference, and what does
NEAR, NEAR_ONE = 2e-3, 2e-2  # of means, and of variances, which a small number in a divisor changes a little
Change = Callable[[Array], Array]


def find_normalised(asking: Asking) -> Finding | None:
    """That x, the sums z, c or y are normalised; None if none of them is."""
    seen = asking.see(far=1.0)
    said = next((words for words in _list_words(asking, seen) if words), "")
    return Finding(said, True) if said else None


def _list_words(asking: Asking, seen: Seen) -> Iterator[str]:
    yield _describe_sizes("the final cell state c_T", seen.c)
    yield _describe_sizes("the output y", seen.y)
    yield _find_scaled_inputs(asking, seen)
    yield _find_scaled_sums(asking, seen)


def _describe_sizes(name: str, a: Array) -> str:
    """That the units of each sample, or the samples of each unit, have mean 0 and variance 1, or length 1."""
    for axis, over in ((1, "over the units of each sample"), (0, "over the samples")):
        mean, variance, n = a.mean(axis), a.var(axis), a.shape[axis]
        is_one = any((np.abs(variance - size) < NEAR_ONE).all() for size in (1, (n - 1) / n))  # by n, or by n - 1
        if np.abs(mean).max() < NEAR and is_one:
            return f"{name} has mean 0 and variance 1 {over}, as a norm layer leaves it"
        length = np.sqrt((a * a).sum(axis))
        if axis == 1 and np.abs(length - 1).max() < NEAR:
            return f"{name} has length 1 {over}, as if it was normalised"
    return ""


def _find_scaled_inputs(asking: Asking, seen: Seen) -> str:
    """What of x may be larger, or shifted, without a difference."""

    def makes_none(change: Change) -> bool:
        x = frozen(change(seen.problem.x.astype(np.float64)).astype(seen.problem.dtype))
        return _is_alike(asking, seen, replace(seen.problem, x=x))

    if not makes_none(lambda x: FACTOR * x) or makes_none(lambda x: np.flip(x, 1)):
        return ""
    one = np.zeros_like(seen.problem.x)
    row, feature = one.copy(), one.copy()
    row[0, 0], feature[..., 0] = 1, 1
    over = "as a whole"
    if makes_none(lambda x: x * (1 + 2 * row)):
        over = "over its features"
    elif makes_none(lambda x: x * (1 + 2 * feature)):
        over = "over the samples"
    mean = ", and where a number is added to them" if makes_none(lambda x: x + SHIFT) else ""
    return f"x is normalised {over}: nothing changes where all numbers of x are {FACTOR:g} times as large{mean}"


def _find_scaled_sums(asking: Asking, seen: Seen) -> str:
    """Whether the sums z may be larger without a difference: those of one gate, or all of them together."""

    def enlarge(gate: Gate) -> Gate:
        W, U, b = (frozen(a * a.dtype.type(FACTOR)) for a in gate[:3])
        return gate._replace(W=W, U=U, b=b)

    def makes_none(letters: str) -> bool:
        changed = with_gates(seen.problem, lambda k, gate: enlarge(gate) if k in letters else gate)
        return _is_alike(asking, seen, changed)

    if not makes_none("ifgo"):
        return ""
    of = "those of each gate by themselves" if makes_none("i") and makes_none("g") else "those of all gates together"
    return f"the sums z are normalised, {of}: nothing changes where W, U and b are {FACTOR:g} times as large"


def _is_alike(asking: Asking, seen: Seen, problem: Problem) -> bool:
    """Whether another problem has the same answer, but for a little."""
    asking.laboratory.check_time()
    found = asking.laboratory.answer(problem)
    pairs = ((found.y[0], seen.y), (found.state.c[0], seen.c))
    return all(float(np.abs(a - b).max()) <= ALIKE * max(1.0, float(np.abs(b).max())) for a, b in pairs)
