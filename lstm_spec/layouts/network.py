"""Whole networks from the tensors of a framework, as it hands them out, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lstm_spec.layouts.convert import measure_biases, read_layer, write_layer
from lstm_spec.layouts.fitting import find_layout, has_peepholes, name_layout, names_and_axes
from lstm_spec.layouts.foreign import flatten_names, shape_of, to_array
from lstm_spec.layouts.guessing import SHOWN, choose_places, guess_layout
from lstm_spec.layouts.losses import Losses
from lstm_spec.layouts.opening import open_tensors
from lstm_spec.layouts.places import Place, find_prefix, name_place, sort_places
from lstm_spec.layouts.table import Layout
from lstm_spec.layouts.unnamed import as_buffer_layout, join_buffer, name_list, split_buffer
from lstm_spec.types import Activations, Array, Direction, Parameters, Problem, State, Variant

BOTH: tuple[Direction, ...] = ("forward", "reverse")


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """An LSTM with the weights of a framework, and what is known of where they came from."""

    parameters: tuple[tuple[Parameters, ...], ...]  # [layer][direction]
    directions: tuple[Direction, ...]
    layout: str  # by its name in LAYOUTS
    is_guessed: bool  # names and shapes left one choice
    bias_sizes: tuple[tuple[dict[str, Array], ...], ...]  # [layer][direction], by gate: |b_ih| + |b_hh|
    prefix: str = ""  # what its names began with
    names: tuple[str, ...] = ()  # of all tensors that it was read from
    activations: Activations | None = None  # which no tensor tells; None: σ and tanh
    clip: float | None = None  # of the cell state, which no tensor tells either
    projection_clip: float | None = None

    @property
    def variant(self) -> Variant:
        """The kind of cell that the weights are for. Raises ValueError if it is coupled and has other activations."""
        p = self.parameters[0][0]
        kind = "coupled" if p.f is None else "peephole" if has_peepholes(p) else "standard"
        if self.activations is not None:
            if kind == "coupled":
                raise ValueError(f"the weights are {kind}, expected gates of their own beside {self.activations}")
            kind = "configured peephole" if kind == "peephole" else "configured"
        return Variant(kind, self.clip, self.activations, self.projection_clip)

    def ask(self, x: Array, state: State | None = None, lengths: Array | None = None) -> Problem:
        """The problem of reading x (T, B, I), from a state of zeros unless it is given."""
        p, B = self.parameters[0][0], x.shape[1]
        H, many = len(p.g.b), len(self.parameters) * len(self.directions)
        zeros = State(*(np.zeros((many, B, n), p.g.W.dtype) for n in (H if p.R is None else len(p.R), H)))
        return Problem(self.parameters, x, state or zeros, lengths, self.variant, self.directions)

    def __repr__(self) -> str:
        p, many = self.parameters[0][0], len(self.parameters)
        how = f"layout {self.layout!r}{', which names and shapes say' * self.is_guessed}"
        sizes = f"I = {p.g.W.shape[1]}, H = {len(p.g.b)}" + ("" if p.R is None else f", P = {len(p.R)}")
        layers = f"{many} layer{'s' * (many > 1)}"
        return f"<Network {layers}, {' and '.join(self.directions)}, {sizes}, {p.g.W.dtype}; {how}>"


Given = Mapping[str, Any] | Sequence[Any] | Array


def network_from(
    tensors: Given,
    layout: str | Layout | None = None,
    *,
    prefix: str | Sequence[str] = "",
    directions: tuple[Direction, ...] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Network:
    """The LSTM in a whole state dict as it is, in a list as get_weights() returns it, or in a flat buffer of cuDNN.

    Names may have what frameworks put to them: _l0, _reverse, a prefix, :0, forward and backward; other tensors may be
    among them. `prefix` is what the names of the LSTM begin with, if there are several; a list of prefixes is a stack.
    Without a layout, it is guessed if names and shapes leave one choice. `directions` are those that the tensors do not
    tell. `sizes` are I and H of a flat buffer, and layers, directions and P if there are more. Biases that are left out
    are zeros, two are added.

    Raises ValueError or TypeError if the tensors are not those of one LSTM, and says what they look like. Warns of one
    LossyConversion if biases had to be rounded, and of CancellingBiases as `from_layout` does.
    """
    losses, prefixes = Losses(), [prefix] if isinstance(prefix, str) else prefix
    found = [_find_one(tensors, layout, one, directions, sizes, losses) for one in prefixes]
    joined = _join(found, directions)
    losses.warn()
    return joined


def networks_from(tensors: Mapping[str, Any], layout: str | Layout | None = None) -> dict[str, Network]:
    """Every LSTM in a state dict, by what its names begin with. Raises and warns as `network_from`."""
    losses = Losses()
    found = _read_all(flatten_names(tensors), layout, losses)
    losses.warn()
    return {name: replace(one, is_guessed=layout is None) for name, one in found.items()}


def _find_one(
    tensors: Given, layout: str | Layout | None, prefix: str, directions: Any, sizes: Any, losses: Losses
) -> Network:
    if isinstance(tensors, Mapping):
        found = _read_all(_select(flatten_names(tensors), prefix), layout, losses)
    elif sizes is not None or len(shape_of(tensors)) == 1:
        it = find_layout(layout or "cudnn")
        named = split_buffer(to_array("the buffer", tensors), as_buffer_layout(it), sizes or {})
        found, layout = _read_all(named, as_buffer_layout(it), losses, name_layout(it)), it
    elif isinstance(tensors, list | tuple):
        named, name = name_list(tensors, name_layout(find_layout(layout)) if layout else None, directions)
        found = _read_all(named, name, losses, name)
    else:
        raise TypeError(
            f"tensors is of type {type(tensors).__name__}, expected tensors by name, as model.state_dict() has them"
        )
    if len(found) > 1:
        raise ValueError(
            f"there are {len(found)} networks among the tensors, expected one; choose with"
            f" prefix={' or '.join(map(repr, found))}, or give several as a list if they are layers"
        )
    return replace(next(iter(found.values())), is_guessed=layout is None)


def _select(named: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
    found = {name: a for name, a in named.items() if name.startswith(prefix)}
    if not found:
        listed = f"expected the beginning of one of {', '.join([*named][:SHOWN])}" if named else "there are no tensors"
        raise ValueError(f"no name begins with {prefix!r}; {listed}")
    return found


def _read_all(
    named: Mapping[str, Any], layout: str | Layout | None, losses: Losses, name: str = ""
) -> dict[str, Network]:
    chosen = guess_layout(named) if layout is None else choose_places(named, find_layout(layout))
    it = find_layout(layout or chosen.name)
    arrays = {name: to_array(name, named[name]) for name in sorted(chosen.used)}
    found = {}
    for network, rows in sort_places(chosen.places).items():
        opened = [[_open(arrays, it, chosen.places[place]) for place in row] for row in rows]
        names = tuple(one for row in rows for place in row for one in chosen.places[place].values())
        prefix = find_prefix(network, names)
        prefix = network if prefix in found else prefix
        made = _make_network(opened, rows, it, name or chosen.name, prefix, losses)
        found[prefix] = replace(made, names=names)
    return found


def _open(arrays: Mapping[str, Array], it: Layout, names: Mapping[str, str]) -> list[list[Any]]:
    return open_tensors({own: arrays[name] for own, name in names.items()}, it, names)


def _make_network(
    opened: list[Any], rows: list[list[Place]], it: Layout, name: str, prefix: str, losses: Losses
) -> Network:
    """Each place holds one layer in one direction, or both directions, or layers of both directions."""
    kept = [[d for place in row for d in place[k]] for row in opened for k in range(len(row[0]))]
    sides = tuple(place.direction for place in rows[0])
    if len(kept[0]) > len(sides):
        sides = BOTH
    parameters = tuple(tuple(read_layer(one, it, losses) for one in row) for row in kept)
    biases = tuple(tuple(measure_biases(one, it) for one in row) for row in kept)
    _check_sizes(parameters, sides, prefix)
    return Network(parameters, sides, name, False, biases, prefix)


def _check_sizes(parameters: tuple[tuple[Parameters, ...], ...], sides: tuple[Direction, ...], prefix: str) -> None:
    """Raise ValueError unless all layers and directions have as many units, as those of a problem have."""
    sizes = [[len(p.g.b) for p in row] for row in parameters]
    for k, row in enumerate(sizes):
        for side, H in zip(sides, row, strict=True):
            if sizes[0][0] != H:
                raise ValueError(
                    f"{prefix or 'the network'} has {H} units in layer {k}, {side}, expected the {sizes[0][0]} of"
                    f" layer 0, {sides[0]}; read each by itself, with prefix="
                )


def _join(found: list[Network], directions: tuple[Direction, ...] | None) -> Network:
    """Networks as the layers of one."""
    first = found[0]
    sides = directions or first.directions
    if any(one.directions != first.directions for one in found) or len(sides) != len(first.directions):
        every = ", ".join(" and ".join(one.directions) for one in found)
        raise ValueError(
            f"directions are {every}, expected {' and '.join(sides)} in every layer; give what the file has"
        )
    parameters = tuple(row for one in found for row in one.parameters)
    for k, (below, above) in enumerate(zip(parameters, parameters[1:], strict=False)):
        p, width = below[0], above[0].g.W.shape[1]
        wanted = len(below) * (len(p.g.b) if p.R is None else len(p.R))
        if width != wanted:
            raise ValueError(f"layer {k + 1} reads {width} numbers, expected the {wanted} that layer {k} returns")
    _check_sizes(parameters, sides, "")
    biases = tuple(row for one in found for row in one.bias_sizes)
    names = tuple(name for one in found for name in one.names)
    return Network(parameters, sides, first.layout, first.is_guessed, biases, first.prefix, names)


def tensors_from(network: Network, layout: str | Layout | None = None, *, prefix: str = "") -> dict[str, Array]:
    """The tensors of a framework for the network, by names that `network_from` reads; in the layout that it came in.

    A layout that keeps both directions in one tensor has them there. Of two biases the second is zero. Raises and warns
    as `to_layout`, one warning at most.
    """
    losses = Losses()
    found = _write(network, find_layout(layout or network.layout), prefix, losses)
    losses.warn()
    return found


def buffer_from(network: Network, layout: str | Layout = "cudnn") -> Array:
    """The flat buffer of cuDNN, MIOpen or MXNet for the network. Raises and warns as `tensors_from`."""
    losses = Losses()
    found = _write(network, as_buffer_layout(find_layout(layout)), "", losses)
    losses.warn()
    return join_buffer(found)


def _write(network: Network, it: Layout, prefix: str, losses: Losses) -> dict[str, Array]:
    found, axes, name = dict[str, Array](), names_and_axes(it.W)[1], name_layout(it)
    for k, row in enumerate(network.parameters):
        written = [write_layer(p, it, losses) for p in row]
        if "D" in axes:
            written = [{own: np.concatenate([one[own] for one in written], axes.index("D")) for own in written[0]}]
        is_only = len(network.parameters) == len(written) == 1
        for direction, tensors in zip(network.directions, written, strict=False):
            place = Place(prefix, k, direction)
            found |= {name_place(own, name, place, is_only): a for own, a in tensors.items()}
    return found
