"""What stands in the gradients of one step: each gate's, as what it should be times a ratio of products; then the sums.

A cotangent of y, h_T or c_T alone reaches each gate by one product, and with one sample the gradient of a bias is that
of its gate.
"""

from dataclasses import replace

import numpy as np

from conformance.diagnosis.experiments.term.asking import Asking, measure_room
from conformance.diagnosis.experiments.term.fitting import Coefficients, fit_terms, round_number
from conformance.diagnosis.experiments.term.ratio import Ratio, Unfit, fit_ratio
from conformance.diagnosis.experiments.term.slopes import FROM, Slopes, expect, see_slopes
from conformance.problems.question import Question
from lstm_spec import Cotangents, Problem, State, pack
from lstm_spec.types import GATES, Array

Found = dict[tuple[str, str], Ratio | Unfit]  # by part and source; what is right is not there
EVERY = "all"  # the source of what is the same for every cotangent
WHOLE_CELL = "cell"  # the part that stands for i, f, g and c_0 together


def explain_gates(asking: Asking) -> Found:
    """How the gradients of gates and c_0 differ, by the cotangent that they come from."""
    seen = {source: see_slopes(asking, source) for source in FROM}
    found: Found = _find_fixed(seen)
    fixed = {part for part, _ in found}
    for source, slopes in seen.items():
        expected = {part: slopes.expect(part, source) for part in "ifgoc"}
        got = slopes.measure_gates(expected) | {"c": slopes.dc}
        if shared := _find_shared(got, expected, source, slopes):
            found[WHOLE_CELL, source] = shared
            expected |= {part: expected[part] * shared.evaluate(slopes.factors) for part in "ifgc"}
        for part in [k for k in "ifgoc" if k not in fixed]:
            product = expect(part, source)
            if not product:
                if np.abs(got[part]).max() > slopes.unit * np.abs(slopes.cotangents[source]).max():
                    found[part, source] = Unfit()
            elif not slopes.is_near(got[part], expected[part]):
                found[part, source] = fit_ratio(got[part], expected[part], product, slopes) or Unfit()
    return found


def _find_fixed(seen: dict[str, Slopes]) -> Found:
    """What is the same whatever the cotangents are, and not zero: a product of its own."""
    found: Found = {}
    each = [
        slopes.measure_gates({k: slopes.db[:, n] for n, k in enumerate(GATES)}) | {"c": slopes.dc}
        for slopes in seen.values()
    ]
    for part in "ifgoc":
        one, *others = (got[part] for got in each)
        if one.any() and all(slopes.is_near(one, other) for other, slopes in zip(others, seen.values(), strict=False)):
            ratio = fit_ratio(one, np.ones_like(one), "", seen["y"])
            found[part, EVERY] = Unfit() if ratio is None else ratio._replace(is_all=True)
    return found


def _find_shared(got: dict[str, Array], expected: dict[str, Array], source: str, slopes: Slopes) -> Ratio | None:
    """The ratio by which what reaches the cell state is off: that of two of i, f, g and c_0 at least."""
    ratios = []
    for part in "cfig":
        if slopes.is_near(got[part], expected[part]):
            ratios.append(Ratio())
        elif ratio := fit_ratio(got[part], expected[part], expect(part, source), slopes):
            ratios.append(ratio)
    several = [ratio for ratio in ratios if ratios.count(ratio) > len(ratios) / 2 and len(ratios) > 1]
    return several[0] if several and several[0] != Ratio() else None


# ---------------------------------------------------------------- the sums


