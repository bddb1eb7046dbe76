"""What the numbers of an array look like: its filling, and how often each filling is drawn.

Lists begin with the simplest fillings, because examples shrink to them; most are dense.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.arrays import frozen, limits
from lstm_spec.types import Array

ROOM_ABOVE = 2.0**5
Filling = Callable[[np.random.Generator, tuple[int, ...]], Array]


def _one_hot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    a = np.zeros(shape)
    if a.size:
        a.flat[rng.integers(a.size)] = 1
    return a


def _one_hot_rows(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    a = np.zeros(shape)
    if a.size:
        rows = a.reshape(-1, shape[-1])
        rows[np.arange(len(rows)), rng.integers(shape[-1], size=len(rows))] = 1
    return a


def _repeat_along(axis: int) -> Filling:
    """Numbers that are the same all along the axis."""

    def fill(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        one = tuple(min(n, 1) if k == axis % len(shape) else n for k, n in enumerate(shape))
        return np.array(np.broadcast_to(rng.standard_normal(one), shape))

    return fill


def _mostly_zero(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal(shape) * (rng.random(shape) < 0.3)


def _all_scales(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal(shape) * 10.0 ** rng.uniform(-5, 1.5, shape)


def _normal_times(scale: float) -> Filling:
    return lambda rng, shape: rng.standard_normal(shape) * scale


def _by_width(scale: float) -> Filling:
    return lambda rng, shape: rng.standard_normal(shape) * scale / np.sqrt(max(1, shape[-1]))


FILLINGS: dict[str, Filling] = {
    "zero": lambda rng, shape: np.zeros(shape),
    "ones": lambda rng, shape: np.ones(shape),
    "one-hot": _one_hot,
    "one-hot-rows": _one_hot_rows,
    "same-steps": _repeat_along(0),
    "same-samples": _repeat_along(-2),
    "constant": lambda rng, shape: np.full(shape, rng.standard_normal()),
    "sparse": _mostly_zero,
    "dense": _normal_times(1.0),
    "within-1": lambda rng, shape: rng.uniform(-1, 1, shape),
    "by-width": _by_width(1.0),
    "contracting": lambda rng, shape: rng.standard_normal(shape) / max(1, shape[-1]),
    "wide": _normal_times(5.0),
    "very-wide": _normal_times(12.0),
    "small": _normal_times(1e-3),
    "tiny": _normal_times(1e-12),
    "large": _normal_times(40.0),
    "huge": _normal_times(3e3),
    "enormous": _normal_times(1e6),
    "astronomic": _normal_times(1e13),
    "minute": _normal_times(1e-13),
    "mixed": _all_scales,
    "saturating": lambda rng, shape: rng.choice([-1.0, 1.0], shape) * rng.uniform(12, 60, shape),
    "shifted": lambda rng, shape: rng.standard_normal(shape) + rng.uniform(-3, 3),
}
USUAL = {
    "x": "zero one-hot one-hot-rows same-steps sparse dense dense dense dense dense dense small large huge mixed",
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


def make_array(filling: str, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """A read-only array with that filling; no number in it is subnormal or close to the largest of the dtype."""
    about, a = limits(dtype), FILLINGS[filling](rng, shape)
    cap, largest = about.largest / ROOM_ABOVE, np.abs(a).max(initial=0)
    a = (a * (cap / largest) if largest > cap else a).astype(dtype)
    a[np.abs(a) < about.tiny] = 0
    return frozen(a)
