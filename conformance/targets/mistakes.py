"""What was returned where an answer or gradients are expected, and what helps. It looks at types only."""

from typing import Any

from conformance.targets.raised import name_type
from lstm_spec import Answer, Gradients, Parameters, State

WRITE_ANSWER = "return Answer(y, State(h, c))"
BOTH = "also return the answer of the pass that was differentiated"


def suggest_answer(result: Any) -> str:
    """What helps somebody whose `forward` returned this, which is no Answer of an array and a State."""
    if result is None:
        return f"it returned nothing: {WRITE_ANSWER}"
    if _is_one(result, Answer):
        if _is_one(result.y, State):
            return f"y and the state look swapped: {WRITE_ANSWER}"
        return f"its state is a {name_type(result.state)}: {WRITE_ANSWER}"
    if _is_one(result, State):
        return f"it looks like the state alone: {WRITE_ANSWER}"
    if _is_one(result, tuple) or _is_one(result, list):
        if any(_is_one(part, Gradients) for part in result):
            return "it looks like what gradients returns: forward returns the Answer alone"
        if len(result) == 3:
            return f"if that is (y, h, c), {WRITE_ANSWER}, or wrap the function with from_packed"
    return WRITE_ANSWER


def suggest_pair(result: Any) -> str:
    """What helps somebody whose `gradients` returned this, which is no pair of an Answer and Gradients."""
    if result is None:
        return "it returned nothing: return (Answer(...), Gradients(...))"
    if _is_one(result, Answer):
        return "it looks like the answer alone: return (answer, Gradients(parameters, x, state))"
    if not _is_one(result, tuple):
        return BOTH
    kinds = [next((kind for kind in (Answer, Gradients) if _is_one(part, kind)), None) for part in result]
    if kinds == [Gradients, Answer]:
        return "the two look swapped: return (answer, gradients)"
    if kinds == [Answer, Gradients]:
        return _suggest_gradients(result[1])
    if len(result) in (9, 10):
        return "if that is (y, h, c, dx, dh, dc, dW, dU, *db), wrap both functions with from_packed"
    return BOTH


def _suggest_gradients(found: Gradients) -> str:
    """What helps if these Gradients are none of the contract."""
    if not _is_one(found.state, State):
        return f"Gradients.state is a {name_type(found.state)}: write State(dh, dc)"
    rows: Any = found.parameters
    if _is_one(rows, Parameters):
        return "Gradients.parameters is one layer's: write ((parameters,),), by layer and direction"
    if _is_one(rows, tuple) and any(_is_one(row, Parameters) for row in rows):
        return "Gradients.parameters has no directions: write ((parameters,), ...), by layer and direction"
    return "Gradients.parameters are Parameters by layer and direction, in tuples: ((parameters,),) for one layer"


def suggest_array(value: Any) -> str:
    """What helps somebody who returned this, which is no NumPy array."""
    root = name_type(value, with_module=True).partition(".")[0]
    ways = {"torch": ": .detach().cpu().numpy()", "cupy": ": .get()", "builtins": ": np.asarray(...)"}
    return f"convert it before returning it{ways.get(root, '')}"


def _is_one(value: Any, noun: type) -> bool:
    """By its type, and not by what it says of its class."""
    return issubclass(type(value), noun)
