"""What the numbers of a problem look like: kinds of arrays, and how often each is drawn.

Lists begin with the simplest kinds, where shrinking goes; what is drawn most is dense.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.arrays import frozen, limits
from lstm_spec.types import Array

ROOM_ABOVE = 2.0**5
Maker = Callable[[np.random.Generator, tuple[int, ...]], Array]


def _one_hot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    a = np.zeros(shape)
    if a.size:
        a.flat[rng.integers(a.size)] = 1
    return a


def _sparse(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal(shape) * (rng.random(shape) < 0.3)


def _mixed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal(shape) * 10.0 ** rng.uniform(-5, 1.5, shape)


def _scaled(scale: float) -> Maker:
    return lambda rng, shape: rng.standard_normal(shape) * scale


def _by_width(scale: float) -> Maker:
    return lambda rng, shape: rng.standard_normal(shape) * scale / np.sqrt(max(1, shape[-1]))


KINDS: dict[str, Maker] = {
    "zero": lambda rng, shape: np.zeros(shape),
    "one-hot": _one_hot,
    "sparse": _sparse,
    "dense": _scaled(1.0),
    "within-1": lambda rng, shape: rng.uniform(-1, 1, shape),
    "by-width": _by_width(1.0),
    "wide": _scaled(5.0),
    "very-wide": _scaled(12.0),
    "small": _scaled(1e-3),
    "tiny": _scaled(1e-12),
    "large": _scaled(40.0),
    "huge": _scaled(3e3),
    "enormous": _scaled(1e6),
    "astronomic": _scaled(1e13),
    "minute": _scaled(1e-13),
    "mixed": _mixed,
    "saturating": lambda rng, shape: rng.choice([-1.0, 1.0], shape) * rng.uniform(12, 60, shape),
    "shifted": lambda rng, shape: rng.standard_normal(shape) + rng.uniform(-3, 3),
}
USUAL = {
    "x": "zero one-hot sparse dense dense dense dense dense dense small large huge mixed",
    "W": "zero one-hot sparse dense dense dense by-width by-width by-width wide small mixed",
    "U": "zero one-hot sparse dense dense dense by-width by-width by-width by-width wide very-wide small",
    "b": "zero one-hot dense dense dense dense shifted shifted saturating small",
    "h": "zero one-hot within-1 within-1 within-1 within-1 within-1 dense small",
    "c": "zero one-hot dense dense dense dense dense wide large huge enormous small",
    "dy": "zero one-hot sparse dense dense dense dense dense small huge mixed",
    "dh": "zero one-hot dense dense dense dense small large",
    "dc": "zero one-hot dense dense dense dense small large",
}
MIX = {
    **USUAL,
    "U": "zero by-width by-width dense dense wide wide very-wide",
    "b": "zero dense dense dense shifted saturating saturating",
}
TAME = {
    "x": "one-hot dense dense dense sparse within-1",
    "W": "one-hot dense by-width by-width sparse",
    "U": "one-hot by-width by-width by-width sparse",
    "b": "one-hot dense dense shifted",
    "h": "one-hot within-1 within-1 within-1",
    "c": "one-hot dense dense dense wide",
    "dy": "one-hot dense dense dense",
    "dh": "one-hot dense dense",
    "dc": "one-hot dense dense",
}


def make(kind: str, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """A read-only array of that kind; nothing in it is subnormal, and nothing near the largest number."""
    about, a = limits(dtype), KINDS[kind](rng, shape)
    cap, largest = about.largest / ROOM_ABOVE, np.abs(a).max(initial=0)
    a = (a * (cap / largest) if largest > cap else a).astype(dtype)
    a[np.abs(a) < about.tiny] = 0
    return frozen(a)
