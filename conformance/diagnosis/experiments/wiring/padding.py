"""What stands beyond the lengths, and should reach nothing: NaN there, and which answers or gradients it reaches."""

from dataclasses import replace

import numpy as np

from conformance.arrays import frozen
from conformance.assertions.order import mark_valid_steps
from conformance.diagnosis.experiments.laboratory import Finding, Laboratory
from conformance.problems.build import poison_padding
from conformance.problems.question import Question
from lstm_spec import Answer, Gradients, pack
from lstm_spec.types import Array


def find_leak(laboratory: Laboratory, question: Question) -> Finding | None:
    """That NaN beyond the lengths reaches what it should not; None if it reaches nothing, or there are no lengths."""
    if question.problem.lengths is None:
        return None
    said, clean = [], _ask(laboratory, question)
    for name, poisoned in (("x", _poison_inputs(question)), ("the cotangent of y", _poison_outputs(question))):
        if name == "x" or laboratory.backward:
            reached = [words for words, a in _ask(laboratory, poisoned).items() if _has_nan(a) > _has_nan(clean[words])]
            said += [f"NaN in {name} beyond the lengths reaches {', '.join(reached)}"] if reached else []
    return Finding("; ".join(said), True) if said else None


def _has_nan(a: Array) -> bool:
    return bool(np.isnan(a).any())


def _poison_inputs(question: Question) -> Question:
    return question._replace(problem=poison_padding(question.problem, 0))


def _poison_outputs(question: Question) -> Question:
    dy = np.where(mark_valid_steps(question.problem), question.d.y, np.nan).astype(question.d.y.dtype)
    return question._replace(d=replace(question.d, y=frozen(dy)))


def _ask(laboratory: Laboratory, question: Question) -> dict[str, Array]:
    """What is answered, by name."""
    laboratory.check_time()
    if not laboratory.backward:
        return name_answer(laboratory.answer(question.problem))
    return name_gradients(laboratory.differentiate(question)[1])


def name_answer(answer: Answer) -> dict[str, Array]:
    """The outputs by name."""
    return {"the output y": answer.y, "the final hidden state": answer.state.h, "the final cell state": answer.state.c}


def name_gradients(found: Gradients) -> dict[str, Array]:
    """The gradients by name."""
    packed = [pack(p) for row in found.parameters for p in row]
    by_name = {name: np.concatenate([p[k].ravel() for p in packed]) for k, name in enumerate("WUb")}
    by_name |= {"x": found.x, "h_0": found.state.h, "c_0": found.state.c}
    return {f"the gradient of {name}": a for name, a in by_name.items()}
