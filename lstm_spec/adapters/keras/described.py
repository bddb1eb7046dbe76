"""Which activations each LSTM of a model of Keras has, as the description of the model says."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from lstm_spec.layouts.functions import read_keras_activations
from lstm_spec.types import Activations

PLAIN = ("LSTM", "LSTMCell", "CuDNNLSTM")
Described = dict[str, Activations | None]  # by a part of the names of the weights; None: σ and tanh


def read_description(config: Any, version: str, is_archive: bool) -> Described:
    """The activations of each layer with an LSTM in it; nothing of layers that are not described, as in a subclass.

    In an archive, layers are named by their classes, otherwise by their own names. Raises ValueError for an LSTM of
    another kind, with activations that are not specified, or a layer that has several with different ones.
    """
    found: Described = {}
    for name, place, layer in _list_layers(config, ""):
        functions = {_read_layer(kind, about, version) for kind, about in _list_inner(layer) if "LSTM" in kind}
        if len(functions) > 1:
            raise ValueError(f"{name} has LSTMs with different activations, expected the same in all; it is not judged")
        if functions:
            found[place if is_archive else f"{name}/"] = functions.pop()
    return found


def _list_layers(model: Any, before: str) -> Iterator[tuple[str, str, Any]]:
    """Each layer of a model, and of the models in it: its name, its place in an archive, and its description."""
    counts = Counter[str]()
    for layer in _list_children(model):
        kind = _to_snake_case(str(layer.get("class_name", "")))
        place = f"{before}layers/{kind}{f'_{counts[kind]}' if counts[kind] else ''}/"
        counts[kind] += 1
        if _list_children(layer):
            yield from _list_layers(layer, place)
        else:
            about = layer.get("config")
            yield str(about.get("name", kind) if isinstance(about, dict) else kind), place, layer


def _list_children(model: Any) -> list[dict[str, Any]]:
    """The layers of a model; nothing if it is none, or does not describe them."""
    about = model.get("config") if isinstance(model, dict) else None
    layers = about.get("layers") if isinstance(about, dict) else about  # a list in old files
    return [one for one in layers if isinstance(one, dict)] if isinstance(layers, list) else []


def _to_snake_case(name: str) -> str:
    """As Keras makes it: TimeDistributed is time_distributed, LSTM is lstm."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _list_inner(config: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A layer, and those in it, as deep as they are: the class, and the description."""
    if isinstance(config, list):
        for one in config:
            yield from _list_inner(one)
    if isinstance(config, dict):
        if isinstance(config.get("class_name"), str) and isinstance(config.get("config"), dict):
            yield config["class_name"], config["config"]
        for one in config.values():
            yield from _list_inner(one)


def _read_layer(kind: str, about: Mapping[str, Any], version: str) -> Activations | None:
    name = about.get("name", kind)
    if kind not in PLAIN:
        raise ValueError(f"{name} is a layer of the class {kind}, expected LSTM; it is not judged")
    return read_keras_activations({"name": kind, **about}, version)
