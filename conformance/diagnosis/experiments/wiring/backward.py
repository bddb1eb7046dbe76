"""Where cotangents come from and where gradients go, found from gradients: each is a sum, and its terms are fitted."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from conformance.diagnosis.experiments.term.fitting import fit_terms
from conformance.diagnosis.experiments.term.gradients.sweeping import Explanation
from conformance.diagnosis.experiments.wiring.network import Network, Wiring
from conformance.diagnosis.experiments.wiring.passes import Cotangents, Place
from conformance.diagnosis.experiments.wiring.sweeps import INTO, Method, Slot, Slots, Sum, Sweeps, Term
from conformance.problems.question import Question
from lstm_spec import Gradients, pack
from lstm_spec.types import Array

Room = Callable[[Array], float]
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Routes:
    """How gradients are made, and what each sum has; what is right is not there."""

    methods: dict[Place, Method] = field(default_factory=dict)
    sums: Slots = field(default_factory=dict)


def read_slot(got: Gradients, slot: Slot, network: Network) -> Array:
    """What was got there, in float64."""
    name, place = slot
    if name == "parameters":
        return np.concatenate([np.ravel(a).astype(np.float64) for a in pack(got.parameters[place[0]][place[1]])[:3]])
    found = got.x if name == "x" else getattr(got.state, name[0])[network.row_of(place)]
    return np.asarray(found, np.float64)


def fit_sum(target: Array, terms: Mapping[Key, Array], room: float) -> dict[Key, float] | None:
    """The terms that make the target; None if they do not."""
    keys = list(terms)[: target.size // 2]
    named = {str(n): terms[key] for n, key in enumerate(keys)}
    found = fit_terms(target, np.ones_like(target), named, room)
    return None if found is None else {keys[int(n)]: by for n, by in found.items()}


def find_sum(target: Array, terms: Mapping[Term, Array], own: Sum, room: float) -> Sum | None:
    """The same; one term, or the own one of some samples, come first, for several ones fit few numbers."""
    long = own | {term._replace(is_short=True): -by for term, by in own.items()}
    others = [long | {term: 1.0} for term in terms if term.is_short and term not in long]
    for each in (own, {}, *({term: by} for by in (1.0, -1.0) for term in terms), long, *others):
        if each.keys() <= terms.keys() and (np.abs(add_up(each, terms) - target) <= room).all():
            return dict(each)
    return fit_sum(target, terms, room)


def add_up(each: Mapping[Key, float], terms: Mapping[Key, Array]) -> Array:
    """The sum of these terms."""
    return np.asarray(sum((by * terms[key] for key, by in each.items()), np.zeros(())))


def explain_gradients(
    network: Network, question: Question, got: Gradients, room: Room, own: Explanation
) -> Routes | None:
    """What makes the gradients; None if that is not found of all of them. `own`: how those of a cell are made."""
    sweeps = Sweeps(network, question, Wiring(), own)
    methods, sums = dict[Place, Method](), Slots()
    for place in sweeps.order:
        method, found = _find_sources(sweeps, place, read_slot(got, ("parameters", place), network), room)
        methods |= {place: method} if method != Method() else {}
        sums |= found
        sweeps.add_place(place, method, sums)
    for slot, terms in sweeps.list_slots():
        target = read_slot(got, slot, network)
        each = find_sum(target, terms, sweeps.expect(slot), room(target))
        if each is None:
            return None
        sums |= {slot: each} if each != sweeps.expect(slot) else {}
    return Routes(methods, sums)


def _find_sources(sweeps: Sweeps, place: Place, target: Array, room: Room) -> tuple[Method, Slots]:
    """How the gradients of the parameters of a place are made, and from what; as they should be, if that is unknown."""
    sources = sweeps.list_sources(place)
    own = {(name, place): sweeps.expect((name, place)) for name in INTO}
    expected = {(name, term): by for (name, _), each in own.items() for term, by in each.items()}
    y, h, c = zip(*sources.values(), strict=True)
    y, h, c = ((*each, 0 * each[0]) for each in (y, h, c))  # at last, what is there whatever comes in
    together = Cotangents(np.stack(y, axis=1), np.stack(h), np.stack(c))
    for method in sweeps.list_methods(place) if target.any() else ():
        *each, constant = sweeps.sweep_place(place, method, together).parameters
        terms = {source: a - constant for source, a in zip(sources, each, strict=True)}
        if (np.abs(add_up(expected, terms) + constant - target) <= room(target)).all():
            return method, {}
        if found := fit_sum(target - constant, terms, room(target)):
            slots = {(name, place): {term: by for (n, term), by in found.items() if n == name} for name in INTO}
            return method, {slot: each for slot, each in slots.items() if each != own[slot]}
    return Method(), {}


def are_routed(
    network: Network, question: Question, got: Gradients, room: Room, own: Explanation, routes: Routes
) -> bool:
    """Whether these routes give the gradients."""
    sweeps = Sweeps(network, question, Wiring(), own)
    for place in sweeps.order:
        sweeps.add_place(place, routes.methods.get(place, Method()), routes.sums)
    for slot, terms in sweeps.list_slots():
        target = read_slot(got, slot, network)
        explained = add_up(routes.sums.get(slot, sweeps.expect(slot)), terms)
        if not (np.abs(explained - target) <= room(target)).all():
            return False
    return True
