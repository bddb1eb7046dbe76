"""The same implementation claiming less, or as modules; it raises at what it does not claim, so that this is seen."""

from collections.abc import Callable
from dataclasses import replace

from conformance.faults.modules.registering import OpenModule
from lstm_spec import Answer, Backend, Cotangents, Feature, Gradients, Implementation, Problem, make_backend
from lstm_spec.types import OF_MODULES

EMPTY = frozenset({Feature.EMPTY_SEQUENCE, Feature.EMPTY_BATCH, Feature.ZERO_LENGTHS})


def keep_all(backend: Backend) -> Backend:
    """The backend itself."""
    return backend


def keep_one_sample(backend: Backend) -> Backend:
    """The backend with B = 1 only."""
    about = replace(backend.description, shapes=replace(backend.description.shapes, B=range(1, 2)))
    return _refuse(replace(backend, description=about), "a batch", lambda problem: problem.sizes[1] != 1)


def keep_no_empty(backend: Backend) -> Backend:
    """The backend without empty sequences and batches."""
    about = replace(backend.description, features=backend.description.features - EMPTY)
    return _refuse(replace(backend, description=about), "something empty", _is_empty)


def _is_empty(problem: Problem) -> bool:
    T, B, _, _ = problem.sizes
    return not (T and B) or (problem.lengths is not None and not problem.lengths.all())


def keep_no_gradients(backend: Backend) -> Backend:
    """The backend with its forward pass only."""
    about = replace(backend.description, features=backend.description.features - {Feature.GRADIENTS})
    return replace(backend, gradients=None, description=about)


def _refuse(backend: Backend, what: str, is_refused: Callable[[Problem], bool]) -> Backend:
    def take(problem: Problem) -> Problem:
        if is_refused(problem):
            raise ValueError(f"{problem!r} has {what}, which {backend.name} does not claim")
        return problem

    def gradients(problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        return backend.differentiate(take(problem), d)

    return replace(backend, forward=lambda problem: backend.forward(take(problem)), gradients=gradients)


AS_A_MODULE = "as a module"


def make_modules(backend: Backend) -> Backend:
    """The backend as modules that hold their parameters, and are asked in sessions."""

    class BackendModule(OpenModule):
        def answer(self, problem: Problem) -> Answer:
            return backend.forward(problem)

        def differentiate(self, problem: Problem, d: Cotangents, wanted: tuple[str, ...]) -> tuple[Answer, Gradients]:
            return backend.differentiate(problem, d)

    about = replace(backend.description, features=backend.description.features | OF_MODULES)
    return make_backend(Implementation(backend.name, BackendModule, about))


RESTRICTIONS: dict[str, Callable[[Backend], Backend]] = {
    "": keep_all,
    "one sample": keep_one_sample,
    "nothing empty": keep_no_empty,
    "no gradients": keep_no_gradients,
    AS_A_MODULE: make_modules,
}
