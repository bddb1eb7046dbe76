"""How a known fault of modules gets into the catalogue: as a module that differs from the reference in one thing."""

from collections.abc import Callable
from typing import Any

from conformance.faults.fault import Fault, add_fault
from lstm_spec import Answer, Cotangents, Gradients, Problem, ReferenceModule
from lstm_spec.contract import PARTS
from lstm_spec.network import REFERENCE


class OpenModule(ReferenceModule):
    """The reference module in parts that a fault may replace."""

    def forward(self, x: Any, state: Any = None, lengths: Any = None) -> Answer:
        return self.keep(self.answer(self.make_problem(x, state, lengths)))

    def gradients(
        self, x: Any, cotangents: Any, state: Any = None, lengths: Any = None, wanted: Any = PARTS
    ) -> tuple[Answer, Gradients]:
        answer, found = self.differentiate(self.make_problem(x, state, lengths), cotangents, wanted)
        return self.keep(answer), found

    def answer(self, problem: Problem) -> Answer:
        return REFERENCE.forward(problem)

    def differentiate(self, problem: Problem, d: Cotangents, wanted: tuple[str, ...]) -> tuple[Answer, Gradients]:
        return REFERENCE.differentiate(problem, d)

    def keep(self, answer: Answer) -> Answer:
        self.kept = answer.state
        return answer


def breaks(clause: str, source: str = "", family: str = "module") -> Callable[[type], type]:
    """Put the module, a class whose name says what it does, into the catalogue."""

    def register(module: type) -> type:
        sentence = (module.__doc__ or "").strip()
        add_fault(Fault(module.__name__, family, clause, sentence, source, "module", module=module, networks=True))
        return module

    return register
