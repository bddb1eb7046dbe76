"""Compares the formulas that the Coq files prove with those that the judge computes, on random problems.

The Coq text is read, not run: a formula changed on one side alone makes the two differ. `python -m proof.bridge`
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from conformance.tolerance import backpropagation, cell, cell_backward, rounding, trajectories
from conformance.tolerance.reading import Trajectory
from conformance.tolerance.rounding import INFLATION, Bounded
from lstm_spec.accuracy import ErrorModel
from lstm_spec.packing import Packed
from lstm_spec.types import GATES, Array, Cotangents, Gate, Parameters, Problem, State
from proof.gallina import functions

HERE = Path(__file__).parent
SUMS = {"DotProducts": ("dotx", "dota", "pw", "dot_bound"), "PartialSums": ("pre_error",)}
FORWARD = {
    **SUMS,
    "Activations": ("sigmoid_slope", "tanh_slope", "nearest_to_zero"),
    "CellStep": ("activation_error", "cell_sum_error", "cell_error", "hidden_product_error", "hidden_error"),
    "Forward": ("terms", "U", "xa", "preactivation_error", "d_sig", "d_tanh", "next_E_c", "next_E_h"),
}
BACKWARD = {
    **SUMS,
    "Products": ("factors_error", "largest", "product_error_in", "one_minus_error", "one_minus_square_error"),
    "TwoProducts": ("product_error",),
    "Backward": (
        *("w", "omt_d", "og_d", "through_h_error", "cell_cotangent_error", "E_dc"),
        *("dz_i_error", "dz_f_error", "dz_g_error", "dz_o_error"),
    ),
}
CLOSE = 1e-11  # well below INFLATION - 1, well above the rounding of either side
U64, ETA64 = 2.0**-53, 2.0**-1074  # of the oracle; one lost product costs it no more


class Differ(AssertionError):
    """A formula of the Coq text and a function of the judge do not say the same."""


class Case(NamedTuple):
    model: ErrorModel
    problem: Problem
    y: Array  # (T, B, H) what an implementation returned
    d: Cotangents
    dz: Array  # (T, B, 4H) its gate gradients


@dataclass
class Comparison:
    made: int = 0
    worst: float = 0.0

    def agree(self, what: str, proved: float, computed: float) -> None:
        """Raises Differ unless both are the same number, but for the rounding of their own evaluation."""
        difference = abs(proved - computed) / max(abs(proved), abs(computed), 1e-300)
        if not difference <= CLOSE:
            raise Differ(f"{what}: the Coq text gives {proved:.12g}, conformance/ gives {computed:.12g}")
        self.made, self.worst = self.made + 1, max(self.worst, difference)


def compare(folder: Path = HERE, cases: int = 20, seed: int = 0) -> Comparison:
    """All formulas on so many random cases. Raises Differ at the first that is not the same on both sides."""
    result, rng = Comparison(), np.random.default_rng(seed)
    oracle = rounding.with_oracle(replace(drawn(rng).model, eta=16 * ETA64))
    result.agree("ETA >= eta + 3 eta', in units of eta'", 16 + 3, oracle.eta / ETA64)
    for _ in range(cases):
        case = drawn(rng)
        forward = trajectories.observed_trajectory(case.problem, case.y, case.model)
        for b in range(case.problem.sizes[1]):
            _compare_forward(result, folder, case, forward, b)
            _compare_backward(result, folder, case, forward, b)
        _compare_sums(result, folder, case, forward)
    return result


def drawn(rng: np.random.Generator) -> Case:
    """Errors from tiny to larger than the values, no field of the model that the proofs know at its default."""
    T, B, I, H = int(rng.integers(1, 4)), 2, 3, 2
    least = rng.choice((-16, -2))  # half of the cases have errors at which slopes times errors reach their limit
    u, u_acc, u_h, u_c, eta = 10 ** rng.uniform((least, least, -6, -6, -12), (-1, -1, -1, -1, -2))
    r_s, r_t, s_abs, t_abs = rng.uniform(1, 20, 4)
    model = ErrorModel(u, u_acc, eta, r_s, r_t, s_abs, t_abs, u_h=u_h, u_c=u_c)
    scale = 10 ** rng.uniform(-1, 1)
    # F3: exact zeros are not terms, and rows differ in how many they have
    W, U = (scale * rng.normal(size=(4, H, n)) * (rng.random((4, H, n)) < 0.7) for n in (I, H))
    i, f, g, o = (Gate(W[k], U[k], rng.normal(size=H)) for k in range(4))
    x = rng.normal(size=(T, B, I)) * (1, 0, 1)
    state = State(rng.uniform(-1, 1, (1, B, H)), 3 * rng.normal(size=(1, B, H)))
    d = Cotangents(rng.normal(size=(T, B, H)), State(*rng.normal(size=(2, 1, B, H))))
    problem = Problem(((Parameters(i, f, g, o),),), x, state)
    y, dz = rng.uniform(-1, 1, (T, B, H)), rng.normal(size=(T, B, 4 * H))
    large = (np.copysign(np.maximum(np.abs(a), 2 * eta), a) for a in (y, dz))  # the proofs lose nothing when returning
    return Case(model, problem, next(large), d, next(large))


# ---------------------------------------------------------------- F4 to F9


def _compare_forward(result: Comparison, folder: Path, case: Case, forward: Trajectory, b: int) -> None:
    T, _, _, H = case.problem.sizes
    coq = functions_of(folder, FORWARD, _forward_variables(case, b))
    result.agree("E(c_0)", 0.0, float(forward.c_before.error[0, b].max()))
    for t, j in np.ndindex(T, H):
        h = forward.h_before.value[t, b]
        z = {k: coq["dotx"](coq["terms"](t, k, j, h.__getitem__)) for k in GATES}
        D = {k: coq["preactivation_error"](t, k, j, h.__getitem__) for k in GATES}
        values = {q: getattr(forward, q).value[t, b, j] for q in ("i", "f", "g", "o", "c", "squashed", "h")}
        v = SimpleNamespace(z=z, **values)

        def error(q: Bounded, at: tuple[int, int, int] = (t, b, j)) -> float:
            return float(q.error[at])

        for k in "ifo":
            result.agree(f"F5 at {k}", coq["d_sig"](v, k, values[k], D[k]), error(getattr(forward, k)))
        result.agree("F5 at g", coq["d_tanh"](z["g"], v.g, D["g"]), error(forward.g))
        before = forward.c_before.value[t, b, j]
        E = coq["next_E_c"](v, D.__getitem__, before, error(forward.c_before))
        result.agree("F6, F7", E * INFLATION, error(forward.c))
        result.agree("F8", coq["d_tanh"](v.c, v.squashed, error(forward.c)), error(forward.squashed))
        result.agree("F9", coq["next_E_h"](v, D.__getitem__, error(forward.c)) * INFLATION, error(forward.h))


def _forward_variables(case: Case, b: int) -> dict[str, Any]:
    m, (_, _, I, H), layer = case.model, case.problem.sizes, case.problem.layer
    used = case.problem.x.any(axis=(0, 1))
    fields = ("u", "u_acc", "u_h", "u_c", "r_s", "r_t", "s_abs", "t_abs", "eta")
    letters = dict(vi="i", vf="f", vg="g", vo="o", vc="c", vtau="squashed", vh="h")
    return {
        **{name: lambda K, name=name: getattr(m, name) for name in fields},
        **{name: lambda K: 0.0 for name in ("add_eta", "add_eta'")},
        "st_eta": lambda K: rounding.flush_room(rounding.with_oracle(m)),
        **{name: lambda v, letter=letter: getattr(v, letter) for name, letter in letters.items()},
        **{"u'": lambda Or: U64, "ETA": m.eta + 3 * ETA64, "K": None, "Or": None, "I": I, "H": H},
        **{"va": lambda v, k: v.z[k], "GI": "i", "GF": "f", "GG": "g", "GO": "o"},
        "W": lambda k, j, i: getattr(layer, k).W[j, i],
        "Um": lambda k, j, i: getattr(layer, k).U[j, i],
        "b1": lambda k, j: getattr(layer, k).b[j],
        "b2": lambda k, j: 0.0,
        "x": lambda t, i: case.problem.x[t, b, i],
        "c0": lambda j: case.problem.state.c[0, b, j],
        "N": lambda k, j: (
            np.count_nonzero(getattr(layer, k).W[j] * used) + np.count_nonzero(getattr(layer, k).U[j]) + 2
        ),
    }


# ---------------------------------------------------------------- F10 to F15


def _compare_backward(result: Comparison, folder: Path, case: Case, forward: Trajectory, b: int) -> None:
    T, _, _, H = case.problem.sizes
    got = backpropagation.observed_backpropagation(case.problem, forward, case.d, case.dz, case.model)
    for j in range(H):
        coq: dict[str, Any] = {}
        coq.update(functions_of(folder, BACKWARD, _backward_variables(case, forward, b, j, coq)))
        for r, k in np.ndindex(T, 4):
            at = (T - 1 - r, b, k * H + j)
            proved = coq[f"dz_{GATES[k]}_error"](r, got.dz.value[at]) * INFLATION + 6 * coq["ETA"]
            result.agree(f"F10 to F15 at dz_{GATES[k]}", proved, got.dz.error[at])
        f, dc, last = ((coq["gf"](T - 1), coq["dgf"](T - 1)),), coq["dc"](T - 1), coq["E_dc"](T - 1)
        proved = coq["product_error"](coq["qv"](T), dc, last, f, 1, coq["w"], coq["ETA"])
        result.agree("F16 at dc_0", proved * INFLATION + coq["ETA"], got.dc.error[b, j])


def _backward_variables(case: Case, forward: Trajectory, b: int, j: int, coq: dict[str, Any]) -> dict[str, Any]:
    """The oracle's values by the equations, as functions of r; `coq` is where the formulas will be."""
    T, _, _, H = case.problem.sizes
    m, U = case.model, np.concatenate([getattr(case.problem.layer, k).U for k in GATES])
    terms = np.count_nonzero(U[:, j]) if T > 1 else 0  # F3: of a single step there are no later gate gradients
    later = np.concatenate([case.dz[1:, b], np.zeros((1, 4 * H))]) * U[:, j]
    outside = case.d.y[:, b, j] + np.eye(T)[T - 1] * case.d.state.h[0, b, j]
    sizes = np.abs(case.d.y[:, b, j]) + np.eye(T)[T - 1] * abs(case.d.state.h[0, b, j])

    def E_dh(r: int) -> float:
        S = sizes[T - 1 - r] + np.abs(later[T - 1 - r]).sum()
        return coq["dot_bound"](max(terms, 1) + 1 + 2, m.u_acc + U64, coq["ETA"], S)

    def through_c(r: int) -> float:
        return coq["dc"](r - 1) * coq["gf"](r - 1) if r else case.d.state.c[0, b, j]

    return {
        **_given_to_backward(forward, b, j),
        "dh": by_r(outside + later.sum(axis=1)),
        "edh": E_dh,
        "av": lambda r: coq["dh"](r) * coq["go"](r) * coq["omt"](r),
        "qv": through_c,
        "dc": lambda r: coq["av"](r) + coq["qv"](r),
        **{"u": m.u, "u'": U64, "uc": m.u_c, "ETA": m.eta + 3 * ETA64, "ES": m.eta + 3 * ETA64},
    }


