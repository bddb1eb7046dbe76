"""Wirings in words: what is taken from where, as a rule for all places if there is one."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from conformance.diagnosis.experiments.term.words import write_sum
from conformance.diagnosis.experiments.wiring.backward import Routes
from conformance.diagnosis.experiments.wiring.network import BEYOND, OWN, Network, Source, Taken, Wiring
from conformance.diagnosis.experiments.wiring.passes import Beyond, Place
from conformance.diagnosis.experiments.wiring.sweeps import WHOLE, Method, Sum, Term, expect_sum

RULES: dict[str, Callable[[int, int, int], Place]] = {  # which place stands for that of a layer and a direction, of D
    "that of layer 0, in each direction": lambda layer, d, D: (0, d),
    "that of the first direction": lambda layer, d, D: (layer, 0),
    "that of the other direction": lambda layer, d, D: (layer, D - 1 - d),
    "that of layer 0 in the first direction": lambda layer, d, D: (0, 0),
    "that of row layer, not of row layer · directions + direction": lambda layer, d, D: divmod(layer, D),
    "that of row layer + direction": lambda layer, d, D: divmod(layer + d, D),
    "that of row layer · directions − direction": lambda layer, d, D: divmod(layer * D - d, D),
    "that of row directions + direction": lambda layer, d, D: divmod(D + d, D),
    "that of direction layer": lambda layer, d, D: (layer, layer % D),
}
NAMES = {
    "h": "the initial hidden state",
    "c": "the initial cell state",
    "final h": "the final hidden state",
    "final c": "the final cell state",
    "last h": "the hidden state after the last step",
}
NAMES |= {
    "from h_T": "what comes from h_T",
    "from c_T": "what comes from c_T",
    "h_0": "the gradient of h_0",
    "c_0": "the gradient of the initial cell state c_0",
    "gradients": "the gradient of W, the gradient of U and the gradient of b",
    "dh": "the cotangent of h_T",
    "dc": "the cotangent of c_T",
    "tape": "the activations of which the gradients are made",
    "weights": "the parameters with which the gradients are made",
}
PLURAL = ("parameters", "tape", "weights", "gradients")
HALVES = {
    "other": "those of direction {other}",
    "zero": "zero",
    "late": "those of the step before",
    "early": "those of the step after",
    "flipped": "those of step T−1−t",
    "turned": "not turned back",
    "kept": "not zero beyond the lengths, but the last one",
    "on": "not zero beyond the lengths",
    "cell": "the cell states",
    "input": "the input x",
    "below": "what the layer below reads",
}
STATES = {"h": "the hidden state", "c": "the cell state", "0": "zero"}
LENGTHS = {"more": "one step more than the length is read", "fewer": "one step fewer than the length is read"}


def name_place(network: Network, place: Place) -> str:
    """A layer and a direction, as far as there are several of them."""
    problem = network.problem
    words = [f"layer {place[0]}"] if len(problem.parameters) > 1 else []
    words += [problem.directions[place[1]]] if len(problem.directions) > 1 else []
    return " ".join(words)


def name_places(network: Network, places: Sequence[Place]) -> str:
    """Several of them; a layer if all its directions are there, and nothing if everything is there."""
    if len(places) == len(network.places):
        return ""
    D, words = len(network.problem.directions), list[str]()
    if len({d for _, d in places}) == 1 and len(places) == len(network.problem.parameters):
        return f"direction {network.problem.directions[places[0][1]]}"
    for layer in range(len(network.problem.parameters)):
        here = [place for place in places if place[0] == layer]
        words += [f"layer {layer}"] if D > 1 and len(here) == D else [name_place(network, place) for place in here]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def describe_wiring(network: Network, wiring: Wiring) -> str:
    """What is taken and returned that should not be."""
    said = describe_sources(network, {k: _read_sources(network, wiring, k) for k in "hc"})
    own = {place: ("parameters", wiring.taken.get(place, Taken()).parameters or place) for place in network.places}
    said += describe_sources(network, {"parameters": own})
    by_text: dict[str, list[Place]] = {}
    for place, taken in wiring.taken.items():
        for text in _describe_taken(network, place, taken):
            by_text.setdefault(text, []).append(place)
    for text, places in by_text.items():
        where = name_places(network, places)
        if text.startswith("reads"):
            text = text.replace("reads", "read", 1) if " and " in where else text
            said.append(f"{where or 'each layer'} {text}")
        else:
            said.append(f"{text}{where and f' in {where}'}")
    y, h, c = wiring.returned
    said += [f"the output y {'is' if len(y) == 1 else 'has'} {describe_halves(network, y)}"] if y else []
    rows = {f"final {k}": dict(zip(network.places, rows, strict=True)) for k, rows in (("h", h), ("c", c)) if rows}
    return "; ".join([*said, *describe_sources(network, rows)])


def _describe_taken(network: Network, place: Place, taken: Taken) -> Iterator[str]:
    if taken.x:
        yield f"reads {describe_halves(network, taken.x)}"
    if taken.reverse is not None:
        yield f"reads in direction {'reverse' if taken.reverse else 'forward'}"
    if taken.lengths:
        yield LENGTHS.get(taken.lengths) or _describe_beyond(BEYOND[taken.lengths])


def _describe_beyond(found: Beyond) -> str:
    changed = {k: v for k, v in found._asdict().items() if k != v}
    said = [f"{STATES[k]} {'goes on' if '′' in v else f'becomes {STATES[v]}'}" for k, v in changed.items()]
    return f"beyond the lengths {' and '.join(said)}"


def _read_sources(network: Network, wiring: Wiring, kind: str) -> dict[Place, Source]:
    taken = {place: getattr(wiring.taken.get(place, Taken()), kind) for place in network.places}
    return {place: source or (kind, place) for place, source in taken.items()}


def describe_sources(network: Network, found: Mapping[str, Mapping[Place, Source]]) -> list[str]:
    """Of each kind of state which one stands for it; what is the same for two kinds is said once."""
    by_text: dict[str, list[str]] = {}
    for kind, sources in found.items():
        if any(source != (kind, place) for place, source in sources.items()):
            by_text.setdefault(describe_map(network, kind, sources), []).append(kind)
    said = []
    for text, kinds in by_text.items():
        verb = "are" if len(kinds) > 1 or kinds[0] in PLURAL else "is"
        said.append(f"{' and '.join(NAMES.get(k, f'the {k}') for k in kinds)} {verb} {text}")
    return said


def describe_map(network: Network, kind: str, sources: Mapping[Place, Source]) -> str:
    """Which one stands for that of each place."""
    D, that = len(network.problem.directions), "those" if kind in PLURAL else "that"
    for rule, find in RULES.items():
        rows = [(layer * D + d) % len(network.places) for layer, d in (find(*place, D) for place in network.places)]
        if all(sources[p] == (kind, network.places[k]) for p, k in zip(network.places, rows, strict=True)):
            return rule.replace("that", that)
    by_source: dict[str, list[Place]] = {}
    for place, source in sources.items():
        if source != (kind, place):
            by_source.setdefault(_name_source(network, kind, place, source), []).append(place)
    parts = ((source, name_places(network, places)) for source, places in by_source.items())
    return ", ".join(f"{source} in {where}" if where else source for source, where in parts)


def _name_source(network: Network, kind: str, place: Place, source: Source) -> str:
    name, other = source
    if other is None:
        return "zero"
    what = ("those" if kind in PLURAL else "that") if name == kind else NAMES.get(name, name)
    where = "" if other == place else name_place(network, other)
    return f"{what}{f' of {where}' if where else ''}"


def describe_halves(network: Network, halves: tuple[str, ...]) -> str:
    """What stands for the outputs of a layer."""
    if len(halves) == 1 and halves[0] in ("input", "below"):
        return HALVES[halves[0]]
    directions = network.problem.directions
    said = {d: HALVES[name] for d, name in zip(directions, halves, strict=True) if name != OWN}
    if len(said) == len(directions) and len({*said.values()}) == 1 and "other" not in halves:
        return f"outputs that are {next(iter(said.values()))}"
    if halves == ("other", "other"):
        return "the outputs of both directions exchanged"
    other = dict(zip(directions, directions[::-1], strict=True))
    return " and ".join(f"outputs of direction {d} that are {text.format(other=other[d])}" for d, text in said.items())


# ---------------------------------------------------------------- gradients


def describe_routes(network: Network, routes: Routes) -> str:
    """What is made with, comes from and goes to the wrong place."""
    maps: dict[str, dict[Place, Source]] = {}
    for name in ("tape", "parameters"):
        chosen = {p: getattr(routes.methods.get(p, Method()), name) or p for p in network.places}
        kind = "weights" if name == "parameters" else name
        maps[kind] = {p: (kind, other) for p, other in chosen.items()}
    said = []
    for name in dict.fromkeys(name for name, _ in routes.sums):
        found = {place: each for (n, place), each in routes.sums.items() if n == name}
        kind = "gradients" if name == "parameters" else name
        if name in ("x", "from y") or not all(_is_one(each) for each in found.values()):
            said += _describe_sums(network, kind, found)
            continue
        maps[kind] = {p: (kind, p) for p in network.places}
        maps[kind] |= {place: _name_one(each, kind) for place, each in found.items()}
    if turned := [place for place, method in routes.methods.items() if method.is_turned]:
        where = name_places(network, turned)
        said.append(f"the gradients{where and f' of {where}'} go through the steps in the wrong direction")
    return "; ".join([*describe_sources(network, maps), *said])


def _is_one(each: Sum) -> bool:
    return not each or (len(each) == 1 and set(each.values()) == {1.0} and not any(term.is_short for term in each))


def _name_one(each: Sum, kind: str) -> Source:
    own = {"dh": "from h_T", "dc": "from c_T", "parameters": "gradients"}
    return next(((own.get(term.kind, term.kind), term.place) for term in each), (kind, None))


def _describe_sums(network: Network, kind: str, found: Mapping[Place, Sum]) -> list[str]:
    """What stands there; what is the same in several places is said once."""
    what = NAMES.get(kind, "the gradient of x" if kind == "x" else "what comes from y")
    by_text: dict[str, list[Place]] = {}
    for place, each in found.items():
        by_text.setdefault(_describe_sum(network, each, expect_sum(network, kind, place)), []).append(place)
    said = []
    for text, places in by_text.items():
        inward = "into" if kind.startswith("from") else "in"
        where = "" if kind == "x" else name_places(network, places)
        said.append(f"{what}{f' {inward} {where}' if where else ''} {text}")
    return said


def _describe_sum(network: Network, each: Sum, own: Sum) -> str:
    """What stands there beside what should, as a predicate."""
    by = {*each.values()}
    if each.keys() == own.keys() and len(by) == 1:
        return "has the wrong sign" if by == {-1.0} else f"is {by.pop():.4g} times what it should be"
    if any(term.is_short for term in each) and {t._replace(is_short=False) for t in each} == own.keys():
        return f"is zero where the length is {'below T' if len(each) > len(own) else 'T'}"
    if not each:
        return "is zero"
    layers = {term.place[0] for term in own}
    terms = {_name_term(network, term, term.place[0] in layers): by for term, by in each.items()}
    return f"is {'only ' if each.items() < own.items() and each else ''}{write_sum(terms)}"


def _name_term(network: Network, term: Term, is_next: bool) -> str:
    directions, what = network.problem.directions, NAMES.get(term.kind, "")
    if term.kind == "dy":
        return f"the cotangent of y{'' if term.half == WHOLE else f' in direction {directions[term.half]}'}"
    if term.kind == "x":
        by = f"direction {directions[term.place[1]]}" if is_next else name_place(network, term.place)
        return f"what {by} sends back"
    where = name_place(network, term.place)
    return f"{what}{where and f' of {where}'}{', where the length is below T' if term.is_short else ''}"
