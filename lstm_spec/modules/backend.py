"""An Implementation as a Backend: each question is put to a module that is built for it."""

from dataclasses import replace
from functools import partial

from lstm_spec.contract import Backend, Description, Implementation
from lstm_spec.modules.sessions import hold_session
from lstm_spec.types import Answer, Cotangents, Feature, Gradients, Problem, Variant


def make_backend(implementation: Implementation) -> Backend:
    """The backend that builds a module for each question, and lets modules be asked in sessions (family MOD).

    Raises TypeError if the implementation has no function `build`, or no Description.
    """
    about = implementation.description
    if not callable(implementation.build):
        kind = type(implementation.build).__name__
        raise TypeError(f"build is a {kind}, expected a function (parameters, variant, directions); a class will do")
    if not isinstance(about, Description):
        raise TypeError(f"description is a {type(about).__name__}, expected a Description; write Description(...)")

    def forward(problem: Problem) -> Answer:
        refuse_unclaimed(implementation, problem.variant)
        module = implementation.build(problem.parameters, problem.variant, problem.directions)
        answer: Answer = module.forward(problem.x, problem.state, problem.lengths)
        return answer

    def differentiate(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        refuse_unclaimed(implementation, problem.variant)
        module = implementation.build(problem.parameters, problem.variant, problem.directions)
        found: tuple[Answer, Gradients] = module.gradients(problem.x, d, problem.state, problem.lengths)
        return found

    return Backend(
        implementation.name,
        forward,
        differentiate if Feature.GRADIENTS in about.features else None,
        replace(about, features=about.features | {Feature.MODULE}),
        partial(hold_session, implementation),
    )


def refuse_unclaimed(implementation: Implementation, variant: Variant) -> None:
    """Raises ValueError if activations or a clip are asked that the implementation does not claim, and would ignore."""
    asked = {Feature.ACTIVATIONS: variant.activations, Feature.PROJECTION_CLIP: variant.projection_clip}
    for feature, value in asked.items():
        if value is not None and feature not in implementation.description.features:
            raise ValueError(
                f"{implementation.name} does not claim {feature}, expected a variant without; ask another, e.g."
                f" onnxruntime or numpy; the variant is {variant}"
            )