def explain_sums(asking: Asking) -> dict[str, Coefficients | None]:
    """What stands for the gradients of W, U, b, x and h_0, given those of the gates; what is right is not there."""
    slopes = see_slopes(asking, FROM)
    z = slopes.measure_gates({k: slopes.expect(k) for k in GATES})
    found: dict[str, Coefficients | None] = {}
    for k, letter in enumerate(GATES):
        new = slopes.factors["o"] * slopes.factors["tanh(c′)"]
        read = {"x": slopes.x, "h": slopes.h, "c": slopes.factors["c"], "h′": new}
        outer = {f"z_{g} {v}": z[g][:, :, None] * a[:, None] for g in GATES for v, a in read.items()}
        if slopes.x.shape == slopes.h.shape:
            outer |= {f"({n})ᵀ": a.swapaxes(1, 2) for n, a in outer.items() if n in (f"z_{letter} x", f"z_{letter} h")}
        for name, got, own in ((f"W_{letter}", slopes.dW[:, k], "x"), (f"U_{letter}", slopes.dU[:, k], "h")):
            _explain_sum(found, slopes, name, got, outer, [f"z_{letter} {own}"])
        _explain_sum(found, slopes, f"b_{letter}", slopes.db[:, k], {f"z_{g}": z[g] for g in GATES}, [f"z_{letter}"])
    for name, got, M, own in (("x", slopes.dx, slopes.W, "W"), ("h_0", slopes.dh, slopes.U, "U")):
        terms: dict[str, Array] = {}
        for matrix, A in (("W", slopes.W), ("U", slopes.U)):
            if A.shape == M.shape:
                for k, a in enumerate(GATES):
                    terms |= {f"{matrix}_{a}ᵀ z_{g}": (z[g][:, None] @ A[:, k])[:, 0] for g in GATES}
                    terms[f"{matrix}_{a} z_{a}"] = (A[:, k] @ z[a][..., None])[..., 0]
        _explain_sum(found, slopes, name, got, terms, [f"{own}_{k}ᵀ z_{k}" for k in GATES])
    return found


def _explain_sum(
    found: dict[str, Coefficients | None],
    slopes: Slopes,
    name: str,
    got: Array,
    terms: dict[str, Array],
    own: list[str],
) -> None:
    right = np.sum([terms[term] for term in own], axis=0)
    if not slopes.is_near(got, right):
        found[name] = fit_terms(got, np.ones_like(got), terms, slopes.measure_room(got, right))


def measure_batch(asking: Asking) -> dict[str, float | None]:
    """By what the gradients of W, U and b of several samples differ from the sum: 1 / B is -1, unknown is None."""
    found: dict[str, float | None] = {}
    numbers: dict[str, list[float | None]] = {"W": [], "U": [], "b": []}
    for B in (2, 5):
        asking.laboratory.check_time()
        problem, d = asking.make_question(1, B, 7, far=1.0)
        differentiate = asking.laboratory.backend.differentiate
        whole = pack(differentiate(problem, d)[1].parameters[0][0])
        parts = [pack(differentiate(*_take(problem, d, b))[1].parameters[0][0]) for b in range(B)]
        for name, got, each in zip("WUb", whole, zip(*parts, strict=True), strict=True):
            total = np.sum(each, axis=0, dtype=np.float64)
            unit = float(measure_room(asking.laboratory.dtype, np.zeros(())))
            number = round_number(float((got * total).sum() / max(np.square(total).sum(), 1e-30))) or 1.0
            fits = bool((np.abs(number * total - got) <= unit * np.abs(total).max()).all())
            numbers[name].append(number if fits else None)
    for name, (two, five) in numbers.items():
        if (two, five) != (1, 1):
            is_mean = two is not None and five is not None and abs(two - 0.5) + abs(five - 0.2) < 1e-3
            found[name] = -1.0 if is_mean else None
    return found


def _take(problem: Problem, d: Cotangents, b: int) -> Question:
    one = slice(b, b + 1)
    state = State(problem.state.h[:, one], problem.state.c[:, one])
    cotangents = Cotangents(d.y[:, one], State(d.state.h[:, one], d.state.c[:, one]))
    return Question(replace(problem, x=problem.x[:, one], state=state), cotangents)
