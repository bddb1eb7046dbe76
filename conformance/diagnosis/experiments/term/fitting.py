"""Which sum of terms gives these numbers, and which function: the two fits that every formula is found with."""

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from lstm_spec.equations import sigmoid
from lstm_spec.types import Array

LEAST = 1e-2  # a smaller coefficient is none
SAME = 1e-7  # what is left of a sum of other terms, relative
ITERATIONS = 15
FEW = 4  # values that are all the same are a limit
MOST = 8  # terms; more are a fit of anything
ENOUGH = 64  # points for a function; it has to pass through the others as well
Coefficients = dict[str, float]  # by term


def fit_terms(target: Array, weight: Array, terms: Mapping[str, Array], room: Array | float) -> Coefficients | None:
    """The coefficients of the terms whose sum is the target, but for room / weight; None if there are none."""
    names, used = list(terms), np.isfinite(target) & np.isfinite(weight)
    if used.sum() < 2:
        return None
    w = weight[used]
    matrix = np.stack([np.broadcast_to(a, target.shape)[used] * w for a in terms.values()], axis=1)
    wanted, allowed = target[used] * w, np.broadcast_to(room, target.shape)[used]
    told = mark_independent(matrix)
    names, matrix = [name for name, k in zip(names, told, strict=True) if k], matrix[:, told]
    kept, found = np.zeros(len(names), bool), np.zeros(0)
    while not kept.all():
        found = np.linalg.lstsq(matrix, wanted, rcond=1e-12)[0]
        kept = np.abs(found) > LEAST
        names, matrix = [n for n, k in zip(names, kept, strict=True) if k], matrix[:, kept]
    found = np.array([round_number(float(v)) for v in found])
    if len(names) > MOST or not (np.abs(matrix @ found - wanted) <= allowed).all():
        return None
    return dict(zip(names, map(float, found), strict=True))


def mark_independent(matrix: Array) -> Array:
    """Which columns are no sums of those before them."""
    basis, told = np.zeros((len(matrix), 0)), list[bool]()
    for column in matrix.T:
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)  # again, for rounding
        size = np.linalg.norm(rest)
        told.append(bool(size > SAME * np.linalg.norm(column)))
        basis = np.column_stack([basis, rest / size]) if told[-1] else basis
    return np.array(told, bool)


def round_number(value: float) -> float:
    """The nearest twelfth if it is very near; else five digits."""
    near = round(value * 12) / 12
    return near if abs(value - near) < 2e-4 * max(1.0, abs(value)) else float(f"{value:.6g}")


# ---------------------------------------------------------------- functions

FAMILIES: dict[str, Callable[[Array], Array]] = {
    "σ": sigmoid,
    "tanh": np.tanh,
    "": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "arctan": np.arctan,
    "sin": np.sin,
    "exp": np.exp,
    "rational tanh": lambda z: z * (27 + z * z) / (27 + 9 * z * z),
}
INVERSES: dict[str, Callable[[Array], Array]] = {
    "σ": lambda a: np.log(a / (1 - a)),
    "tanh": np.arctanh,
    "exp": np.log,
    "": lambda a: a,
    "softsign": lambda a: a / (1 - np.abs(a)),
}


class Shape(NamedTuple):
    """A function of one number: scale φ(slope z + shift) + offset, between two limits, of z clipped to `reach`."""

    family: str
    scale: float = 1.0
    slope: float = 1.0
    shift: float = 0.0
    offset: float = 0.0
    lowest: float = -np.inf
    highest: float = np.inf
    reach: tuple[float, float] = (-np.inf, np.inf)

    def __call__(self, z: Array) -> Array:
        z = np.clip(z, *self.reach)
        with np.errstate(all="ignore"):
            inner = FAMILIES[self.family](self.slope * z + self.shift)
        return np.clip(self.scale * inner + self.offset, self.lowest, self.highest)

    def invert(self, a: Array) -> Array:
        """What the function is a of; NaN at its limits."""
        inside = np.where((a > self.lowest) & (a < self.highest), (a - self.offset) / self.scale, np.nan)
        with np.errstate(all="ignore"):
            return (INVERSES[self.family](inside) - self.shift) / self.slope

    def measure_slope(self, z: Array) -> Array:
        """The derivative at z, from a small difference."""
        return np.asarray(np.abs(self(z + 1e-4) - self(z - 1e-4)) / 2e-4)

    def describe(self, of: str) -> str:
        """The function as a formula."""
        of = f"{of}{_write_limits(*self.reach).removeprefix(',')}"
        if not self.slope:
            return f"{self(np.zeros(())):.4g}"
        slope = "" if self.slope == 1 else "−" if self.slope == -1 else f"{self.slope:.4g} "
        inner = f"{slope}{of}{_signed(self.shift)}"
        body = f"{self.family}({inner})" if self.family else inner
        scale = "" if self.scale == 1 else "−" if self.scale == -1 else f"{self.scale:.4g} "
        body = f"{scale}{body}{_signed(self.offset)}"
        return body + _write_limits(self.lowest, self.highest)