def _given_to_backward(forward: Trajectory, b: int, j: int) -> dict[str, Any]:
    names = dict(gi="i", gf="f", gg="g", go="o", tau="squashed", cp="c_before")
    values = {name: getattr(forward, q) for name, q in names.items()}
    return {
        **{name: by_r(q.value[:, b, j]) for name, q in values.items()},
        **{f"d{name}": by_r(q.error[:, b, j]) for name, q in values.items()},
        **{f"om{k}": by_r(1 - values[f"g{k}"].value[:, b, j]) for k in "ifo"},
        "og": by_r(1 - forward.g.value[:, b, j] ** 2),
        "omt": by_r(1 - forward.squashed.value[:, b, j] ** 2),
    }


def by_r(values: Array) -> Callable[[int], float]:
    """Of an array over t, the function of r = T - 1 - t."""
    return lambda r: float(values[len(values) - 1 - r])


# ---------------------------------------------------------------- F13 and F16 as dot products, and the term with pre


def _compare_sums(result: Comparison, folder: Path, case: Case, forward: Trajectory) -> None:
    T, B, _, H = case.problem.sizes
    m, w = case.model, trajectories.read_plain(case.problem).w
    coq = functions_of(folder, SUMS, {})
    got = backpropagation.observed_backpropagation(case.problem, forward, case.d, case.dz, m)
    dz, x, h = (a.reshape(T * B, -1) for a in (case.dz, case.problem.x, forward.h_before.value))
    sums = (
        ("dW", got.dW, dz.T, x, lambda column: T * B),
        ("dU", got.dU, dz.T, h, lambda column: T * B),
        ("db", Bounded(*(a[:, None] for a in got.db)), dz.T, np.ones((T * B, 1)), lambda column: T * B),
        ("dx", Bounded(*(a.reshape(T * B, -1) for a in got.dx)), dz, w.W, lambda i: np.count_nonzero(w.W[:, i])),
        ("dh_0", got.dh, dz[:B], w.U, lambda j: np.count_nonzero(w.U[:, j])),
    )
    for name, q, a, b, terms in sums:
        for at, S in np.ndenumerate(np.abs(a) @ np.abs(b)):
            proved = coq["dot_bound"](terms(at[1]) + 2, m.u_acc + U64, m.eta + 3 * ETA64, S)
            result.agree(f"F16 at {name}", proved * INFLATION, float(q.error[at]))
    _compare_pre(result, coq, case, w)


