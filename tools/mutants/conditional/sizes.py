"""Conditions on sizes."""

import random

import numpy as np

from lstm_spec import Problem
from tools.mutants.conditional.effects import Conditional, draw_effect, switch_calls

MODULI = (2, 3, 4, 5, 6, 7, 8, 16, 32)


def draw_size(rng: random.Random, largest: int = 200) -> int:
    """A size from 2 to about the largest; half of them are powers of two."""
    n = round(2 ** rng.uniform(1, np.log2(largest)))
    return n if rng.random() < 0.5 else max(2, 2 ** round(np.log2(n)))


def draw_at_sizes(rng: random.Random, condition: str, words: str, backward: bool = False) -> Conditional:
    """A mistake where an expression of T, B, I and H is true; the words are a pattern for how it is said."""
    code, mutant = compile(condition, "<condition>", "eval"), draw_effect(rng, backward=backward)

    def holds(problem: Problem) -> bool:
        return bool(eval(code, dict(zip("TBIH", problem.sizes, strict=True))))

    about = "gradients" if backward else "answers"
    pattern = rf"its {about} are wrong only where ({words}) \("
    name = f"{condition}{' in the gradient' if backward else ''}"
    return Conditional("", name, pattern, mutant.name, switch_calls(mutant, lambda: holds))


def draw_limit(rng: random.Random, backward: bool = False) -> Conditional:
    """A size above a limit."""
    letter, k = "T" if backward else rng.choice("TBIH"), draw_size(rng)
    return draw_at_sizes(rng, f"{letter} > {k}", f"{letter} > {k}|{letter} ≥ {k + 1}", backward)


def draw_small(rng: random.Random) -> Conditional:
    """A size of one, or up to a few."""
    letter, k = rng.choice("TBIH"), rng.choice((1, 1, 1, 2, 5, 9))
    return draw_at_sizes(
        rng, f"{letter} <= {k}", f"{letter} ≤ {k}|{letter} < {k + 1}|{letter} = {k}" if k == 1 else f"{letter} ≤ {k}"
    )


def draw_multiple(rng: random.Random) -> Conditional:
    """A size that is a multiple, or is none."""
    letter, m, is_one = rng.choice("TBIH"), rng.choice(MODULI), rng.random() < 0.5
    words = f"{letter} is {'' if is_one else 'not '}a multiple of {m}"
    return draw_at_sizes(rng, f"{letter} % {m} {'==' if is_one else '!='} 0", words)


def draw_pair(rng: random.Random) -> Conditional:
    """Two equal sizes, or one above the other."""
    a, b = sorted(rng.sample("TBIH", 2), key="TBIH".index)
    sign, word = rng.choice((("==", "="), ("==", "="), (">", ">"), ("<", "<")))
    return draw_at_sizes(rng, f"{a} {sign} {b}", f"{b} > {a}" if sign == "<" else f"{a} {word} {b}")


def draw_product(rng: random.Random) -> Conditional:
    """The product of two sizes from a number on."""
    a, b = sorted(rng.sample("TBIH", 2), key="TBIH".index)
    n = draw_size(rng, 8192)
    return draw_at_sizes(rng, f"{a} * {b} >= {n}", f"{a}·{b} ≥ {n:,}|{a}·{b} > {n - 1:,}")


def draw_long_gradient(rng: random.Random) -> Conditional:
    """Many steps in the gradient."""
    return draw_limit(rng, backward=True)
