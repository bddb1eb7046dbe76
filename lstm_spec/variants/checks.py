"""Whether a Variant is well formed; a refusal names the value, the expectation and the remedy."""

import numpy as np

from lstm_spec.types import FUNCTIONS, GATE_FUNCTIONS, Activations, Problem, Variant
from lstm_spec.variants.kinds import KINDS


def check_variant(variant: Variant) -> None:
    """Return if the kind is known, and what else is asked fits it. Raises ValueError or TypeError otherwise."""
    kind = variant.kind
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"variant.kind is {kind!r}, expected one of: {', '.join(KINDS)}; choose one")
    _check_activations(variant)
    for name, bounded in (("clip", "the cell state"), ("projection_clip", "the hidden state")):
        bound = getattr(variant, name)
        if bound is not None and not isinstance(bound, int | float | np.number):
            raise TypeError(f"variant.{name} is {bound!r}, expected a number; None leaves {bounded} unbounded")
        if bound is not None and not 0 < bound < np.inf:
            raise ValueError(
                f"variant.{name} is {bound!r}, expected a positive, finite number; None leaves {bounded} unbounded"
            )


def _check_activations(variant: Variant) -> None:
    a, wanted = variant.activations, KINDS[variant.kind].is_configured
    if not wanted and a is not None:
        raise ValueError(
            f"variant.activations is {a!r}, expected None; only the kinds"
            f" {' and '.join(repr(kind.name) for kind in KINDS.values() if kind.is_configured)} have them"
        )
    if not wanted:
        return
    if not isinstance(a, Activations):
        raise TypeError(
            f"variant.activations is {a!r}, expected Activations; e.g. Activations('hard sigmoid', alpha=0.2, beta=0.5)"
        )
    for name, known in (("gate", GATE_FUNCTIONS), ("candidate", FUNCTIONS), ("output", FUNCTIONS)):
        if (found := getattr(a, name)) not in known:
            raise ValueError(f"activations.{name} is {found!r}, expected one of: {', '.join(known)}; choose one")
    for name in ("alpha", "beta"):
        number = getattr(a, name)
        if not isinstance(number, int | float | np.number):
            raise TypeError(f"activations.{name} is {number!r}, expected a number; e.g. alpha=0.2, beta=0.5")
        if not np.isfinite(number) or (name == "alpha" and number <= 0):
            expected = "a positive, finite" if name == "alpha" else "a finite"
            raise ValueError(f"activations.{name} is {number!r}, expected {expected} number; e.g. alpha=0.2, beta=0.5")


def check_bounds(problem: Problem) -> None:
    """Return if the bounds, as numbers of the problem's dtype, bound something and leave something.

    Raises ValueError otherwise.
    """
    if problem.variant.projection_clip is not None and problem.layer.R is None:
        raise ValueError(
            f"variant.projection_clip is {problem.variant.projection_clip!r}, expected None; there is no projection R"
        )
    for name in ("clip", "projection_clip"):
        clip = getattr(problem.variant, name)
        if clip is None:
            continue
        with np.errstate(all="ignore"):
            bound = float(problem.dtype.type(clip))
        if not 0 < bound < np.inf:
            raise ValueError(
                f"variant.{name} is {clip!r}, which is {bound} in {problem.dtype}; expected a number it can hold"
            )
