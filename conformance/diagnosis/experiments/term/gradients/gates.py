"""What stands in the gradients of one step: each gate's, as what it should be times a ratio of products; then the sums.

A cotangent of y, h_T or c_T alone reaches each gate by one product, and with one sample the gradient of a bias is that
of its gate.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from conformance.diagnosis.experiments.term.asking import Asking, measure_room
from conformance.diagnosis.experiments.term.fitting import Coefficients, fit_terms
from conformance.diagnosis.experiments.term.gradients.ratio import Ratio, Unfit, fit_ratio
from conformance.diagnosis.experiments.term.gradients.slopes import (
    FROM,
    PRODUCTS,
    Slopes,
    expect,
    multiply_named,
    see_slopes,
)
from conformance.problems.question import Question
from lstm_spec import Cotangents, Problem, State, pack
from lstm_spec.types import GATES, Array

Found = dict[tuple[str, str], Ratio | Unfit]  # by part and source; what is right is not there
EVERY = "all"  # the source of what is the same for every cotangent
ALONE = "is {}, whatever the cotangents are"
ADDED = "has {} added, whatever the cotangents are"
UNEXPECTED = "is {} times that cotangent, expected nothing"
SEVERAL = 10  # samples, of which blocks of eight leave some
WHOLE_CELL = "cell"  # the part that stands for i, f, g and c_0 together


def explain_gates(asking: Asking) -> Found:
    """How the gradients of gates and c_0 differ, by the cotangent that they come from."""
    base = see_slopes(asking, ())
    constant = base.measure_gates(dict.fromkeys(GATES, np.zeros_like(base.dc))) | {"c": base.dc}
    found = _explain_constant(constant, base)
    for source in FROM:
        slopes = see_slopes(asking, source)
        expected = {part: slopes.expect(part, source) for part in "ifgoc"}
        got = slopes.measure_gates({k: expected[k] + constant[k] for k in GATES}) | {"c": slopes.dc}
        got = {k: a - constant[k] for k, a in got.items()}
        if shared := _find_shared(got, expected, source, slopes):
            found[WHOLE_CELL, source] = shared
            expected |= {part: expected[part] * shared.evaluate(slopes.factors) for part in "ifgc"}
        for part in "ifgoc":
            if slopes.is_near(got[part], expected[part]):
                continue
            if product := expect(part, source):
                found[part, source] = fit_ratio(got[part], expected[part], product, slopes) or Unfit()
            elif np.abs(got[part]).max() > slopes.unit * np.abs(slopes.cotangents[source]).max():
                ratio = fit_ratio(got[part], slopes.cotangents[source], "", slopes)
                found[part, source] = ratio._replace(alone=UNEXPECTED) if ratio else Unfit()
    return _join_constant(found)


def _explain_constant(constant: dict[str, Array], base: Slopes) -> Found:
    """What is there although all cotangents are zero: the same products whatever they are."""
    found: Found = {}
    wrong = [part for part, a in constant.items() if np.abs(a).max() > base.unit]
    products = {part: multiply_named(PRODUCTS.get(part, ""), base.factors) for part in wrong}
    shared = [fit_ratio(constant[part], products[part], "", base) for part in wrong if part != "o"]
    if set("ifgc") <= set(wrong) and shared[0] and shared.count(shared[0]) == len(shared):
        found[WHOLE_CELL, EVERY] = shared[0]._replace(alone=ADDED)
        wrong = [part for part in wrong if part == "o"]
    for part in wrong:
        ratio = fit_ratio(constant[part], np.ones_like(base.dc), "", base)
        found[part, EVERY] = ratio._replace(alone=ADDED) if ratio else Unfit()
    return found


def _join_constant(found: Found) -> Found:
    """The same; what is a constant product and nothing else is said once."""
    for part in [part for part, source in found if source == EVERY]:
        sources = [s for s in FROM if expect(part if part in "ifgoc" else "c", s)]
        zero = [s for s in sources if found.get((part, s)) == Ratio(0.0)]
        ratio = found[part, EVERY]
        if len(zero) == len(sources) and isinstance(ratio, Ratio):
            found[part, EVERY] = ratio._replace(alone=ALONE)
            for s in zero:
                del found[part, s]
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
        terms |= {"dh_T": slopes.cotangents["h"], "dy": slopes.cotangents["y"]} if name == "h_0" else {}
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


def measure_batch(asking: Asking) -> dict[str, float | tuple[int, ...] | None]:
    """Which gradients of W, U and b are no sums over the samples.

    A mean is -1, the samples that are left out of several are a tuple, and what is neither is None.
    """
    found: dict[str, float | tuple[int, ...] | None] = {}
    weights: dict[str, list[Coefficients | None]] = {"W": [], "U": [], "b": []}
    for B in (2, SEVERAL):
        asking.laboratory.check_time()
        problem, d = asking.make_question(1, B, 7, far=1.0)
        differentiate = asking.laboratory.backend.differentiate
        whole = pack(differentiate(problem, d)[1].parameters[0][0])
        parts = [pack(differentiate(*_take(problem, d, b))[1].parameters[0][0]) for b in range(B)]
        for name, got, each in zip("WUb", whole, zip(*parts, strict=True), strict=True):
            weights[name].append(_weigh_samples(asking, got.astype(np.float64), each))
    for name, (two, several) in weights.items():
        if two is None or several is None:
            found[name] = None
        elif two == {"0": 0.5, "1": 0.5} and set(several.values()) == {1 / SEVERAL}:
            found[name] = -1.0
        elif (two, several) != tuple({str(b): 1.0 for b in range(B)} for B in (2, SEVERAL)):
            left_out = tuple(b for b in range(SEVERAL) if str(b) not in several)
            found[name] = left_out if set(several.values()) == {1.0} else None
    return found


def _weigh_samples(asking: Asking, got: Array, each: Sequence[Array]) -> Coefficients | None:
    """By how much each sample counts in what was got of all; None if that is no sum of theirs."""
    terms = {str(b): a.astype(np.float64) for b, a in enumerate(each)}
    room = measure_room(asking.laboratory.dtype, *(np.abs(a).max() for a in terms.values()))
    for weight in (1.0, 1 / len(each)):
        if (np.abs(weight * sum(terms.values()) - got) <= room).all():
            return dict.fromkeys(terms, weight)
    return fit_terms(got, np.ones(got.shape), terms, room)


def _take(problem: Problem, d: Cotangents, b: int) -> Question:
    one = slice(b, b + 1)
    state = State(problem.state.h[:, one], problem.state.c[:, one])
    cotangents = Cotangents(d.y[:, one], State(d.state.h[:, one], d.state.c[:, one]))
    return Question(replace(problem, x=problem.x[:, one], state=state), cotangents)
