"""Flax: Linen's LSTMCell, and LSTMCell and OptimizedLSTMCell of NNX."""

from collections.abc import Callable, Mapping
from typing import Any

import flax
import jax
import jax.numpy as jnp
from common import H, I, drawn, inputs, write
from flax import linen, nnx

given = inputs()
x, h0, c0 = given.values()


def run(name: str, weights: Mapping[str, object], cell: Callable[..., Any]) -> None:
    """Write what the cell makes of the inputs; it takes and returns (c, h)."""
    c, h, outputs = jnp.asarray(c0), jnp.asarray(h0), []
    for x_t in x:
        (c, h), y_t = cell((c, h), x_t)
        outputs.append(y_t)
    write(name, "flax", flax.__version__, name, weights, given, {"y": jnp.stack(outputs), "h_T": h, "c_T": c})


cell = linen.LSTMCell(H)
tree = cell.init(jax.random.key(0), (c0, h0), x[0])["params"]
weights = drawn({f"{part}/{name}": a.shape for part, arrays in tree.items() for name, a in arrays.items()})
tree = {part: {name: weights[f"{part}/{name}"] for name in arrays} for part, arrays in tree.items()}
run("flax", weights, lambda carry, x_t: cell.apply({"params": tree}, carry, x_t))

for name, kind in (("nnx", nnx.LSTMCell), ("nnx-optimized", nnx.OptimizedLSTMCell)):
    module = kind(I, H, rngs=nnx.Rngs(0))
    state = nnx.to_flat_state(nnx.state(module, nnx.Param))
    weights = drawn({".".join(path): a.shape for path, a in state})
    new = [(path, nnx.Param(jnp.asarray(weights[".".join(path)]))) for path, _ in state]
    nnx.update(module, nnx.from_flat_state(new))
    run(name, weights, module)
