"""Known faults that the dense problems of the diagnosis do not show: some sizes, some numbers, a warning."""

from conformance.diagnosis.answers import FORWARD, GRADIENT, is_hidden
from conformance.diagnosis.contract.observing import are_alike, ask, find_unit, list_sights
from conformance.diagnosis.diagnosis import plan_network_search, plan_search
from conformance.faults.fault import Fault
from conformance.outcome import Errored
from conformance.problems.form import Form
from conformance.problems.question import Question
from conformance.targets.border import guard_backend
from lstm_spec import Backend, Cotangents, Problem


def find_hidden(
    backend: Backend, dtype: str, form: Form | None, asked: Problem, loss: Cotangents | None
) -> list[Fault]:
    """The faults that answer this problem as a guarded backend does, of those that are right at dense problems.

    Of a plain LSTM, or of networks of that form. Empty if the backend's own answers to dense problems are not known.
    """
    about, backward = backend.description, loss is not None
    search = plan_search(about, dtype) if form is None else plan_network_search(about, dtype, form)
    question = Question(asked, loss or Cotangents(asked.x, asked.state))
    unit, kinds = find_unit(backend, dtype), {which.kind: which for which in (FORWARD, GRADIENT)}
    if not search.probes:
        return []
    try:
        mine = list(list_sights(ask(backend, question, backward)))
    except Errored:
        return []

    def answers_alike(fault: Fault) -> bool:
        return are_alike(list_sights(ask(guard_backend(fault.backend()), question, backward)), mine, unit)

    hidden = (fault for fault in search.faults if is_hidden(fault.name, kinds[fault.kind], search.probes[0]))
    return [fault for fault in hidden if answers_alike(fault)]
