"""What was got, in units of what was expected: a product of powers of gates and their slopes, found by a fit."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.experiments.term.fitting import fit_terms, round_number
from conformance.diagnosis.experiments.term.gradients.slopes import (
    ALIKE,
    CELL,
    OUTPUT,
    VARIABLES,
    Slopes,
    multiply_named,
)
from lstm_spec.types import Array

SMALL = 0.02  # of the largest: what is smaller says little
POWERS = {1: "", 2: "²", 3: "³"}
OTHERS = ("i", "f", "g", "o", "c", "tanh(c′)")
WHOLE = 0.1  # an exponent is so near a whole number


class Ratio(NamedTuple):
    """What was got, divided by what was expected: a number, powers of factors, and a sum for one of the factors."""

    number: float = 1.0
    powers: tuple[tuple[str, int], ...] = ()
    replaced: str = ""
    by: tuple[tuple[str, float], ...] = ()  # products of factors, 1 being none of them
    alone: str = ""  # of what it is all there is, or added: what to say of that

    def evaluate(self, factors: Mapping[str, Array]) -> Array:
        """The ratio, element by element."""
        found = self.number * np.prod([factors[name] ** float(n) for name, n in self.powers], axis=0)
        if not self.replaced:
            return np.asarray(found)
        new = sum(a * multiply_named(n, factors) for n, a in self.by)
        return np.asarray(found * new / multiply_named(self.replaced, factors))

    def describe(self) -> str:
        """What is wrong, as a predicate."""
        if not self.number:
            return "is zero"
        ordered = sorted(self.powers, key=lambda power: (not power[0].isalpha(), power))
        if self.alone:
            powers = [name if n == 1 else f"({name})^{n}" for name, n in ordered]
            size = [f"{abs(self.number):.4g}"] * (abs(self.number) != 1 or not powers)
            return self.alone.format("−" * (self.number < 0) + " · ".join(size + powers))
        lacks = [name for name, n in ordered for _ in range(-n)]
        has = [name for name, n in ordered for _ in range(n)]
        said = [f"lacks the factor {' · '.join(lacks)}"] if lacks else []
        said += [f"has the factor {' · '.join(has)} once too often"] if has else []
        if lacks and has:
            said = [f"has the factor {' · '.join(has)} instead of {' · '.join(lacks)}"]
        said += (
            [f"has the factor {_write_powers(self)} instead of {self.replaced.replace(' ', ' · ')}"]
            if self.replaced
            else []
        )
        said += ["has the wrong sign"] if self.number == -1 else []
        said += [f"is {self.number:.4g} times what it should be"] if abs(self.number) != 1 else []
        return " and ".join(said)


def _write_powers(ratio: Ratio) -> str:
    text = ""
    for product, a in ratio.by:
        names = [f"{k}{POWERS[n]}" for k, n in Counter(product.split()).items() if k != "1"]
        size = f"{abs(a):.4g}" if abs(a) != 1 or not names else ""
        sign = ("−" if a < 0 else "") if not text else " − " if a < 0 else " + "
        text += f"{sign}{' '.join(filter(None, (size, ' · '.join(names))))}"
    return f"({text or '0'})" if len(ratio.by) != 1 or text[:1].isdigit() else text


def fit_ratio(got: Array, expected: Array, product: str, slopes: Slopes) -> Ratio | None:
    """What is got in units of what is expected; None if it is no such ratio."""
    room = slopes.measure_room(got, expected)
    if (np.abs(got) <= slopes.unit * np.abs(expected).max()).all():
        return Ratio(0.0)
    used = np.all([a != 0 for a in slopes.factors.values()], axis=0) & np.isfinite(got)
    used &= (np.abs(got) > SMALL * np.abs(got).max()) & (np.abs(expected) > SMALL * np.abs(expected).max())
    if used.sum() < 2 * len(slopes.factors):
        return None
    ratio = got[used] / expected[used]
    factors = {name: a for name, a in slopes.factors.items() if name not in ALIKE}
    logs = np.stack([np.log(np.abs(a[used])) for a in factors.values()] + [np.ones(used.sum())], axis=1)
    *powers, size = np.linalg.lstsq(logs, np.log(np.abs(ratio)), rcond=None)[0]
    whole = {name: round(n) for name, n in zip(factors, powers, strict=True)}
    if max(abs(n - round(n)) for n in powers) < WHOLE:
        kept = tuple((name, n) for name, n in whole.items() if n)
        powers_of = [slopes.factors[name] ** float(n) for name, n in kept]
        product_of = np.prod([np.ones(got.shape), *powers_of], axis=0)
        number = round_number(float(np.median(ratio / product_of[used])))
        if (np.abs(number * product_of * expected - got) <= room).all():
            return Ratio(number, kept)
    return _fit_sum(got, expected, product, slopes, room)


def _fit_sum(got: Array, expected: Array, product: str, slopes: Slopes, room: float) -> Ratio | None:
    """One factor, or what leads from h to c, replaced by a sum of products."""
    for name in (*dict.fromkeys(product.split()), *([CELL] if product.startswith(CELL) else []), "1"):
        with np.errstate(all="ignore"):
            rest = expected / multiply_named(name, slopes.factors)
        for products in _list_sums(name):
            terms = {n: multiply_named(n, slopes.factors) for n in products}
            with np.errstate(all="ignore"):
                found = fit_terms(got / rest, rest, terms, room)
            if found is not None:
                return Ratio(1.0, (), name, tuple(found.items()))
    return None


def _list_sums(name: str) -> Iterator[tuple[str, ...]]:
    """Of which products the sum may be made that stands for a factor."""
    if name in ("1", CELL):
        yield "1", CELL, OUTPUT
        return
    variable = VARIABLES.get(name, name)
    if name == "tanh(c′)":
        yield ALIKE
    for v in (variable, *(("σ(c′)", "c′") if variable == "tanh(c′)" else ())):
        yield "1", v, f"{v} {v}", f"{v} {v} {v}"
        yield "1", *(f"{v} {w}" for w in OTHERS if w != v)


class Unfit(NamedTuple):
    """A gradient that is no such product."""

    def describe(self) -> str:
        """What is wrong, as a predicate."""
        return "is not that of the equations; its formula is unknown"