def _compare_pre(result: Comparison, coq: dict[str, Any], case: Case, w: Packed) -> None:
    plain = rounding.with_oracle(case.model)
    x, h, dz = case.problem.x[0], rounding.exact(case.y[0]), rounding.exact(case.dz[0])
    loss, later = cell_backward.make_sum(case.d.y[0]), cell.multiply_transposed(dz, w.U)
    wx, uh = cell.multiply_transposed(rounding.exact(x), w.W.T), cell.multiply_transposed(h, w.U.T)
    for pre in range(3):
        m = replace(plain, pre=pre)
        z = [cell.add_recurrent(cell.receive_input(wx, w.b, 9, model), uh, model) for model in (plain, m)]
        A = np.abs(x @ w.W.T) + np.abs(h.value @ w.U.T) + np.abs(w.b)
        for at in np.ndindex(A.shape):
            result.agree("F4 with pre", coq["pre_error"](m.u, pre, A[at], z[0].error[at]), float(z[1].error[at]))
        dh = [cell_backward.hidden_cotangent(loss, np.zeros(()), later, model) for model in (plain, m)]
        A = loss.size + np.abs(later.value)
        for at in np.ndindex(A.shape):
            result.agree("F13 with pre", coq["pre_error"](m.u, pre, A[at], dh[0].error[at]), float(dh[1].error[at]))


def functions_of(folder: Path, wanted: dict[str, tuple[str, ...]], variables: dict[str, Any]) -> dict[str, Any]:
    return functions({folder / f"{name}.v": definitions for name, definitions in wanted.items()}, variables)


if __name__ == "__main__":
    outcome = compare(cases=100)
    print(f"bridge: {outcome.made} comparisons of proved with computed bounds, all equal to {outcome.worst:.0e}")
