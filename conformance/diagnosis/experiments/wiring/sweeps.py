"""The gradients of a network, place by place: what may come into each, and what may be returned as each."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.experiments.term.gradients.sweeping import Explanation
from conformance.diagnosis.experiments.wiring.network import Network, Taken, Wiring
from conformance.diagnosis.experiments.wiring.passes import Cotangents, Place, Swept, sweep
from conformance.problems.question import Question
from lstm_spec.types import Array


class Term(NamedTuple):
    """One array: a cotangent (dy, dh, dc), what a layer sends back (x), or a gradient (h_0, c_0, parameters)."""

    kind: str
    place: Place
    half: int = 0  # of dy and x: which direction's outputs it belongs to
    is_short: bool = False  # only samples whose length is below T


Sum = dict[Term, float]
Slot = tuple[str, Place]  # from y, from h_T, from c_T: into a place; h_0, c_0, parameters, x: the gradient of it
WHOLE = -1  # the half that stands for all of them
INTO = ("from y", "from h_T", "from c_T")
COTANGENTS = {"from h_T": "dh", "from c_T": "dc"}
Slots = dict[Slot, Sum]


@dataclass(frozen=True)
class Method:
    """With what the gradients of a place are made, if not with its own; whether they are swept as it is read."""

    tape: Place | None = None
    parameters: Place | None = None
    is_turned: bool = False


def expect_sum(network: Network, name: str, place: Place) -> Sum:
    """What the sum in a slot should have."""
    D, layers = len(network.problem.directions), len(network.problem.parameters)
    if name == "x":
        return {Term("x", (0, d)): 1.0 for d in range(D)}
    if name != "from y":
        return {Term(COTANGENTS.get(name, name), place): 1.0}
    if place[0] == layers - 1:
        return {Term("dy", place, place[1]): 1.0}
    return {Term("x", (place[0] + 1, e), place[1]): 1.0 for e in range(D)}


class Sweeps:
    """The gradients of a network from its passes, as far as they are known, the last layer first."""

    def __init__(self, network: Network, question: Question, wiring: Wiring, own: Explanation) -> None:
        self.network, self.d, self.wiring, self.own = network, question.d, wiring, own
        self.layers, self.D = len(network.problem.parameters), len(network.problem.directions)
        self.passes, self.found = network.read_all(wiring), dict[Place, Swept]()
        lengths, T = network.problem.lengths, len(network.problem.x)
        self.short = None if lengths is None or (lengths == T).all() else (lengths < T)[:, None]

    @property
    def order(self) -> list[Place]:
        """The places, the last layer first."""
        return sorted(self.network.places, key=lambda place: (-place[0], place[1]))

    def expect(self, slot: Slot) -> Sum:
        """What a sum should have."""
        return expect_sum(self.network, *slot)

    def list_sources(self, place: Place) -> dict[tuple[str, Term], Cotangents]:
        """Each cotangent that may come into a place, those that should come first."""
        B, H = self.network.problem.state.h.shape[1:]
        y, state = np.zeros((len(self.network.problem.x), B, H)), np.zeros((B, H))
        found = {("from y", term): Cotangents(a, state, state) for term, a in self._list_outputs(place).items()}
        for slot in COTANGENTS:
            for term, a in self.list_finals(Term(COTANGENTS[slot], place)).items():
                found[slot, term] = Cotangents(y, a, state) if slot == "from h_T" else Cotangents(y, state, a)
        return found

    def _list_outputs(self, place: Place) -> dict[Term, Array]:
        """What may come from y, or from the layer above."""
        layer, d = place
        H = self.network.problem.state.h.shape[2]
        halves = [d, *(e for e in range(self.D) if e != d)]
        found = {}
        for above, half, e in product(range(layer + 1, self.layers), halves, range(self.D)):
            found[Term("x", (above, e), half)] = self.found[above, e].x[..., half * H : half * H + H]
        dy = self.d.y.astype(np.float64)
        last = self.layers - 1
        return found | {Term("dy", (last, half), half): dy[..., half * H : half * H + H] for half in halves}

    def list_finals(self, first: Term) -> dict[Term, Array]:
        """The cotangents of the final states, a certain one first, and those of short samples last."""
        found = {
            Term(f"d{k}", place): getattr(self.d.state, k)[n].astype(np.float64)
            for k in "hc"
            for n, place in enumerate(self.network.places)
        }
        return self._add_short({first: found[first], **found})

    def list_initials(self, first: Term) -> dict[Term, Array]:
        """What may be returned as the gradient of an initial state."""
        found = {Term(f"{k}_0", p): getattr(swept, k) for p, swept in self.found.items() for k in "hc"}
        return {**self._add_short({first: found[first], **found}), **self.list_finals(Term("dh", (0, 0)))}

    def _add_short(self, found: dict[Term, Array]) -> dict[Term, Array]:
        if self.short is None:
            return found
        return found | {term._replace(is_short=True): a * self.short for term, a in found.items()}

    def list_parameters(self) -> dict[Term, Array]:
        """The gradients of the parameters of each place."""
        return {Term("parameters", place): swept.parameters for place, swept in self.found.items()}

    def list_inputs(self) -> dict[Term, Array]:
        """What each layer and direction sends back; the cotangent of y; states' gradients: as far as that fits."""
        first = dict(sorted(self.found.items()))
        found = {Term("x", place): swept.x for place, swept in first.items()}
        found |= {Term("dy", (self.layers - 1, 0), WHOLE): self.d.y.astype(np.float64)}
        found |= {Term(f"{k}_0", p): getattr(swept, k)[None] for p, swept in first.items() for k in "hc"}
        shape = self.network.problem.x.shape
        return {term: np.broadcast_to(a, shape) for term, a in found.items() if a.shape[1:] == shape[1:]}

    def sweep_place(self, place: Place, method: Method, d: Cotangents) -> Swept:
        """The gradients of a place from these cotangents."""
        taken = self.wiring.taken.get(place, Taken())
        tape = method.tape or place
        x = self.network.assemble(place[0], taken.x, self.passes)
        own = self.network.problem.directions[place[1]] == "reverse" if taken.reverse is None else taken.reverse
        p = self.network.find_parameters(method.parameters or taken.parameters or place)
        return sweep(self.passes[tape[0]][tape[1]], p, x, own != method.is_turned, d, self.own)

    def add_place(self, place: Place, method: Method, sums: Slots) -> None:
        """Note the gradients of a place from what comes into it."""
        sources = self.list_sources(place)
        parts = [
            tuple(by * a for a in sources[name, term])
            for name in INTO
            for term, by in sums.get((name, place), self.expect((name, place))).items()
        ]
        zero = tuple(0 * a for a in next(iter(sources.values())))
        total = Cotangents(*(np.sum(each, axis=0) for each in zip(zero, *parts, strict=True)))
        self.found[place] = self.sweep_place(place, method, total)

    def list_methods(self, place: Place) -> Iterator[Method]:
        """With what the gradients of a place may be made."""
        yield from (Method(), Method(is_turned=True))
        own = self.network.find_parameters(place).g.W.shape
        for other in self.network.places:
            if other != place and self.network.find_parameters(other).g.W.shape == own:
                yield from (Method(tape=other), Method(parameters=other), Method(other, other))

    def list_slots(self) -> list[tuple[Slot, dict[Term, Array]]]:
        """The gradients that are returned, and what each may have."""
        parameters = self.list_parameters()
        slots: list[tuple[Slot, dict[Term, Array]]] = [(("x", (0, 0)), self.list_inputs())]
        for place in self.network.places:
            own = parameters[Term("parameters", place)].shape
            slots.append((("parameters", place), {k: a for k, a in parameters.items() if a.shape == own}))
            slots += [((k, place), self.list_initials(Term(k, place))) for k in ("h_0", "c_0")]
        return slots
