"""The tensors of frameworks that no golden vector pins, written down once more: formulas for what is to be said."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lstm_spec import Array, Gate, Parameters


class Stacked(NamedTuple):
    """A layer with peepholes and a projection; the gates i, f, g, o on rows."""

    W: Array  # (4H, I)
    U: Array  # (4H, P)
    b: Array  # (4H,)
    p: dict[str, Array]  # (H,) each
    R: Array  # (P, H)

    @property
    def none(self) -> Array:
        """The second bias."""
        return np.zeros_like(self.b)


def stacked(p: Parameters) -> Stacked:
    W, U, b = (np.concatenate([gate[k] for gate in p[:4]]) for k in range(3))
    return Stacked(W, U, b, {k: getattr(p, k).p for k in "ifo"}, p.R)


def rows(a: Array, order: str) -> Array:
    """Rows i, f, g, o in another order."""
    blocks = dict(zip("ifgo", np.split(a, 4), strict=True))
    return np.concatenate([blocks[letter] for letter in order])


def each(name: str, roles: tuple[str, ...], a: Array) -> dict[str, Array]:
    """A tensor for each of the rows i, f, g, o."""
    return {name.format(role): block for role, block in zip(roles, np.split(a, 4), strict=True)}


def t(tensors: dict[str, Array]) -> dict[str, Array]:
    """Each transposed."""
    return {name: a.T for name, a in tensors.items()}


APPLE = ("inputGate", "forgetGate", "blockInput", "outputGate")
BURN = ("input_gate", "forget_gate", "cell_gate", "output_gate")
TFLITE = ("input", "forget", "cell", "output")

BY_HAND: dict[str, Callable[[Stacked], dict[str, Array]]] = {
    "cudnnlstm-v1": lambda q: {
        "kernel": np.hstack([W.reshape(W.shape[::-1]) for W in np.split(q.W, 4)]),
        "recurrent_kernel": np.hstack(np.split(q.U, 4)),
        "bias": np.r_[q.b, q.none],
    },
    "webnn-iofg": lambda q: {
        "weight": rows(q.W, "iofg")[None],
        "recurrentWeight": rows(q.U, "iofg")[None],
        "bias": rows(q.b, "iofg")[None],
        "recurrentBias": q.none[None],
    },
    "webnn-ifgo": lambda q: {
        "weight": q.W[None],
        "recurrentWeight": q.U[None],
        "bias": q.b[None],
        "recurrentBias": q.none[None],
    },
    "onednn": lambda q: {
        "weights_layer": np.stack([W.T for W in np.split(q.W, 4)], axis=1)[None, None],
        "weights_iter": np.stack([U.T for U in np.split(q.U, 4)], axis=1)[None, None],
        "bias": np.stack(np.split(q.b, 4))[None, None],
        "weights_peephole": np.stack([q.p["i"], q.p["f"], q.p["o"]])[None, None],
        "weights_projection": q.R.T[None, None],
    },
    "cudnn": lambda q: {
        **each("matrix.{}", ("0", "1", "2", "3"), q.W),
        **each("matrix.{}", ("4", "5", "6", "7"), q.U),
        **each("bias.{}", ("0", "1", "2", "3"), q.b),
        **each("bias.{}", ("4", "5", "6", "7"), q.none),
        "matrix.8": q.R,
    },
    "miopen": lambda q: {
        **each("matrix.{}", ("0", "1", "3", "2"), q.W),
        **each("matrix.{}", ("4", "5", "7", "6"), q.U),
        **each("bias.{}", ("0", "1", "3", "2"), q.b),
        **each("bias.{}", ("4", "5", "7", "6"), q.none),
    },
    "mxnet": lambda q: {
        "i2h_weight": q.W,
        "h2h_weight": q.U,
        "i2h_bias": q.b,
        "h2h_bias": q.none,
        "h2r_weight": q.R,
    },
    "cntk": lambda q: {
        "W": rows(q.W, "igfo").T,
        "H": rows(q.U, "igfo").T,
        "b": rows(q.b, "igfo"),
        **{f"C{k}": q.p[k] for k in "ifo"},
        "P": q.R.T,
    },
    "coreml": lambda q: {
        "weight_ih": rows(q.W, "ifog"),
        "weight_hh": rows(q.U, "ifog"),
        "bias": rows(q.b, "ifog"),
        "peephole": np.r_[q.p["i"], q.p["f"], q.p["o"]],
    },
    "coreml-nn": lambda q: {
        **each("{}WeightMatrix", APPLE, q.W),
        **each("{}RecursionMatrix", APPLE, q.U),
        **each("{}BiasVector", APPLE, q.b),
        "inputGatePeepholeVector": q.p["i"],
        "forgetGatePeepholeVector": q.p["f"],
        "outputGatePeepholeVector": q.p["o"],
    },
    "tflite": lambda q: {
        **each("input_to_{}_weights", TFLITE, q.W),
        **each("recurrent_to_{}_weights", TFLITE, q.U),
        **each("{}_gate_bias", TFLITE, q.b),
        "cell_to_input_weights": q.p["i"],
        "cell_to_forget_weights": q.p["f"],
        "cell_to_output_weights": q.p["o"],
        "projection_weights": q.R,
    },
    "haste": lambda q: {
        "kernel": rows(q.W, "igfo").T,
        "recurrent_kernel": rows(q.U, "igfo").T,
        "bias": rows(q.b, "igfo"),
    },
    "matlab": lambda q: {"InputWeights": q.W, "RecurrentWeights": q.U, "Bias": q.b[:, None]},
    "dl4j": lambda q: {"W": rows(q.W, "gfoi").T, "RW": rows(q.U, "gfoi").T, "b": rows(q.b, "gfoi")[None]},
    "dl4j-graves": lambda q: {
        "W": rows(q.W, "gfoi").T,
        "RW": np.c_[rows(q.U, "gfoi").T, q.p["f"], q.p["o"], q.p["i"]],
        "b": rows(q.b, "gfoi")[None],
    },
    "flux": lambda q: {"Wi": q.W, "Wh": q.U, "bias": q.b},
    "burn": lambda q: {
        **t(each("{}.input_transform.weight", BURN, q.W)),
        **t(each("{}.hidden_transform.weight", BURN, q.U)),
        **each("{}.input_transform.bias", BURN, q.b),
        **each("{}.hidden_transform.bias", BURN, q.none),
    },
    "candle": lambda q: {"weight_ih": q.W, "weight_hh": q.U, "bias_ih": q.b, "bias_hh": q.none},
}


def coupled_in_tflite(i: Gate, g: Gate, o: Gate, R: Array) -> dict[str, Array]:
    """It keeps f = 1 - i = σ(-(W_i x + U_i h + b_i))."""
    kept = {"forget": Gate(-i.W, -i.U, -i.b), "cell": g, "output": o}
    return {
        **{f"input_to_{role}_weights": gate.W for role, gate in kept.items()},
        **{f"recurrent_to_{role}_weights": gate.U for role, gate in kept.items()},
        **{f"{role}_gate_bias": gate.b for role, gate in kept.items()},
        "projection_weights": R,
    }
