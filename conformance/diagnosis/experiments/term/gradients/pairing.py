"""The gradients of a backend, each beside that of an explanation."""

import numpy as np

from conformance.diagnosis.experiments.term.asking import STEPS, Asking, is_near, measure_room
from conformance.diagnosis.experiments.term.gradients.sweeping import Explanation, Swept, differentiate
from conformance.problems.question import Question
from lstm_spec import pack
from lstm_spec.types import Array

RIGHT = Explanation({}, {}, {})
Parts = dict[str, Array]  # by name
Pairs = dict[str, tuple[Array, Array]]  # got and explained


def ask_gradients(asking: Asking, question: Question) -> Parts:
    """The backend's gradients by name, in float64."""
    asking.laboratory.check_time()
    _, got = asking.laboratory.differentiate(question)
    return name_parts(Swept(pack(got.parameters[0][0]), got.x, got.state), first=True)


def name_parts(swept: Swept, first: bool = False) -> Parts:
    """The gradients by name, in float64; `first`: the states are those of the first of several layers."""
    state = [a[0] if first else a for a in swept.state]
    parts = dict(zip("WUb", swept.parameters, strict=True)) | {"x": swept.x, "h_0": state[0], "c_0": state[1]}
    return {name: np.asarray(a, np.float64) for name, a in parts.items()}


def pair_gradients(asking: Asking, question: Question, found: Explanation = RIGHT, got: Parts | None = None) -> Pairs:
    """The backend's gradients, each beside that of the explanation; `got`: they are known."""
    got, own = got or ask_gradients(asking, question), name_parts(differentiate(found, *question, asking.formula))
    return {name: (a, own[name]) for name, a in got.items()}


def are_near(asking: Asking, pairs: Pairs) -> bool:
    """Whether all of them are the same but for rounding."""
    return all(is_near(a, b, measure_rooms(asking, pairs)) for a, b in pairs.values())


def measure_rooms(asking: Asking, pairs: Pairs) -> Array:
    """What rounding comes to, roughly, in gradients as large as the explained ones."""
    return np.asarray(2 * measure_room(asking.laboratory.dtype, *(np.abs(b).max() for _, b in pairs.values())))


def gives_gradients(asking: Asking, *found: Explanation) -> Explanation | None:
    """The first explanation that gives the backend's gradients of a few steps of a few samples; None if none does."""
    question = asking.make_question(STEPS, asking.few, 1, far=1.0)
    got = ask_gradients(asking, question)
    return next((one for one in found if are_near(asking, pair_gradients(asking, question, one, got))), None)