def _write_limits(low: float, high: float) -> str:
    if np.isfinite(low) and np.isfinite(high):
        return f", clipped to [{low:.4g}, {high:.4g}]".replace("-", "−")
    limits = [f", at {'least' if v is low else 'most'} {v:.4g}" for v in (low, high) if np.isfinite(v)]
    return "".join(limits)


def _signed(value: float) -> str:
    return f" {'+' if value > 0 else '−'} {abs(value):.4g}" if value else ""


FITTED = [family for family in FAMILIES if family != "exp"]  # which fits everything for small z
FREE = ("scale", "slope", "shift", "offset")


def fit_shape(z: Array, a: Array, weight: Array, room: Array | float) -> Shape | None:
    """The simplest function of z that gives a, but for room / weight; None if none of a family does."""
    used = np.isfinite(a) & np.isfinite(z) & (np.abs(weight) > LEAST * np.abs(weight).max(initial=0))
    z, a, w, rooms = z[used], a[used], weight[used], np.broadcast_to(room, a.shape)[used]
    if len(z) < 2 * FEW:
        return None
    mean = round_number(float(np.average(a, weights=np.abs(w))))
    if (np.abs((a - mean) * w) <= rooms).all():
        return Shape("", slope=0.0, offset=mean)
    for limits, middle in _list_limits(a, 2 * np.abs(rooms / w).clip(1e-7, 1e-2)) if _is_function(z, a) else ():
        for family in FITTED if middle.sum() > FEW else ():
            found = _fit_middle(Shape(family), z[middle], a[middle], w[middle], rooms[middle])
            found = found and found._replace(lowest=limits[0], highest=limits[1])
            if found and (np.abs((found(z) - a) * w) <= rooms).all():
                return found
    return None


def _is_function(z: Array, a: Array) -> bool:
    """Whether points beside each other have values beside each other, mostly."""
    order = np.argsort(z, axis=None)
    z, a = z[order], a[order]
    share = np.clip((z[1:-1] - z[:-2]) / np.maximum(z[2:] - z[:-2], 1e-30), 0, 1)
    between = a[:-2] + share * (a[2:] - a[:-2])
    return bool(np.median(np.abs(a[1:-1] - between)) <= np.median(np.abs(a - np.median(a))) / 4)


def _list_limits(a: Array, near: Array) -> Iterator[tuple[tuple[float, float], Array]]:
    """No limits, then those that several values reach; and which values are between them."""
    yield (-np.inf, np.inf), np.ones(a.shape, bool)
    low, high = a <= a.min() + near, a >= a.max() - near
    if low.sum() >= FEW or high.sum() >= FEW:
        lowest = round_number(float(np.median(a[low]))) if low.sum() >= FEW else -np.inf
        highest = round_number(float(np.median(a[high]))) if high.sum() >= FEW else np.inf
        yield (lowest, highest), ~(low & (lowest > -np.inf)) & ~(high & (highest < np.inf))


def _fit_middle(start: Shape, z: Array, a: Array, w: Array, room: Array) -> Shape | None:
    """The function of this family with the fewest parameters changed."""
    some = slice(None, None, max(1, len(z) // ENOUGH))
    for many in range(3):
        for free in combinations(FREE, many):
            if start.family in ("", "relu") and not {"scale", "shift"}.isdisjoint(free):
                continue  # they say what slope and offset say
            found = _descend(start, free, z[some], a[some], w[some])
            found = found._replace(**_name(free, np.array([round_number(getattr(found, k)) for k in free])))
            if (np.abs((found(z) - a) * w) <= room).all():
                return found
    return None


def _name(free: tuple[str, ...], values: Array) -> dict[str, Any]:
    return dict(zip(free, map(float, values), strict=True))


def _descend(shape: Shape, free: tuple[str, ...], z: Array, a: Array, w: Array) -> Shape:
    """Gauss and Newton's iteration, with halved steps."""

    def measure(values: Array) -> Array:
        return np.asarray((shape._replace(**_name(free, values))(z) - a) * w)

    at = np.array([getattr(shape, k) for k in free])
    if not len(free):
        return shape
    for _ in range(ITERATIONS):
        here = measure(at)
        slopes = np.stack([(measure(at + step) - here) / 1e-6 for step in 1e-6 * np.eye(len(at))], axis=1)
        if not np.isfinite(slopes).all():
            break
        step = np.linalg.lstsq(slopes.T @ slopes + 1e-12 * np.eye(len(at)), -slopes.T @ here, rcond=None)[0]
        while not np.square(measure(at + step)).sum() <= np.square(here).sum() and np.abs(step).max() > 1e-9:
            step = step / 2
        at = at + step
        if np.abs(step).max() < 1e-9:
            break
    return shape._replace(**_name(free, at))
