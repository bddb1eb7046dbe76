"""The activations that a layer of Keras or a node of ONNX names, as those of the specification, and back.

A hard sigmoid is never read as σ: what the specification has no word for is refused by its name.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lstm_spec.types import Activations

USUAL = {"recurrent_activation": "sigmoid", "activation": "tanh"}
OF_KERAS = {"tanh": "tanh", "relu": "relu", "linear": "identity"}
TO_KERAS = {function: name for name, function in OF_KERAS.items()}
OF_ONNX = {"tanh": "tanh", "relu": "relu", "affine": "identity"}
TO_ONNX = {"tanh": "Tanh", "relu": "Relu", "identity": "Affine", "sigmoid": "Sigmoid", "hard sigmoid": "HardSigmoid"}
DEFAULTS = {"hardsigmoid": (0.2, 0.5), "affine": (1.0, 0.0)}  # alpha and beta, if a node leaves them out
HARD_SIGMOID = {2: 0.2, 3: 1 / 6}  # the slope, by the major version of Keras


def read_keras_activations(layer: Mapping[str, Any], version: str) -> Activations | None:
    """Those in the description of a layer, in a file by that version of Keras; None if they are σ and tanh.

    Raises ValueError if the specification has no such functions, or the version does not tell which hard sigmoid it is.
    """
    name = str(layer.get("name", "the layer"))
    gate, other = (_name_function(layer, *option) for option in USUAL.items())
    if other not in OF_KERAS:
        raise ValueError(f"{name} has activation {other!r}, expected tanh, relu or linear; it is not judged")
    if gate == "sigmoid":
        return None if other == "tanh" else Activations("sigmoid", OF_KERAS[other], OF_KERAS[other])
    if gate != "hard_sigmoid":
        raise ValueError(
            f"{name} has recurrent_activation {gate!r}, expected sigmoid or hard_sigmoid; it is not judged"
        )
    major = int(version.partition(".")[0]) if version.partition(".")[0].isdigit() else 0
    if major not in HARD_SIGMOID:
        raise ValueError(
            f"{name} has recurrent_activation 'hard_sigmoid', and the file does not say by which version of Keras,"
            " expected 2 (0.2 z + 0.5) or 3 (z / 6 + 0.5); save it with the version that trained it"
        )
    return Activations("hard sigmoid", OF_KERAS[other], OF_KERAS[other], HARD_SIGMOID[major])


def _name_function(layer: Mapping[str, Any], option: str, usual: str) -> str:
    """The name of a function, which Keras 3 may wrap; None is linear."""
    used = layer.get(option, usual)
    used = used.get("config", used) if isinstance(used, dict) else used
    return "linear" if used is None else str(used)


def read_onnx_activations(
    names: Sequence[str], alphas: Sequence[float], betas: Sequence[float], node: str = "the node"
) -> Activations | None:
    """Those of an LSTM node, f, g and h for each direction; None if they are σ, tanh and tanh, or left out.

    Alphas and betas are used up in turn by the functions that take them. Raises ValueError if the specification has no
    such functions, or the directions have different ones.
    """
    left, found = (list(alphas), list(betas)), []
    for k, name in enumerate(names):
        numbers = [
            given.pop(0) if given else default
            for given, default in zip(left, DEFAULTS.get(name.lower(), ()), strict=False)
        ]
        found.append(_read_onnx_function(node, k % 3, name, numbers))
    if len({repr(one) for one in (found[k : k + 3] for k in range(0, len(found), 3))}) > 1:
        raise ValueError(f"{node} has the activations {', '.join(names)}, expected the same in both directions")
    if not found or [name for name, _ in found[:3]] == ["sigmoid", "tanh", "tanh"]:
        return None
    (gate, line), (candidate, _), (output, _) = found[:3]
    alpha, beta = line or (Activations.alpha, Activations.beta)
    return Activations(gate, candidate, output, float(alpha), float(beta))


def _read_onnx_function(node: str, place: int, name: str, numbers: list[float]) -> tuple[str, list[float]]:
    known = {"sigmoid": "sigmoid", "hardsigmoid": "hard sigmoid"} if place == 0 else OF_ONNX
    expected = "Sigmoid or HardSigmoid" if place == 0 else "Tanh, Relu, or Affine with alpha 1 and beta 0"
    if name.lower() not in known or (name.lower() == "affine" and numbers != [1.0, 0.0]):
        shown = f"{name} of {', '.join(f'{n:g}' for n in numbers)}" if numbers else name
        raise ValueError(f"{node} has the activation {shown}, expected {expected}; it is not judged")
    return known[name.lower()], numbers


def write_onnx_activations(a: Activations, directions: int) -> dict[str, Any]:
    """The attributes of a node with these activations, in each direction."""
    names = (a.gate, a.candidate, a.output)
    numbers = {"hard sigmoid": (a.alpha, a.beta), "identity": (1.0, 0.0)}
    taken = [numbers[name] for name in names if name in numbers] * directions
    found: dict[str, Any] = {"activations": [TO_ONNX[name] for name in names] * directions}
    if taken:
        found |= {f"activation_{word}": [float(pair[k]) for pair in taken] for k, word in enumerate(("alpha", "beta"))}
    return found
