"""Questions of networks at random, and the adversaries that answer them."""

from dataclasses import replace
from typing import Any

import numpy as np

from conformance.problems.build import build_loss, build_problem
from conformance.problems.form import ACTIVATIONS, BOTH, FORWARD, REVERSE, Form
from lstm_spec import GRADES, Cotangents, ErrorModel, Problem
from lstm_spec.variants import KINDS
from tests.helpers.network_adversary import Adversary

MODELS = {f"{grade}, {dtype}": m for (grade, dtype), m in GRADES.items() if dtype != "float64"}
NARROW = {name: m for name, m in MODELS.items() if "float16" in name}
# without underflow, which no loss is loud enough to outweigh everywhere
LOUD = {name: replace(m, eta=2.0**-1022) for name, m in MODELS.items()}
DENSE = ("dense", "dense", "by-width", "dense", "within-1", "dense")
HARD = ("large", "wide", "very-wide", "saturating", "dense", "wide")
WAYS = ("", "by sigmoid", "by difference", "by tanh")


def random_form(rng: np.random.Generator, layers: int = 1, **fixed: Any) -> Form:
    directions = (FORWARD, REVERSE, BOTH)[rng.integers(3)]
    clip = (None, None, 0.75, 3.0)[rng.integers(4)]
    lengths = str(rng.choice(["", "full", "any", "zeros", "nothing"]))
    kind, projection = str(rng.choice(list(KINDS))), str(rng.choice(["", "narrow", "full"]))
    a, clip_h = ACTIVATIONS[rng.integers(len(ACTIVATIONS))], (None, None, 0.4)[rng.integers(3)]
    form = Form(layers, directions, kind, projection, clip, lengths, a, clip_h)
    return replace(form, **fixed)


def question(form: Form, seed: int, dtype: str = "float64") -> tuple[Problem, Cotangents]:
    rng = np.random.default_rng(seed)
    sizes = tuple(int(n) for n in rng.integers(1, 6, 4))
    problem = build_problem(np.dtype(dtype), form, sizes, (DENSE, DENSE, HARD)[seed % 3], seed)
    return problem, build_loss(problem, ("dense", "dense", "dense"), seed)


def signs(seed: int):  # type: ignore[no-untyped-def]
    """All errors away from zero, all towards it, or at random."""
    rng = np.random.default_rng(seed)
    return (lambda shape: np.ones(shape), lambda shape: -np.ones(shape), lambda shape: rng.choice([-1.0, 1.0], shape))[
        seed % 3
    ]


def asked(model: ErrorModel, seed: int, **fixed: Any) -> tuple[Adversary, Problem, Cotangents]:
    """An adversary and a question: one or two layers, anything else at random."""
    rng = np.random.default_rng(seed)
    form = random_form(rng, int(rng.integers(1, 3)))
    adversary = Adversary(model, signs(seed), WAYS[seed // 3 % 4], shows_less=seed % 2 == 1)
    return adversary, *question(replace(form, **fixed), seed)
