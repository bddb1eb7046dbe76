"""A network whose layers and directions may take what they take from the wrong place: its options, and its answer."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import NamedTuple

import numpy as np

from conformance.assertions.order import turn
from conformance.diagnosis.experiments.term.formula import Formula
from conformance.diagnosis.experiments.wiring.passes import Beyond, Pass, Place, read
from lstm_spec import Parameters, Problem, State
from lstm_spec.types import Array

OWN = "own"
HALVES = ("other", "zero", "late", "early", "flipped", "turned", "kept", "on", "cell")  # what half an output may be
LENGTHS = {"more": 1, "fewer": -1}  # steps that are read beyond the length
BEYOND = {  # what h and c may be after a step beyond the length
    "h goes on": Beyond(h="h′"),
    "c goes on": Beyond(c="c′"),
    "h and c go on": Beyond("h′", "c′"),
    "h becomes c": Beyond(h="c"),
    "c becomes h": Beyond(c="h"),
    "h becomes 0": Beyond(h="0"),
    "c becomes 0": Beyond(c="0"),
    "h and c become 0": Beyond("0", "0"),
}
Source = tuple[str, Place | None]  # h or c, initial; zero; "final h" or "final c": of a place


class Taken(NamedTuple):
    """What a layer in one direction takes."""

    x: tuple[str, ...] = ()  # what is read: halves, or the input; nothing: its own
    h: Source | None = None
    c: Source | None = None
    parameters: Place | None = None
    reverse: bool | None = None
    lengths: str = ""


class Returned(NamedTuple):
    """What is returned: y as halves, and which states stand in which rows."""

    y: tuple[str, ...] = ()
    h: tuple[Source, ...] = ()
    c: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Wiring:
    """What is taken from elsewhere, by place, and what is returned in the place of what it should be."""

    taken: dict[Place, Taken] = field(default_factory=dict)
    returned: Returned = Returned()

    @property
    def is_right(self) -> bool:
        """Whether everything is as it should be."""
        return not self.taken and self.returned == Returned()


@dataclass(frozen=True)
class Network:
    """A question about a network, and the formula of its cells."""

    problem: Problem
    formula: Formula

    @property
    def places(self) -> list[Place]:
        """Each layer and direction, in the order of the states."""
        return list(np.ndindex(len(self.problem.parameters), len(self.problem.directions)))

    def row_of(self, place: Place) -> int:
        """The row of the states that belongs to a place."""
        return place[0] * len(self.problem.directions) + place[1]

    def mark_valid(self, more: int = 0) -> Array:
        """Which steps (T, B, 1) count, if lengths are larger by some steps."""
        T, B = self.problem.x.shape[:2]
        ends = (np.full(B, T) if self.problem.lengths is None else self.problem.lengths) + more
        return np.asarray((np.arange(T)[:, None] < ends)[..., None])

    def read_place(self, place: Place, taken: Taken, below: list[list[Pass]]) -> Pass:
        """The pass of one layer in one direction over what was taken; below: the passes of the layers below."""
        layer, d = place
        own = self.problem.directions[d] == "reverse"
        state = State(*(self.find_state(s or (k, place), below) for k, s in zip("hc", taken[1:3], strict=True)))
        x = self.assemble(layer, taken.x, below)
        valid = self.mark_valid(LENGTHS.get(taken.lengths, 0))
        reverse, beyond = own if taken.reverse is None else taken.reverse, BEYOND.get(taken.lengths, Beyond())
        return read(self.formula, self.find_parameters(taken.parameters or place), x, state, valid, reverse, beyond)

    def find_parameters(self, place: Place) -> Parameters:
        """The parameters of a layer in one direction."""
        return self.problem.parameters[place[0]][place[1]]

    def find_state(self, source: Source, passes: list[list[Pass]]) -> Array:
        """A state (B, H) in float64."""
        name, place = source
        if place is None:
            return np.zeros(self.problem.state.c.shape[1:])
        if name.startswith("final"):
            return np.asarray(getattr(passes[place[0]][place[1]].state, name[-1]))
        if name == "last h":
            return np.asarray(passes[place[0]][place[1]].steps[-1]["h′"])
        return np.asarray(getattr(self.problem.state, name)[self.row_of(place)], np.float64)

    def assemble(self, layer: int, halves: tuple[str, ...], passes: list[list[Pass]]) -> Array:
        """What a layer reads, or, of the layer after the last one, y."""
        if halves == ("input",) or not layer:
            return np.where(self.mark_valid(), self.problem.x, 0).astype(np.float64)
        if halves == ("below",):
            return self.assemble(layer - 1, (), passes)
        D = len(self.problem.directions)
        return np.concatenate(
            [self.take_half(passes[layer - 1], d, name) for d, name in enumerate(halves or (OWN,) * D)], axis=2
        )

    def take_half(self, row: list[Pass], d: int, name: str) -> Array:
        """What may stand for the outputs of one direction."""
        own, zero = row[d].y, np.zeros_like(row[d].y[:1])
        if name == "other":
            return row[-1 - d].y
        if name in ("late", "early"):
            return np.concatenate([zero, own[:-1]] if name == "late" else [own[1:], zero])
        if name == "cell":
            return np.where(row[d].valid, [v["c′"] for v in row[d].steps], 0)
        return {
            OWN: own,
            "zero": 0 * own,
            "flipped": own[::-1],
            "turned": turn(self.problem, d, own),
            "kept": row[d].kept,
            "on": np.stack([v["h′"] for v in row[d].steps]),
        }[name]

    # ------------------------------------------------------------ options

    def list_taken(self, place: Place, passes: list[list[Pass]]) -> Iterator[Taken]:
        """What a place may take, the right thing first, then one other thing, or the states of one other place."""
        own = self.find_parameters(place)
        yield (right := Taken())
        for source in self.list_states(passes):
            yield from (right._replace(h=source), right._replace(c=source))
        for other in (*self.places, None):
            yield right._replace(h=("h", other), c=("c", other))
            yield right._replace(h=("c", other), c=("h", other))
        for done in ((layer, d) for layer, row in enumerate(passes) for d in range(len(row))):
            yield right._replace(h=("final h", done), c=("final c", done))
        for other in self.places:
            if self.find_parameters(other).g.W.shape == own.g.W.shape:
                yield right._replace(parameters=other)
        yield right._replace(reverse=self.problem.directions[place[1]] == "forward")
        for x in self.list_halves(place[0], self.assemble(place[0], (), passes).shape):
            yield right._replace(x=x)
        if self.problem.lengths is not None:
            yield from (right._replace(lengths=name) for name in (*BEYOND, *LENGTHS))

    def list_states(self, passes: list[list[Pass]]) -> list[Source]:
        """The states that may be taken for another one."""
        finals = [(layer, d) for layer, row in enumerate(passes) for d in range(len(row))]
        return [
            *product("hc", self.places),
            ("h", None),
            *product(("final h", "final c"), finals),
        ]

    def list_halves(self, layer: int, shape: tuple[int, ...]) -> Iterator[tuple[str, ...]]:
        """What may be read in the place of what the layer below returned; of the layer after the last one, y."""
        D = len(self.problem.directions)
        if not layer:
            return
        for halves in product((OWN, *HALVES), repeat=D):
            if len({name for name in halves if name != OWN}) == 1 and not (D == 1 and "other" in halves):
                yield halves
        yield from (name for name in (("input",), ("below",)) if self._fits(name, layer, shape))

    def _fits(self, name: tuple[str, ...], layer: int, shape: tuple[int, ...]) -> bool:
        width = len(self.problem.directions) * self.problem.state.h.shape[2]
        given = self.problem.x.shape[2] if name == ("input",) or layer == 1 else width
        return given == shape[2]

    # ------------------------------------------------------------ the answer

    def read_all(self, wiring: Wiring) -> list[list[Pass]]:
        """Every pass, layer by layer."""
        passes: list[list[Pass]] = []
        for layer, row in enumerate(self.problem.parameters):
            done: list[Pass] = []
            for d in range(len(row)):
                done.append(self.read_place((layer, d), wiring.taken.get((layer, d), Taken()), [*passes, done]))
            passes.append(done)
        return passes

    def answer(self, wiring: Wiring, passes: list[list[Pass]]) -> tuple[Array, Array, Array]:
        """y, h and c in float64."""
        y, h, c = wiring.returned
        states = [
            np.stack([self.find_state(s, passes) for s in rows or [(f"final {k}", p) for p in self.places]])
            for k, rows in (("h", h), ("c", c))
        ]
        return self.assemble(len(passes), y, passes), states[0], states[1]


def add_taken(wiring: Wiring, place: Place, taken: Taken) -> Wiring:
    """The wiring with what a place takes."""
    return wiring if taken == Taken() else replace(wiring, taken={**wiring.taken, place: taken})
