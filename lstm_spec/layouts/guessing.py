"""Which layout the tensors of a whole network have, if their names and shapes leave one choice."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from lstm_spec.layouts.fitting import name_layout, names_and_axes, tensors_of
from lstm_spec.layouts.foreign import shape_of
from lstm_spec.layouts.opening import check_blocks, is_complete, open_tensors
from lstm_spec.layouts.places import SUFFIXED, Places, find_places
from lstm_spec.layouts.table import LAYOUTS, Layout

JOINED = {name for name, it in LAYOUTS.items() if {*names_and_axes(it.W)[0]} & {*names_and_axes(it.U)[0]}}
SHOWN = 6  # names in a message
COMMON = ("kernel", "weight", "W", "w", "R", "H")  # names of matrices of other layers, too
NUMBERED = re.compile(r"_l\d+(_reverse)?$")
WEIGHT = re.compile(r"[^./]*(weight|kernel|bias|peephole)[^./]*")  # a name of something in a layer


class Candidate(NamedTuple):
    """A layout that tensors may have, and those that it reads."""

    name: str
    places: Places

    @property
    def used(self) -> set[str]:
        """The tensors that it reads."""
        return {name for names in self.places.values() for name in names.values()}


def guess_layout(tensors: Mapping[str, Any]) -> Candidate:
    """The layout that reads most of the tensors; of several that mean the same, the first one.

    Raises ValueError if there is none, if others mean something else, or if something of an LSTM is left over.
    """
    found = [one for one in (find_candidate(tensors, name) for name in LAYOUTS) if one.places]
    most = max((len(one.used) for one in found), default=0)
    best = [one for one in found if len(one.used) == most and not _find_leftover(tensors, one)]
    if not best:
        raise ValueError(_explain_nothing(tensors, found))
    if any(mark in name for name in best[0].used for mark in ("/", ":0")):  # as TensorFlow and Keras write them
        best = [one for one in best if one.name != "haste"] or best
    return pick_candidate(best)


def pick_candidate(best: list[Candidate]) -> Candidate:
    """The first of layouts that mean the same. Raises ValueError if they do not."""
    if len({_meaning(one) for one in best}) > 1:
        raise ValueError(
            f"names and shapes fit the layouts {', '.join(one.name for one in best)}, which order or change the gates"
            f" otherwise, expected one; say which: layout={best[0].name!r}"
        )
    return best[0]


def find_candidate(tensors: Mapping[str, Any], name: str) -> Candidate:
    """What a layout would read of the tensors."""
    return Candidate(name, _list_fitting(tensors, name))


def _list_fitting(tensors: Mapping[str, Any], name: str) -> Places:
    """The places whose tensors have the names and the shapes of the layout."""
    layout, found = LAYOUTS[name], {}
    with suppress(ValueError):
        for place, names in find_places(tensors, layout).items():
            if is_complete(names, layout) and _is_likely(tensors, name, names) and _fits(tensors, layout, names):
                found[place] = names
    return found


def _is_likely(tensors: Mapping[str, Any], name: str, names: Mapping[str, str]) -> bool:
    """Whether the names say enough: many a layer has a kernel and a bias, and _l0 belongs to some layouts only."""
    texts = names.values()
    if any(NUMBERED.search(text) for text in texts):
        return name in SUFFIXED
    return name not in JOINED or len(tensors) == len(names) or any("lstm" in text.lower() for text in texts)


def _fits(tensors: Mapping[str, Any], layout: Layout, names: Mapping[str, str]) -> bool:
    blanks = {own: np.broadcast_to(np.float32(0), shape_of(tensors[name])) for own, name in names.items()}
    with suppress(ValueError, TypeError):
        return bool(open_tensors(blanks, layout, names))
    return False


def _meaning(one: Candidate) -> tuple[Any, ...]:
    """What the layout does to the numbers, as far as these tensors go."""
    it, owns = LAYOUTS[one.name], {own for names in one.places.values() for own in names}
    peepholes = it.peepholes if {*names_and_axes(it.p)[0]} & owns else ""
    return it.order, it.forget_bias, it.negated, it.reread, it.first, peepholes


def _find_leftover(tensors: Mapping[str, Any], one: Candidate) -> str:
    """A tensor beside those that are read that has no layer of its own; "" if there is none."""
    for names in one.places.values():
        own, name = next(iter(names.items()))
        before = name.partition(own)[0]
        for other in tensors:
            if other not in one.used and other.startswith(before) and WEIGHT.fullmatch(other, len(before)):
                return other
    return ""


def _explain_nothing(tensors: Mapping[str, Any], found: list[Candidate]) -> str:
    """Why no layout fits: the complaint of the one with most of the names, if it has the weights."""
    best = max(LAYOUTS, key=lambda name: _count_names(tensors, name))
    if _count_names(tensors, best) and (reason := explain_misfit(tensors, best, LAYOUTS[best])):
        return reason
    if found:
        most = max(found, key=lambda one: len(one.used))
        return (
            f"{_find_leftover(tensors, most)} has no place in layout {most.name!r}, which the other tensors fit,"
            " expected the weights of a plain LSTM; if it is one, leave that out"
        )
    if missing := _explain_missing(tensors):
        return missing
    listed = ", ".join([*tensors][:SHOWN]) + (f" and {len(tensors) - SHOWN} more" if len(tensors) > SHOWN else "")
    return f"there is no LSTM among the tensors {listed}, expected names as in docs/layouts.md; rename them if need be"


def _explain_missing(tensors: Mapping[str, Any]) -> str:
    """Which matrix of weights is missing beside the other one, if that has a name that only an LSTM has."""
    for name, layout in LAYOUTS.items():
        pair = [names_and_axes(text)[0][0] for text in (layout.W, layout.U)]
        with suppress(ValueError):
            for names in find_places(tensors, layout).values():
                there = [own for own in pair if own in names and own not in COMMON]
                if name not in JOINED and len(there) == 1 and len({*pair} & {*names}) == 1:
                    beside = names[there[0]]
                    (needed,) = {*pair} - {*there}
                    whole = needed.join(beside.rsplit(there[0], 1))
                    inner = whole.rpartition(".")[2]
                    near = [other for other in tensors if inner in other and len(inner) > len(needed)]
                    made = f"; {near[0]} may be what it is made from: save what it computes" if near else ""
                    return f"{whole} is missing beside {beside}, expected both in layout {name!r}{made or '; add it'}"
    return ""


def _count_names(tensors: Mapping[str, Any], name: str) -> int:
    """How many tensors have names of the layout, in places that have matrices of weights."""
    with suppress(ValueError):
        places = find_places(tensors, LAYOUTS[name]).values()
        return 0 if name in JOINED else sum(len(n) for n in places if _has_matrices(tensors, LAYOUTS[name], n))
    return 0


def _has_matrices(tensors: Mapping[str, Any], layout: Layout, names: Mapping[str, str]) -> bool:
    W, U = (names_and_axes(text)[0][0] for text in (layout.W, layout.U))
    return {W, U} <= {*names} and all(len(shape_of(tensors[names[own]])) > 1 for own in (W, U))


def explain_misfit(tensors: Mapping[str, Any], name: str, layout: Layout) -> str:
    """Why the first place of a layout that cannot be read cannot: a wrong shape, or a tensor that is missing."""
    places = sorted(find_places(tensors, layout).values(), key=lambda n: not _has_matrices(tensors, layout, n))
    for names in places:
        blanks = {own: np.broadcast_to(np.float32(0), shape_of(tensors[one])) for own, one in names.items()}
        try:
            check_blocks(blanks, layout, names)
            if not is_complete(names, layout):
                needed = next(own for own in tensors_of(layout) if own not in names)
                own, beside = next(iter(names.items()))
                return (
                    f"{needed.join(beside.rsplit(own, 1))} is missing beside {beside}, expected"
                    f" {', '.join(tensors_of(layout))} in layout {name!r}; add it"
                )
            open_tensors(blanks, layout, names)
        except (ValueError, TypeError) as error:
            return str(error)
    return ""


def choose_places(named: Mapping[str, Any], layout: Layout) -> Candidate:
    """The places of a layout that is known. Raises ValueError if there is none, or if a tensor is missing."""
    name, places = name_layout(layout), find_places(named, layout)
    found: Places = {place: names for place, names in places.items() if is_complete(names, layout)}
    if name in JOINED and len(found) > 1:  # any layer may have a kernel and a bias
        found = {place: names for place, names in found.items() if "lstm" in "".join(names.values()).lower()} or found
    networks = {place.network for place in found}
    rest = {place: names for place, names in places.items() if place not in found}
    broken = [names for place, names in rest.items() if place.network in networks or not found]
    if broken and (other := _suggest(named, name)):
        raise ValueError(f"the tensors are not those of layout {name!r}, expected its names and shapes; {other}")
    if broken and (reason := explain_misfit({n: named[n] for one in broken for n in one.values()}, name, layout)):
        raise ValueError(reason)
    if not found:
        own = ", ".join(tensors_of(layout))
        remedy = _suggest(named, name) or "rename them if they have other names"
        raise ValueError(f"there are no tensors of layout {name!r}, expected {own}; {remedy}")
    return Candidate(name, found)


def _suggest(named: Mapping[str, Any], name: str) -> str:
    """Which other layout fits, in words; empty if none does."""
    try:
        other = guess_layout(named).name
    except ValueError:
        return ""
    return f"they fit layout {other!r}" if other != name else ""
