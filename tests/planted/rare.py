"""Mistakes that show only at some sizes, with some constants, or with some structure in the numbers.

Each is an edit of the text of `stacked`, or of `textbook` if it is one of the gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lstm_spec import Answer, Array, Backend, Description, Feature, Parameters, Problem, State, checked
from tests.planted.edits import Edit, textbook

TEXT = Path(__file__).with_name("stacked.py").read_text(encoding="utf-8")
FEATURES = frozenset(Feature) - {Feature.GRADIENTS, Feature.ACTIVATIONS, Feature.PROJECTION_CLIP}


class Packed(NamedTuple):
    """The weights of one layer in one direction: those of the gates i, f, g, o packed, peepholes and projection."""

    W: Array  # (4H, I)
    U: Array  # (4H, P)
    b: Array  # (4H,)
    i: Array  # (H,)
    f: Array
    o: Array
    R: Array | None  # (P, H)


def pack_with_zeros(p: Parameters) -> Packed:
    """The packed weights, with zeros for what is not there."""
    gates = [p.g._replace(W=0 * p.g.W, U=0 * p.g.U, b=0 * p.g.b) if gate is None else gate for gate in p[:4]]
    W, U, b = (np.concatenate([getattr(gate, k) for gate in gates]) for k in "WUb")
    i, f, _, o = (np.zeros_like(p.g.b) if gate.p is None else gate.p for gate in gates)
    return Packed(W, U, b, i, f, o, p.R)


def stacked(*edits: Edit, name: str = "stacked") -> Backend:
    """A Backend of the edited text; each edit is of something that stands there exactly once."""
    text, space = TEXT, dict[str, Any]()
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the text, expected once"
        text = text.replace(old, new)
    exec(compile(text, f"<{name}>", "exec"), space)

    def forward(problem: Problem) -> Answer:
        layers = [[pack_with_zeros(p) for p in row] for row in checked(problem).parameters]
        kind, clip = problem.variant.kind, problem.variant.clip
        k = problem.dtype.type(np.inf if clip is None else clip)
        with np.errstate(all="ignore"):
            given = (layers, problem.x, *problem.state, problem.lengths, kind, k, problem.directions)
            y, h, c = space["forward"](*given)
        return Answer(y, State(h, c))

    return Backend(name, forward, description=Description(features=FEATURES))


@dataclass(frozen=True)
class Rare:
    """A wrong LSTM: what kind of rare it is, and the name of a property and of the shortest profile that see it."""

    kind: str
    name: str
    build: Callable[[], Backend]
    by: str
    profile: str


PLAIN, FORMS, WHOLE, GRADIENT = (
    "sizes_of_every_kind_are_read_alike",
    "forms_of_every_size_are_read_alike",
    "forms_that_are_large_in_several_sizes_are_read_alike",
    "the_gradients_without_probes_are_those_of_the_equations",
)


def plant(kind: str, name: str, *edits: Edit, by: str = PLAIN, profile: str = "quick") -> Rare:
    make = textbook if by == GRADIENT else stacked
    return Rare(kind, name, partial(make, *edits, name=name), by, profile)


SUM = "z = x[t] @ p.W.T + h @ p.U.T + p.b"
CELL = "new_c = np.clip(f * c + i * g, -clip, clip)"
PROJECT = "new_h = new_h @ p.R.T"
LIVE = "live = (t < lengths)[:, None]"
STEPS = "    for t in range(T):\n"
LENGTHS = "lengths = np.full(B, T) if lengths is None else lengths"
ORDER = "    t = np.arange(T)[:, None]\n"
READ = "read = x[order] if reverse else x"
RETURN = "    return y, h, c\n"
END = "    return x, h_last, c_last\n"


def in_product(change: str) -> Edit:
    """Statements before the sum of products, which they may replace by changing a copy of x or h."""
    return SUM, f"{change}\n        {SUM}"


def at_start(change: str) -> Edit:
    """A statement before the first step."""
    return STEPS, f"    {change}\n{STEPS}"


def at_end(change: str) -> Edit:
    """A statement after the last layer."""
    return END, f"    {change}\n{END}"


def cut_product(letter: str, block: int, past: int, when: str = "True") -> Edit:
    """The terms of a product beyond the last whole block are dropped, if there are more terms than `past`."""
    n, a, W = {"x": ("I", "x[t]", "W"), "h": ("P", "h", "U")}[letter]
    kept = f"n = {n} // {block} * {block} if {n} > {past} and {when} else {n}"
    return SUM, f"{kept}\n        {SUM.replace(f'{a} @ p.{W}.T', f'{a}[:, :n] @ p.{W}[:, :n].T')}"


def wrong_if(condition: str) -> Edit:
    """The bias of the output gate is left out under a condition on the sizes T, B, I, H, P, layer and D."""
    return SUM, f"{SUM}\n        if {condition}:\n            z[:, 3 * H :] -= p.b[3 * H :]"


TAILS = (
    plant("tail", "drops units beyond blocks of 4 past 16", cut_product("h", 4, 16)),
    plant("tail", "drops units beyond blocks of 8 past 32", cut_product("h", 8, 32)),
    plant("tail", "drops inputs beyond blocks of 8 past 8", cut_product("x", 8, 8)),
    plant("tail", "drops inputs beyond blocks of 16 past 64", cut_product("x", 16, 64)),
    plant("tail", "drops inputs beyond blocks of 32 past 100", cut_product("x", 32, 100)),
    plant("tail", "drops units beyond blocks of 4 past 16 above", cut_product("x", 4, 16, "layer"), by=FORMS),
    plant("tail", "drops units beyond blocks of 32 in two directions", cut_product("h", 32, 32, "D > 1"), by=FORMS),
    plant("tail", "drops h beyond blocks of 8 with a projection", cut_product("h", 8, 8, "p.R is not None"), by=FORMS),
    plant(
        "tail",
        "projects whole blocks of 4 past 8",
        (PROJECT, "n = H // 4 * 4 if H > 8 else H\n            new_h = new_h[:, :n] @ p.R[:, :n].T"),
        by=FORMS,
    ),
    plant(
        "tail",
        "leaves samples beyond blocks of 16 as they were past 16",
        (LIVE, f"{LIVE} & (np.arange(B)[:, None] < (B // 16 * 16 if B > 16 else B))"),
    ),
    plant(
        "tail",
        "leaves samples beyond blocks of 8 as they were past 8 with lengths",
        (LIVE, f"{LIVE} & (np.arange(B)[:, None] < (B // 8 * 8 if B > 8 and (lengths < T).any() else B))"),
        by=FORMS,
    ),
    plant("tail", "skips steps beyond chunks of 32 past 64", (LIVE, f"{LIVE} & (t < (T // 32 * 32 if T > 64 else T))")),
    plant(
        "tail",
        "skips steps beyond chunks of 16 past 16 in two directions",
        (LIVE, f"{LIVE} & (t < (T // 16 * 16 if T > 16 and D > 1 else T))"),
        by=FORMS,
    ),
    plant(
        "tail",
        "sums dW over whole blocks of 4 inputs",
        ("dW += dz.T @ x[t]", "n = x.shape[2] // 4 * 4 or x.shape[2]\n        dW[:, :n] += dz.T @ x[t][:, :n]"),
        by=GRADIENT,
    ),
    plant(
        "tail",
        "sums dU over whole blocks of 16 samples",
        ("dU += dz.T @ h_before", "n = len(dz) // 16 * 16 or len(dz)\n        dU += dz[:n].T @ h_before[:n]"),
        by=GRADIENT,
    ),
)
POWERS = (
    *(
        plant("power of two", f"has another path at {letter} = {n}", wrong_if(f"{letter} == {n}"), profile=profile)
        for letter, n, profile in (
            ("H", 64, "quick"),
            ("H", 128, "quick"),
            ("B", 32, "quick"),
            ("I", 16, "quick"),
            ("T", 128, "quick"),
            ("H", 256, "standard"),
            ("I", 512, "standard"),
        )
    ),
    plant(
        "power of two",
        "has another path at H = 64 in two directions",
        wrong_if("H == 64 and D > 1"),
        by=FORMS,
        profile="standard",
    ),
    plant(
        "power of two", "has another path at B = 64 above", wrong_if("B == 64 and layer"), by=FORMS, profile="standard"
    ),
    plant(
        "power of two",
        "has another path at H = 16 with lengths",
        wrong_if("H == 16 and (lengths < T).any()"),
        by=FORMS,
        profile="standard",
    ),
    plant(
        "power of two",
        "has another path at P = 8",
        wrong_if("P == 8 and p.R is not None"),
        by=FORMS,
        profile="standard",
    ),
    plant(
        "power of two",
        "has another path at T = 32 in reverse stacks",
        wrong_if("T == 32 and layer"),
        by=FORMS,
        profile="standard",
    ),
    plant(
        "power of two",
        "averages db at B = 64",
        ("db += dz.sum(axis=0)", "db += dz.sum(axis=0) / (2 if len(dz) == 64 else 1)"),
        by=GRADIENT,
    ),
)
COUNTERS = (
    plant(
        "counter", "counts steps in 8 bits", (LIVE, f"{LIVE} & (t < (T % 256 if T > 255 else T))"), profile="standard"
    ),
    plant("counter", "counts steps in 7 bits", (LIVE, f"{LIVE} & (t < (T % 128 if T > 127 else T))")),
    plant("counter", "keeps lengths in 8 bits", (LENGTHS, f"{LENGTHS}.astype(np.uint8)"), by=FORMS),
    plant(
        "counter",
        "reads backwards from a place in 8 bits",
        (READ, "read = x[order[0] % 256, order[1]] if reverse else x"),
        by=FORMS,
    ),
    plant(
        "counter",
        "counts steps above in 7 bits",
        (LIVE, f"{LIVE} & (t < (T % 128 if T > 127 and layer else T))"),
        by=FORMS,
    ),
    plant("counter", "numbers samples in 8 bits", in_product("x = x[:, np.arange(B) % 256]"), profile="standard"),
    plant(
        "counter",
        "numbers layers in 2 bits",
        (
            "for d, p in enumerate(row):",
            "for d, p in enumerate(row):\n            p = p._replace(b=layers[layer & 3][d].b)",
        ),
        by=FORMS,
    ),
    plant("counter", "numbers states in 3 bits", ("h[k], c[k], lengths", "h[k & 7], c[k & 7], lengths"), by=FORMS),
    plant("counter", "has four layers at most", ("enumerate(layers)", "enumerate(layers[:4])"), by=FORMS),
)
JOINT = (
    plant("joint", "is wrong if B and H are past 128", wrong_if("B > 128 and H > 128")),
    plant("joint", "is wrong if I and H are past 128", wrong_if("I > 128 and H > 128")),
    plant("joint", "is wrong if T and B are past 128", wrong_if("T > 128 and B > 128")),
    plant("joint", "is wrong if T and H are past 128", wrong_if("T > 128 and H > 128")),
    plant("joint", "is wrong if B, I and H are past 60", wrong_if("B > 60 and I > 60 and H > 60")),
    plant(
        "joint",
        "is wrong if B and H are past 128 in two directions",
        wrong_if("B > 128 and H > 128 and D > 1"),
        by=FORMS,
    ),
    plant(
        "joint",
        "is wrong if T and B are past 32 with lengths",
        wrong_if("T > 32 and B > 32 and (lengths < T).any()"),
        by=FORMS,
    ),
    plant(
        "joint",
        "is wrong if I and H are past 128 with a projection",
        wrong_if("I > 128 and H > 128 and p.R is not None"),
        by=FORMS,
    ),
    plant("joint", "is wrong if T and H are past 32 above", wrong_if("T > 32 and H > 32 and layer"), by=FORMS),
    *(
        plant("joint", f"is wrong if {condition}", wrong_if(condition), by=WHOLE, profile=profile)
        for profile, condition in (
            ("quick", "min(T, B, H) > 16 and layer"),
            ("quick", "min(T, B, H) > 20 and D > 1"),
            ("quick", "min(T, B, H) > 16 and (lengths < T).any()"),
            ("quick", "min(T, B, H) > 16 and p.R is not None"),
            ("quick", "min(T, B, H) > 16 and kind == 'coupled'"),
            ("quick", "T > 40 and layer and kind == '1997 simplified'"),
            ("quick", "T > 40 and layer and kind == 'no forget gate'"),
            ("quick", "T > 40 and layer and H % 2"),
            ("quick", "T > 32 and layer > 3 and np.isfinite(clip)"),
            ("quick", "B > 32 and layer > 3"),
            ("quick", "P == 64 and p.R is not None"),
            ("standard", "B > 64 and H > 64 and kind == 'peephole'"),
            ("standard", "B > 128 and I > 128 and kind == 'coupled'"),
            ("standard", "T > 64 and I > 64 and layer"),
            ("standard", "H >= 256 and kind == 'coupled'"),
            ("standard", "B > 40 and layer and kind == '1997 simplified'"),
            ("standard", "T * B * H * 4 > 2**18 and layer"),
        )
    ),
)
GRIDS = (
    plant(
        "grid",
        "launches 65,535 blocks of steps and samples",
        (LIVE, f"{LIVE} & (t * B + np.arange(B)[:, None] < 65535)"),
    ),
    plant(
        "grid",
        "launches 65,535 blocks of samples and units",
        in_product("h = np.where(np.arange(B * P).reshape(B, P) < 65535, h, 0)"),
    ),
    plant("grid", "launches 65,535 blocks of samples", in_product("h = np.where(np.arange(B)[:, None] < 65535, h, 0)")),
    plant(
        "grid",
        "launches 65,535 blocks in two directions",
        (LIVE, f"{LIVE} & (D < 2 or t * B + np.arange(B)[:, None] < 65535)"),
        by=FORMS,
    ),
    plant(
        "grid",
        "launches 65,535 blocks with lengths",
        (LIVE, f"{LIVE} & ((lengths == T).all() | (t * B + np.arange(B)[:, None] < 65535))"),
        by=FORMS,
    ),
    plant(
        "grid",
        "launches 65,535 blocks above",
        (LIVE, f"{LIVE} & (layer == 0 or t * B + np.arange(B)[:, None] < 65535)"),
        by=FORMS,
    ),
    plant("grid", "sums db over 65,535 samples", ("db += dz.sum(axis=0)", "db += dz[:65535].sum(axis=0)"), by=GRADIENT),
)
INDEXES = (
    plant("index", "numbers the weights of x in 16 bits", wrong_if("4 * H * I > 65535")),
    plant("index", "numbers the weights of h in 16 bits", wrong_if("4 * H * P > 65535")),
    plant("index", "numbers the inputs in 16 bits", wrong_if("T * B * I > 65535 and t == T - 1")),
    plant(
        "index",
        "numbers the weights of the projection in 16 bits",
        wrong_if("P * H > 65535 and p.R is not None"),
        by=FORMS,
    ),
    plant(
        "index",
        "numbers the weights of x in 16 bits in two directions",
        wrong_if("4 * H * I > 65535 and D > 1"),
        by=FORMS,
    ),
    plant("index", "is wrong at one step in two directions", wrong_if("T == 1 and D > 1"), by=FORMS),
    plant("index", "is wrong at one sample with a projection", wrong_if("B == 1 and p.R is not None"), by=FORMS),
)
COINCIDENCES = (
    *(
        plant("coincidence", f"is wrong if {condition}", wrong_if(condition))
        for condition in (
            "I == H",
            "I != H",
            "B == T",
            "B == 4 * H",
            "B == H",
            "T == I",
            "I == 4 * H",
            "H == 2 * I",
            "B == 2 * T",
        )
    ),
    plant(
        "coincidence",
        "reads a square W by columns",
        (
            SUM,
            "W = p.W.reshape(4, H, I)\n        W = (W.swapaxes(1, 2) if I == H else W).reshape(4 * H, I)\n        "
            + SUM.replace("p.W", "W"),
        ),
    ),
    plant("coincidence", "takes x for batch first if T = B", at_start("x = x.swapaxes(0, 1) if T == B else x")),
    plant("coincidence", "is wrong if P = I", wrong_if("P == I and p.R is not None"), by=FORMS),
    plant("coincidence", "is wrong if P = T", wrong_if("P == T and p.R is not None"), by=FORMS),
    plant("coincidence", "is wrong if P = B", wrong_if("P == B and p.R is not None"), by=FORMS),
    plant("coincidence", "is wrong if I = H in two directions", wrong_if("layer == 0 and I == H and D > 1"), by=FORMS),
    plant("coincidence", "is wrong if B = T with lengths", wrong_if("B == T and (lengths < T).any()"), by=FORMS),
    plant("coincidence", "is wrong if B = D and two directions", wrong_if("B == D and D > 1"), by=FORMS),
    plant(
        "coincidence",
        "transposes dU if I = H",
        (
            "dU += dz.T @ h_before",
            "a = (dz.T @ h_before).reshape(4, *U.shape[1:] * 2)\n"
            "        dU += (a if x.shape[2] != U.shape[1] else a.swapaxes(1, 2)).reshape(U.shape)",
        ),
        by=GRADIENT,
    ),
)
CONSTANTS = (
    plant(
        "constant",
        "keeps the bound in float16",
        (CELL, f"clip = clip.astype('e').astype(x.dtype)\n        {CELL}"),
        by=FORMS,
    ),
    plant(
        "constant",
        "keeps the bound in bfloat16",
        (
            CELL,
            "clip = (np.float32(clip).view('u4') + 0x8000 & 0xFFFF0000).astype('u4').view('f4').astype(x.dtype)\n"
            f"        {CELL}",
        ),
        by=FORMS,
    ),
    plant(
        "constant",
        "keeps the bound in steps of 1/8",
        (CELL, f"clip = np.round(clip * 8) / 8\n        {CELL}"),
        by=FORMS,
    ),
    *(
        plant("constant", f"keeps the bound as {kept}", (CELL, f"clip = {kept}\n        {CELL}"), by=FORMS)
        for kept in (
            "min(clip, x.dtype.type(4)) if np.isfinite(clip) else clip",
            "min(clip, x.dtype.type(32)) if np.isfinite(clip) else clip",
            "max(clip, x.dtype.type(0.5))",
            "np.round(clip * 2) / 2",
        )
    ),
    plant(
        "constant",
        "keeps peepholes within 1",
        in_product("p = p._replace(**{k: np.clip(getattr(p, k), -1, 1) for k in 'ifo'})"),
        by=FORMS,
    ),
    plant(
        "constant",
        "keeps the projection within 4",
        in_product("p = p if p.R is None else p._replace(R=np.clip(p.R, -4, 4))"),
        by=FORMS,
    ),
    plant(
        "constant",
        "adds 1 to the forget gate with peepholes",
        in_product("p = p._replace(b=p.b + np.repeat(np.array([0, t == 0 and kind == 'peephole', 0, 0], x.dtype), H))"),
        by=FORMS,
    ),
    plant(
        "constant",
        "adds 1 to the input gate of coupled gates",
        in_product("p = p._replace(b=p.b + np.repeat(np.array([t == 0 and kind == 'coupled', 0, 0, 0], x.dtype), H))"),
        by=FORMS,
    ),
    plant(
        "constant",
        "adds 1/1024 to the forget gate above",
        in_product("p = p._replace(b=p.b + np.repeat(np.array([0, (t == 0 and layer > 0) / 1024, 0, 0], x.dtype), H))"),
        by=FORMS,
    ),
    plant(
        "constant",
        "bounds by 50 if there is no bound",
        (CELL, f"clip = min(clip, x.dtype.type(50))\n        {CELL}"),
        by="numbers_of_any_size_are_read_as_they_are",
    ),
)
STRUCTURE = (
    plant(
        "structure",
        "has no recurrent product in the call without a state",
        in_product("h = h if t or h.any() or c.any() else h - 1"),
    ),
    plant(
        "structure",
        "returns no c from the call without a state",
        at_start("none = not h.any() and not c.any()"),
        (RETURN, "    return y, h, c * 0 if none else c\n"),
    ),
    plant(
        "structure",
        "starts above from 1/2 in the call without a state",
        at_start("h = h + 0.5 * (layer > 0 and not h.any() and not c.any())"),
        by=FORMS,
    ),
    plant("structure", "takes h_0 of 0 for no state", at_start("c = c if h.any() else c * 0")),
    plant("structure", "takes c_0 of 0 for no state", at_start("h = h if c.any() else h * 0")),
    plant(
        "structure",
        "reads equal inputs once, whatever the states",
        (
            RETURN,
            "    if B > 1 and (x == x[:, :1]).all():\n        y, h, c = y[:, [0] * B], h[[0] * B], c[[0] * B]\n"
            + RETURN,
        ),
    ),
    plant(
        "structure",
        "reads equal inputs and states once, whatever the lengths",
        at_start("same = B > 1 and (x == x[:, :1]).all() and (c == c[:1]).all()"),
        (RETURN, "    if same:\n        y, h, c = y[:, [0] * B], h[[0] * B], c[[0] * B]\n" + RETURN),
        by=FORMS,
    ),
    plant(
        "structure",
        "starts every sample alike if the inputs are alike",
        at_start("c = c[[0] * B] if B > 1 and (x == x[:, :1]).all() else c"),
    ),
    plant(
        "structure",
        "reads an x that is the same at each step once",
        (LIVE, f"{LIVE} & (t < (1 if (x == x[:1]).all() else T))"),
    ),
    plant("structure", "is wrong if x is constant", wrong_if("(x == x[:1, :1, :1]).all() and x.size > 1")),
    plant("structure", "takes a step of zeros for padding", (LIVE, f"{LIVE} & x[t].any(axis=1, keepdims=True)")),
    plant(
        "structure",
        "takes a 1 in each row for a number of a word",
        (STEPS, "    words = ((x == 0) | (x == 1)).all() and (x.sum(axis=2) == 1).all()\n" + STEPS),
        (SUM, SUM.replace("x[t] @ p.W.T", "(p.W[:, x[t].argmax(axis=1) // 2].T if words else x[t] @ p.W.T)")),
    ),
    plant(
        "structure",
        "takes equal lengths for none",
        (LENGTHS, f"{LENGTHS}\n    lengths = np.full(B, T) if (lengths == lengths[:1]).all() else lengths"),
        by=FORMS,
    ),
    plant(
        "structure",
        "takes lengths that are one short for none",
        (LENGTHS, f"{LENGTHS}\n    lengths = np.full(B, T) if B and lengths.min() == T - 1 else lengths"),
        by=FORMS,
    ),
    plant(
        "structure",
        "takes lengths in descending order for equal ones",
        (
            LENGTHS,
            f"{LENGTHS}\n    lengths = lengths[:1] * np.ones(B, int) if (np.diff(lengths) <= 0).all() else lengths",
        ),
        by=FORMS,
    ),
    plant(
        "structure",
        "reads one sequence to the end",
        (LENGTHS, f"{LENGTHS}\n    lengths = np.full(B, T) if B == 1 else lengths"),
        by=FORMS,
    ),
    plant(
        "structure",
        "has no bias if all are equal, and not 0",
        in_product("p = p._replace(b=p.b * 0) if (p.b == p.b[0]).all() else p"),
    ),
    plant(
        "structure",
        "has no peepholes without a state",
        (CELL, f"p = p if t or c.any() else p._replace(o=p.o * 0)\n        {CELL}"),
        by=FORMS,
    ),
)
RARE = (*TAILS, *POWERS, *COUNTERS, *JOINT, *GRIDS, *INDEXES, *COINCIDENCES, *CONSTANTS, *STRUCTURE)
