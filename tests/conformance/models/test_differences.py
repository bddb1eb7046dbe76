"""What distinguishes two networks is named, also if their units are in another order, or their biases were rounded."""

import warnings
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from conformance.models.differences import compare_networks
from lstm_spec import Network, network_from
from lstm_spec.types import Array

I, H = 4, 6
Tensors = dict[str, Array]
FORMS = {"plain": (1, 1, 0), "a stack": (2, 1, 0), "both directions": (2, 2, 0), "a projection": (1, 2, 3)}  # L, D, P


def draw(layers: int, sides: int, P: int) -> Tensors:
    rng, found = np.random.default_rng(0), Tensors()
    for k in range(layers):
        for end in (f"_l{k}", f"_l{k}_reverse")[:sides]:
            width = I if k == 0 else (P or H) * sides
            shapes = {
                "weight_ih": (4 * H, width),
                "weight_hh": (4 * H, P or H),
                "bias_ih": (4 * H,),
                "bias_hh": (4 * H,),
            }
            if P:
                shapes["weight_hr"] = (P, H)
            found |= {f"{name}{end}": rng.uniform(-1, 1, shape).astype("f") for name, shape in shapes.items()}
    return found


def move_units(tensors: Tensors) -> Tensors:
    """The same network with its units in another order, in each layer and direction."""
    rng, found, below, above = np.random.default_rng(1), Tensors(), dict[int, Array](), dict[int, list[Array]]()
    is_projected = any("weight_hr" in name for name in tensors)
    for name in (one for one in tensors if one.startswith("weight_ih")):
        end, layer = name.removeprefix("weight_ih"), int(name.split("_l")[1][0])
        order = rng.permutation(H)
        rows = np.concatenate([k * H + order for k in range(4)])
        columns = below.get(layer, np.arange(tensors[name].shape[1]))
        found[name] = tensors[name][rows][:, columns]
        found[f"weight_hh{end}"] = tensors[f"weight_hh{end}"][rows]
        if is_projected:
            found[f"weight_hr{end}"] = tensors[f"weight_hr{end}"][:, order]
        else:
            found[f"weight_hh{end}"] = found[f"weight_hh{end}"][:, order]
            row = above.setdefault(layer, [])
            row.append(len(row) * H + order)
            below[layer + 1] = np.concatenate(row)
        found |= {f"bias_{part}{end}": tensors[f"bias_{part}{end}"][rows] for part in ("ih", "hh")}
    return found


def change_each(change: Callable[[Array], Array], part: str = "") -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name: change(a) if part in name else a for name, a in tensors.items()}


def swap_gates(a: Array) -> Array:
    return a.reshape(4, H, -1)[[0, 2, 1, 3]].reshape(a.shape) if len(a) == 4 * H else a


def transpose(a: Array) -> Array:
    return a.reshape(4, H, H).swapaxes(1, 2).reshape(4 * H, H)


def move_one(tensors: Tensors) -> Tensors:
    name = [one for one in tensors if one.startswith("weight_hh")][-1]
    a = tensors[name].copy()
    a[2 * H, 1] += np.float32(1e-3)
    return tensors | {name: a}


def round_to(dtype: Any) -> Callable[[Array], Array]:
    return lambda a: a.astype(dtype).astype("f")


FORGET = np.repeat(np.array([0, 1, 0, 0], "f"), H)
CHANGES: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "nothing": (lambda tensors: tensors, "the weights are the same"),
    "gates": (change_each(swap_gates), "the second is the first with the gates i, f, g, o taken for i, g, f, o"),
    "U": (change_each(transpose, "weight_hh"), "the second is the first with its recurrent weights transposed"),
    "no biases": (change_each(np.zeros_like, "bias"), "the second is the first without its biases"),
    "forget": (
        change_each(lambda a: a + FORGET, "bias_ih"),
        "the second is the first with 1 more in the forget gate's bias",
    ),
    "float16": (change_each(round_to("f2")), "those of the first, rounded to float16 and widened"),
    "bfloat16": (change_each(round_to(ml_dtypes.bfloat16)), "those of the first, rounded to bfloat16 and widened"),
    "one weight": (move_one, "1 of "),
    "one bias": (
        change_each(lambda a: a + np.float32(1e-3), "bias_hh"),
        "weights differ, all of them biases, the most",
    ),
}


def read(tensors: Tensors) -> Network:
    with warnings.catch_warnings(action="ignore"):
        return network_from(tensors)


PAIRS = [(case, form) for case in CHANGES for form in FORMS if (case, form) != ("U", "a projection")]  # not square


@pytest.mark.parametrize(("case", "form"), PAIRS)
def test_a_change_is_named_in_any_order_of_the_units(case: str, form: str) -> None:
    change, sentence = CHANGES[case]
    tensors = draw(*FORMS[form])
    first, is_same = read(tensors), case == "nothing"
    found = compare_networks(first, read(change(tensors)))
    assert sentence in found.sentence and found.is_same == is_same and "another order" not in found.sentence
    moved = compare_networks(first, read(change(move_units(tensors))))
    assert sentence in moved.sentence and moved.is_same == is_same
    assert moved.sentence.endswith(", with the units in another order")


def test_directions_that_are_swapped_are_named() -> None:
    tensors = draw(*FORMS["both directions"])
    ends = {name: name.removesuffix("_reverse") if name.endswith("_reverse") else f"{name}_reverse" for name in tensors}
    swapped = {ends[name]: a for name, a in tensors.items()}
    assert (
        "the second is the first with its directions swapped" in compare_networks(read(tensors), read(swapped)).sentence
    )
