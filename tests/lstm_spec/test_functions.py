"""The activations that a Keras layer or an ONNX node names are those of the specification, or refused by name."""

from typing import Any

import numpy as np
import pytest

from lstm_spec import Activations, Gate, Implementation, Parameters, Problem, State, Variant, make_backend
from lstm_spec.layouts.functions import read_keras_activations, read_onnx_activations, write_onnx_activations
from lstm_spec.modules.reference import ReferenceModule

HARD = {"name": "mine", "recurrent_activation": "hard_sigmoid"}
KERAS: list[tuple[dict[str, Any], str, Activations | None]] = [
    ({}, "", None),
    ({"activation": "tanh", "recurrent_activation": "sigmoid"}, "3.1", None),
    (HARD, "2.4.0", Activations(alpha=0.2)),
    (HARD, "3.15.1", Activations(alpha=1 / 6)),
    (HARD | {"activation": "relu"}, "2.15.0", Activations("hard sigmoid", "relu", "relu")),
    ({"activation": "relu"}, "", Activations("sigmoid", "relu", "relu")),
    ({"activation": None}, "", Activations("sigmoid", "identity", "identity")),
    ({"activation": {"class_name": "function", "config": "relu"}}, "3.0", Activations("sigmoid", "relu", "relu")),
]


@pytest.mark.parametrize("layer, version, activations", KERAS)
def test_a_layer_of_keras_says_which_functions_it_has(
    layer: dict[str, Any], version: str, activations: Activations | None
) -> None:
    assert read_keras_activations(layer, version) == activations


@pytest.mark.parametrize(
    "layer, sentence",
    [
        (HARD, "mine has recurrent_activation 'hard_sigmoid', and the file does not say by which version of Keras"),
        (
            {"recurrent_activation": "relu"},
            "the layer has recurrent_activation 'relu', expected sigmoid or hard_sigmoid",
        ),
        ({"name": "mine", "activation": "elu"}, "mine has activation 'elu', expected tanh, relu or linear"),
    ],
)
def test_a_layer_with_other_functions_is_refused_by_name(layer: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_keras_activations(layer, "")


ONNX: list[tuple[list[str], list[float], list[float], Activations | None]] = [
    ([], [], [], None),
    (["Sigmoid", "Tanh", "Tanh"] * 2, [], [], None),
    (["HardSigmoid", "Tanh", "Tanh"], [], [], Activations(alpha=0.2, beta=0.5)),
    (["hardsigmoid", "Tanh", "Relu"], [0.25], [], Activations(output="relu", alpha=0.25)),
    (
        ["HardSigmoid", "Affine", "Affine"],
        [0.3, 1, 1],
        [0.4, 0, 0],
        Activations("hard sigmoid", "identity", "identity", 0.3, 0.4),
    ),
    (["Sigmoid", "Relu", "Tanh"], [], [], Activations("sigmoid", "relu")),
]


@pytest.mark.parametrize("names, alphas, betas, activations", ONNX)
def test_a_node_says_which_functions_it_has(
    names: list[str], alphas: list[float], betas: list[float], activations: Activations | None
) -> None:
    assert read_onnx_activations(names, alphas, betas) == activations


@pytest.mark.parametrize("activations", [case[-1] for case in ONNX if case[-1]], ids=str)
@pytest.mark.parametrize("directions", [1, 2])
def test_a_node_is_written_as_it_is_read(activations: Activations, directions: int) -> None:
    written = write_onnx_activations(activations, directions)
    assert len(written["activations"]) == 3 * directions
    again = (written.get(name, []) for name in ("activations", "activation_alpha", "activation_beta"))
    assert read_onnx_activations(*again) == activations


@pytest.mark.parametrize(
    "names, alphas, betas, sentence",
    [
        (["Tanh", "Tanh", "Tanh"], [], [], "the node has the activation Tanh, expected Sigmoid or HardSigmoid"),
        (["Sigmoid", "HardSigmoid", "Tanh"], [], [], "HardSigmoid of 0.2, 0.5, expected Tanh, Relu, or Affine"),
        (["Sigmoid", "Affine", "Tanh"], [2], [0], "Affine of 2, 0, expected Tanh, Relu, or Affine with alpha 1"),
        (["Sigmoid", "Tanh", "Tanh", "HardSigmoid", "Tanh", "Tanh"], [], [], "expected the same in both directions"),
        (["HardSigmoid", "Tanh", "Tanh"] * 2, [0.2, 0.3], [], "expected the same in both directions"),
    ],
)
def test_a_node_with_other_functions_is_refused_by_name(
    names: list[str], alphas: list[float], betas: list[float], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_onnx_activations(names, alphas, betas)


def test_who_claims_no_activations_is_not_asked_in_silence() -> None:
    gate = Gate(np.ones((2, 1)), np.ones((2, 2)), np.ones(2))
    one = State(np.ones((1, 1, 2)), np.ones((1, 1, 2)))
    variant = Variant("configured", activations=Activations())
    problem = Problem(((Parameters(gate, gate, gate, gate),),), np.ones((1, 1, 1)), one, variant=variant)
    with pytest.raises(ValueError, match="mine does not claim configured activations, expected a variant without; ask"):
        make_backend(Implementation("mine", ReferenceModule)).forward(problem)
