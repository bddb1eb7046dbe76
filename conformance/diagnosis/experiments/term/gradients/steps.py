"""What only several steps show of gradients: numbers of the wrong step, and sums over the wrong steps."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from conformance.diagnosis.experiments.term.asking import STEPS, Asking, is_near, measure_room
from conformance.diagnosis.experiments.term.fitting import Coefficients, fit_terms
from conformance.diagnosis.experiments.term.gradients.pairing import ask_gradients, name_parts
from conformance.diagnosis.experiments.term.gradients.sweeping import RULES, Explanation, Swept, differentiate
from conformance.diagnosis.experiments.term.gradients.words import QUANTITIES
from conformance.problems.question import Question
from lstm_spec import pack
from lstm_spec.types import Array

SEEDS = (2, 3)  # of the question that is explained, and of the one that the explanation has to give as well
Terms = dict[str, dict[str, Array]]  # by gradient, then by name


def explain_steps(asking: Asking, found: Explanation) -> Explanation | None:
    """The explanation with what several steps add to it; None if they add nothing that is known."""
    first, second = (asking.make_question(STEPS, asking.few, seed, far=1.0) for seed in SEEDS)
    got, again = ask_gradients(asking, first), ask_gradients(asking, second)
    for reads in list_reads():
        each = replace(found, reads=reads)
        steps = _fit_steps(asking, got, first, each)
        if steps is not None and _fits(asking, again, second, whole := replace(each, steps=steps)):
            return whole
    return None


def list_reads() -> Iterator[dict[str, str]]:
    """Nothing, then each quantity taken from each other step."""
    yield {}
    for quantity in QUANTITIES:
        yield from ({quantity: rule} for rule in RULES)


def _fit_steps(
    asking: Asking, got: dict[str, Array], question: Question, each: Explanation
) -> dict[str, Coefficients] | None:
    """Of each wrong sum, its terms step by step; None if what is no sum is wrong, or a sum has none."""
    swept = differentiate(each, *question, asking.formula)
    own, near = name_parts(swept), _compare(asking, got)
    if not (near("h_0", own["h_0"]) and near("c_0", own["c_0"])):
        return None
    steps: dict[str, Coefficients] = {}
    terms = list_step_terms(swept, question)
    for name in [name for name in "WUbx" if not near(name, own[name])]:
        target = got[name].reshape(terms[name][next(iter(terms[name]))].shape)
        found = fit_terms(target, np.ones_like(target), terms[name], measure_room(asking.laboratory.dtype, target))
        if found is None:
            return None
        steps[name] = found
    return steps


def _fits(asking: Asking, got: dict[str, Array], question: Question, found: Explanation) -> bool:
    swept = differentiate(found, *question, asking.formula)
    own, near = name_parts(swept), _compare(asking, got)
    terms = list_step_terms(swept, question)
    for name, sums in found.steps.items():
        own[name] = (
            np.sum([a * terms[name][k] for k, a in sums.items()], axis=0).reshape(got[name].shape) + 0 * got[name]
        )
    return all(near(name, a) for name, a in own.items())


def _compare(asking: Asking, got: dict[str, Array]) -> Callable[[str, Array], bool]:
    room = 2 * measure_room(asking.laboratory.dtype, *(np.abs(a).max() for a in got.values()))
    return lambda name, own: is_near(got[name], own, room)


def list_step_terms(swept: Swept, question: Question) -> Terms:
    """What the gradients of W, U, b and x may add up, step by step."""
    T, B, _, H = question.problem.sizes
    x, h, z = question.problem.x.astype(np.float64), swept.h, swept.z  # z is (T, B, 4, H)
    W = np.asarray(pack(question.problem.layer).W, np.float64).reshape(4, H, -1)
    pairs = [(t, s) for t in range(T) for s in range(T)]
    ends = [(t, T) for t in range(T)]
    terms: Terms = {
        "W": {f"z[{t}] x[{s}]": np.einsum("bkh,bi->khi", z[t], x[s]) for t, s in pairs},
        "U": {f"z[{t}] {_name_state(s)}": np.einsum("bkh,bj->khj", z[t], h[s]) for t, s in (*pairs, *ends)},
        "b": {f"z[{t}]": z[t].sum(0) for t in range(T)},
        "x": {f"x[{s}] from z[{t}]": _place(np.einsum("bkh,khi->bi", z[t], W), s, T) for t, s in pairs},
    }
    if B == 4 * H:
        for t in range(T):
            each = z[t].reshape(B, B)
            terms["W"][f"z[{t}]ᵀ x[{t}]"] = (each @ x[t]).reshape(4, H, -1)
            terms["U"][f"z[{t}]ᵀ {_name_state(t)}"] = (each @ h[t]).reshape(4, H, -1)
            terms["b"][f"z[{t}] over units"] = each.sum(1).reshape(4, H)
    if B == H:
        terms["W"] |= {f"z[{t}]ᵀ x[{t}]": np.einsum("hkb,bi->khi", z[t], x[t]) for t in range(T)}
        terms["U"] |= {f"z[{t}]ᵀ {_name_state(t)}": np.einsum("hkb,bj->khj", z[t], h[t]) for t in range(T)}
        terms["b"] |= {f"z[{t}] over units": z[t].sum(2).T for t in range(T)}
    return terms


def _name_state(s: int) -> str:
    """The hidden state before step s."""
    return f"h[{s - 1}]" if s else "h_0"


def _place(a: Array, s: int, T: int) -> Array:
    whole = np.zeros((T, *a.shape))
    whole[s] = a
    return whole
