"""Which layer and direction the tensors of a whole network belong to, as the usual names say it."""

import re
from collections.abc import Iterable, Sequence
from os.path import commonprefix
from typing import NamedTuple

from lstm_spec.layouts.fitting import tensors_of
from lstm_spec.layouts.table import Layout
from lstm_spec.types import Direction

SUFFIX = re.compile(r"(?:_l(?P<layer>\d+))?(?P<turned>_reverse|_back)?$")  # weight_ih_l0_reverse, weight_hh_back
SUFFIXED = ("pytorch", "candle", "paddle", "tinygrad")  # layouts of which _l0 is a part of the names
CELL = re.compile(r"(?:^|(?<=/))(?:\w*lstm_cell(?:_\d+)?|cell)/$")  # says nothing of where a tensor belongs
LISTED = re.compile(r"(?:^|/)cells/[^/]+/$")  # one of several cells of a RNN of Keras, a network of its own
SIDE = re.compile(r"(?:^|(?<=[./_]))(?:(?P<forward>forward|fw)|backward|bw|reverse)[./_]")
NUMBER = re.compile(r"(?:^|(?<=[./_]))(?:cell_(?P<cell>\d+)|(?P<side>[lr])(?P<layer>\d+))[./_]$")
VARIABLE = re.compile(r"vars/([012])$")  # of a layer in a .weights.h5 of Keras 3, in the order in which it makes them
VARIABLES = ("kernel", "recurrent_kernel", "bias")


class Place(NamedTuple):
    """One layer in one direction of one network; of both directions if a tensor holds both."""

    network: str  # what its names begin with
    layer: int
    direction: Direction


Places = dict[Place, dict[str, str]]  # by the layout's own names, the whole names


def find_places(names: Iterable[str], layout: Layout) -> Places:
    """The tensors that have a name of the layout. Raises ValueError if two have the same place."""
    owns = sorted(tensors_of(layout, bool(layout.p), bool(layout.R)), key=len, reverse=True)
    found: Places = {}
    for name in names:
        place, own = _read_name(name, owns)
        if place is None:
            continue
        if own in found.setdefault(place, {}):
            raise ValueError(
                f"{found[place][own]} and {name} are both {own} of layer {place.layer}, {place.direction}, expected"
                " one; choose with prefix="
            )
        found[place][own] = name
    return found


def _read_name(name: str, owns: list[str]) -> tuple[Place | None, str]:
    stem = VARIABLE.sub(lambda found: VARIABLES[int(found[1])], name.removesuffix(":0"))
    end = SUFFIX.search(stem)
    assert end is not None, "it may be empty"
    stem, turned, layer = stem[: end.start()], bool(end["turned"]), end["layer"]
    own = next((own for own in owns if stem == own or stem.endswith(tuple(f"{c}{own}" for c in "./_"))), "")
    if not own:
        return None, ""
    before = stem.removesuffix(own)
    if LISTED.search(before):
        return Place(before, 0, "forward"), own
    before = CELL.sub("", before)
    if side := SIDE.search(before):
        turned, before = not side["forward"], before[: side.start()] + before[side.end() :]
    if number := NUMBER.search(before):
        layer, before = number["cell"] or number["layer"], before[: number.start()]
        turned = turned or number["side"] == "r"
    return Place(before, int(layer or 0), "reverse" if turned else "forward"), own


def name_place(own: str, layout: str, place: Place, is_only: bool) -> str:
    """The name under which a tensor of that place is found again; the plain one if there is only one place."""
    if layout in SUFFIXED:
        return f"{place.network}{own}_l{place.layer}{'_reverse' * (place.direction == 'reverse')}"
    if is_only:
        return f"{place.network}{own}"
    return f"{place.network}{'backward' if place.direction == 'reverse' else 'forward'}/l{place.layer}/{own}"


def find_prefix(network: str, names: Sequence[str]) -> str:
    """What all names of a network begin with, up to the end of a word."""
    if all(name.startswith(network) for name in names):
        return network
    common = commonprefix(names)
    return common[: max(common.rfind("/"), common.rfind(".")) + 1]


def sort_places(places: Iterable[Place]) -> dict[str, list[list[Place]]]:
    """By network, its places as [layer][direction]. Raises ValueError if a layer or a direction is missing."""
    networks: dict[str, dict[int, list[Place]]] = {}
    for place in sorted(places):
        networks.setdefault(place.network, {}).setdefault(place.layer, []).append(place)
    for network, layers in networks.items():
        for k, (layer, row) in enumerate(layers.items()):
            sides, first = [place.direction for place in row], [place.direction for place in layers[min(layers)]]
            if layer != k or sides != first:
                raise ValueError(
                    f"{network or 'the network'} has {' and '.join(sides)} in layer {layer}, expected"
                    f" {' and '.join(first)} in layer {k}; are tensors missing?"
                )
    return {network: [layers[k] for k in sorted(layers)] for network, layers in networks.items()}
