"""Conditions on the form of a network."""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.problems.form import BOTH, REVERSE
from lstm_spec import Answer, Backend, Problem, State
from tools.mutants.conditional.effects import Conditional, Holds, draw_effect, switch_calls
from tools.mutants.making import Mutant, build_backend

Chosen = Callable[[int, str, Problem], bool]  # of a layer and a direction


def _differ(p: Problem) -> bool:
    return p.lengths is not None and len({*p.lengths.tolist()}) > 1


WHOLE: dict[str, tuple[str, Holds]] = {  # what the sentence has to say, and of which networks
    "several layers": ("only with more than one layer", lambda p: len(p.parameters) > 1),
    "reverse alone": ("only in direction reverse alone", lambda p: p.directions == REVERSE),
    "both directions": ("only in both directions", lambda p: p.directions == BOTH),
    "lengths differ": ("only where lengths differ", _differ),
    "equal lengths": ("only where lengths are equal", lambda p: p.lengths is not None and not _differ(p)),
    "a short length": (
        "only where some length is below T",
        lambda p: p.lengths is not None and bool((p.lengths < len(p.x)).any()),
    ),
}
LAYER, ONE_OF_BOTH = "only with more than one layer.*", "only in both directions.*: .*"
PARTS: dict[str, tuple[str, Chosen]] = {
    "layer 1 only": (f"{LAYER}layer 1", lambda k, d, p: k == 1),
    "the last of several layers": (f"{LAYER}(the last layer|layer 1)", lambda k, d, p: k == len(p.parameters) - 1 > 0),
    "direction reverse": ("only in direction reverse(?! alone)", lambda k, d, p: d == "reverse"),
    "reverse of both": (f"{ONE_OF_BOTH}direction reverse", lambda k, d, p: d == "reverse" and p.directions == BOTH),
    "forward of both": (f"{ONE_OF_BOTH}direction forward", lambda k, d, p: d == "forward" and p.directions == BOTH),
}


def draw_network(rng: random.Random) -> Conditional:
    """Whole answers, where a network is of some form."""
    name = rng.choice([*WHOLE])
    (pattern, holds), mutant = WHOLE[name], draw_effect(rng, "stacked")
    return Conditional("", name, pattern, mutant.name, switch_calls(mutant, lambda: holds))


def draw_part_of_network(rng: random.Random) -> Conditional:
    """One layer or one direction of a network."""
    name = rng.choice([*PARTS])
    (pattern, chosen), mutant = PARTS[name], draw_effect(rng, "stacked")
    return Conditional("", name, pattern, mutant.name, switch_parts(mutant, chosen))


def switch_parts(mutant: Mutant, chosen: Chosen) -> Callable[[], Backend]:
    """Layers and directions are wrong that are chosen."""

    def build() -> Backend:
        right, wrong = build_backend(mutant.textbook), mutant.build()

        def forward(problem: Problem) -> Answer:
            x, states, D = problem.x, list[State](), len(problem.directions)
            for k, row in enumerate(problem.parameters):
                ys = []
                for n, d in enumerate(problem.directions):
                    place = slice(k * D + n, k * D + n + 1)
                    state = State(*(a[place] for a in problem.state))
                    one = replace(problem, parameters=((row[n],),), directions=(d,), x=x, state=state)
                    answer = (wrong if chosen(k, d, problem) else right).forward(one)
                    ys.append(answer.y)
                    states.append(answer.state)
                x = np.concatenate(ys, axis=-1)
            return Answer(x, State(*(np.concatenate(parts) for parts in zip(*states, strict=True))))

        return replace(right, forward=forward, gradients=None)

    return build
