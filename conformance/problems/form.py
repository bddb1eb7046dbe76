"""The form of a problem: layers, directions, kind of cell, projection, bound and lengths."""

from dataclasses import dataclass
from typing import Any

from lstm_spec import Activations, Feature, Problem
from lstm_spec.types import Direction
from lstm_spec.variants import KINDS

Directions = tuple[Direction, ...]
FORWARD: Directions = ("forward",)
REVERSE: Directions = ("reverse",)
BOTH: Directions = ("forward", "reverse")


@dataclass(frozen=True)
class Form:
    """What is chosen before the sizes and the numbers; as it stands, that of a plain problem."""

    layers: int = 1
    directions: Directions = FORWARD
    kind: str = "standard"  # a name in lstm_spec.variants.KINDS
    projection: str = ""  # "", narrow (P < H) or full (P = H)
    clip: float | None = None
    lengths: str = ""  # "", full, equal (and short), any, short (all), one short, zeros (some), nothing (all)
    activations: Activations = Activations()  # of a kind that is configured; no other looks at them
    projection_clip: float | None = None  # where there is a projection

    @property
    def features(self) -> set[Feature]:
        """The features that a backend has to claim to be asked such a problem."""
        wanted = (
            (Feature.LAYERS, self.layers > 1),
            (Feature.REVERSE, self.directions == REVERSE),
            (Feature.BIDIRECTIONAL, self.directions == BOTH),
            (Feature.PROJECTION, self.projection != ""),
            (Feature.FULL_PROJECTION, self.projection == "full"),
            (Feature.CELL_CLIP, self.clip is not None),
            (Feature.PROJECTION_CLIP, self.projection_clip is not None),
            (Feature.LENGTHS, self.lengths != ""),
            (Feature.ZERO_LENGTHS, self.lengths in ("zeros", "nothing")),
        )
        return {*KINDS[self.kind].features, *(feature for feature, needed in wanted if needed)}


def form_of(problem: Problem) -> Form:
    """The form of a problem; lengths are "any" or "zeros", as far as a feature depends on them."""
    lengths = "" if problem.lengths is None else "any" if (problem.lengths > 0).all() else "zeros"
    projection = "" if problem.layer.R is None else "full" if problem.sizes[3] == problem.P else "narrow"
    variant = problem.variant
    return Form(
        len(problem.parameters),
        problem.directions,
        variant.kind,
        projection,
        variant.clip,
        lengths,
        variant.activations or Activations(),
        variant.projection_clip,
    )


BOUNDS = tuple(0.71 * 1.13 ** ((37 * k + 20) % 60 - 20) for k in range(60))  # from 1/16 to 80; none fits a short format
KERAS_3 = 1 / 6  # the slope of its hard sigmoid
ACTIVATIONS = (
    Activations(),
    Activations(alpha=KERAS_3),
    Activations(candidate="relu", output="relu", alpha=KERAS_3),
    Activations("sigmoid", "relu", "relu"),
    Activations(alpha=0.37, beta=0.41),
    Activations(candidate="relu"),
    Activations(output="identity"),
    Activations("sigmoid", output="relu"),
    Activations("sigmoid", "identity"),
    Activations(candidate="identity", output="identity", alpha=0.83, beta=0.27),
)
ANYTHING: dict[str, Any] = {
    "layers": (1, 1, 1, 2, 2, 3),
    "directions": (FORWARD, FORWARD, REVERSE, BOTH, BOTH),
    "kind": ("standard", *KINDS),
    "projection": ("", "", "", "narrow", "full"),
    "clip": (*(None,) * len(BOUNDS), *BOUNDS),
    "lengths": ("", "", "full", "equal", "any", "short", "any", "one short", "zeros"),
    "activations": ACTIVATIONS,
    "projection_clip": (*(None,) * len(BOUNDS), *BOUNDS),
}

MANY_ARRAYS = ANYTHING | {  # the same, more often with peepholes, a projection and lengths
    "kind": ("standard", "peephole", *KINDS),
    "projection": ("", "narrow", "full"),
    "lengths": ("", "any", "short", "zeros"),
}

BEYOND = {feature for name in ANYTHING for value in ANYTHING[name] for feature in Form(**{name: value}).features}
