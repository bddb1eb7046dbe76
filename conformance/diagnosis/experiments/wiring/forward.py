"""What each place of a network takes, found from the answers: place by place, as its final states show it."""

from collections.abc import Callable, Iterator
from itertools import product

from conformance.diagnosis.experiments.wiring.network import Network, Returned, Source, Taken, Wiring, add_taken
from conformance.diagnosis.experiments.wiring.passes import Pass
from lstm_spec import Answer
from lstm_spec.types import Array

Near = Callable[[Array, Array], bool]


def explain_answers(network: Network, got: Answer, near: Near) -> Iterator[Wiring]:
    """The wirings that give the answers: other things are returned, or what places take is another."""
    right = network.read_all(Wiring())
    if returned := _find_returned(network, got, right, near):
        yield Wiring(returned=returned)
    wiring, passes = Wiring(), list[list[Pass]]()
    for layer, row in enumerate(network.problem.parameters):
        done: list[Pass] = []
        for d in range(len(row)):
            found = _find_taken(network, (layer, d), [*passes, done], got, near)
            if found is None:
                return
            wiring = add_taken(wiring, (layer, d), found[0])
            done.append(found[1])
        passes.append(done)
    y = next((y for y in _list_outputs(network) if near(got.y, network.assemble(len(passes), y, passes))), None)
    if y is not None and not wiring.is_right:
        yield Wiring(wiring.taken, Returned(y))


def _find_taken(
    network: Network, place: tuple[int, int], passes: list[list[Pass]], got: Answer, near: Near
) -> tuple[Taken, Pass] | None:
    """What a place takes, and its pass, as its row of the final states shows it; None if it is not known."""
    k = network.row_of(place)
    for taken in network.list_taken(place, passes):
        found = network.read_place(place, taken, passes)
        if near(got.state.h[k], found.state.h) and near(got.state.c[k], found.state.c):
            return taken, found
    return None


def _list_outputs(network: Network) -> Iterator[tuple[str, ...]]:
    """What may be returned as y, the right thing first."""
    yield ()
    layers, (T, B) = len(network.problem.parameters), network.problem.x.shape[:2]
    width = len(network.problem.directions) * network.problem.state.h.shape[2]
    yield from network.list_halves(layers, (T, B, width))


def _find_returned(network: Network, got: Answer, passes: list[list[Pass]], near: Near) -> Returned | None:
    """What is returned of the right passes; None if an output is none of theirs."""
    y = next((y for y in _list_outputs(network) if near(got.y, network.assemble(len(passes), y, passes))), None)
    rows = {k: [_find_row(network, k, n, got, passes, near) for n in range(len(network.places))] for k in "hc"}
    if y is None or None in rows["h"] + rows["c"]:
        return None
    own = {k: [(f"final {k}", place) for place in network.places] for k in "hc"}
    h, c = (tuple(rows[k]) if rows[k] != own[k] else () for k in "hc")
    return Returned(y, h, c)  # type: ignore[arg-type]


def _find_row(
    network: Network, kind: str, row: int, got: Answer, passes: list[list[Pass]], near: Near
) -> Source | None:
    """Which state stands in a row of the final ones."""
    own = (f"final {kind}", network.places[row])
    others = product(("final h", "final c", "h", "c", "last h"), network.places)
    for source in (own, *others, ("h", None)):
        if near(getattr(got.state, kind)[row], network.find_state(source, passes)):
            return source
    return None


def is_explained(network: Network, wiring: Wiring, got: Answer, near: Near) -> bool:
    """Whether the wiring gives these answers."""
    own = network.answer(wiring, network.read_all(wiring))
    return all(near(a, b) for a, b in zip((got.y, *got.state), own, strict=True))
