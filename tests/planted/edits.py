"""Mistakes of a line or two in the text of `planted_textbook`: its forward pass."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lstm_spec import Backend, from_packed
from tests.planted.entry import Planted

TEXT = Path(__file__).with_name("textbook.py").read_text(encoding="utf-8")

Edit = tuple[str, str]


def edited(*edits: Edit) -> str:
    """The textbook's text with every edit made; each is of something that stands there exactly once."""
    text = TEXT
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the text, expected once"
        text = text.replace(old, new)
    return text


def textbook(*edits: Edit, name: str = "textbook") -> Backend:
    """A Backend of the edited text."""
    space: dict[str, Any] = {}
    exec(compile(edited(*edits), f"<{name}>", "exec"), space)
    return from_packed(
        _quiet(lambda *given: space["forward"](*given)[:3]),
        _quiet(space["backward"]),
        order="ifog",
        biases=1,
        name=name,
    )


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*given: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*given)

    return call


def edit(name: str, family: str, edits: Edit | list[Edit], *means: str, error: str = "", dtype: str = "") -> Planted:
    pairs = edits if isinstance(edits, list) else [edits]
    how = "; ".join(f"{old.strip()}  →  {new.strip()}" for old, new in pairs)
    build = partial(textbook, *pairs, name=name)
    return Planted(name, family, "edited source", how, build, frozenset(means), error, dtype or "float32")


SPLIT = "i, f, o, g = np.split(z, 4, axis=1)"
CELL = "c = f * c + i * g"
HIDDEN = "h = o * s"
SUM = "z = x[t] @ W.T + h @ U.T + b"
LOOP = "    for t in range(len(x)):\n"
END = "return y, h, c, steps"

GATES = (
    edit("unpacks f, i, o, g", "gate order", (SPLIT, SPLIT.replace("i, f", "f, i")), "swaps_input_and_forget_gates"),
    edit("unpacks i, o, f, g", "gate order", (SPLIT, SPLIT.replace("f, o", "o, f")), "swaps_forget_and_output_gates"),
    edit("unpacks i, f, g, o", "gate order", (SPLIT, SPLIT.replace("o, g", "g, o")), "swaps_candidate_and_output_gate"),
    edit(
        "unpacks g, f, o, i", "gate order", (SPLIT, "g, f, o, i = np.split(z, 4, axis=1)"), "reads_gates_in_order_gfio"
    ),
    edit(
        "unpacks f, o, i, g", "gate order", (SPLIT, "f, o, i, g = np.split(z, 4, axis=1)"), "reads_gates_in_order_oigf"
    ),
    edit("lets i keep and f write", "gate order", (CELL, "c = i * c + f * g"), "swaps_input_and_forget_gates"),
    edit("adds the bias to both sums", "bias", (SUM, f"{SUM} + b"), "adds_the_bias_twice"),
    edit("has no bias", "bias", (SUM, "z = x[t] @ W.T + h @ U.T"), "drops_the_bias"),
    edit(
        "adds 1 before the forget gate", "bias", ("f = sigmoid(f)", "f = sigmoid(f + 1)"), "adds_one_to_the_forget_bias"
    ),
    edit("has no recurrent product", "weights", (SUM, "z = x[t] @ W.T + b")),
    edit("reads U's rows as columns", "weights", (SUM, "z = x[t] @ W.T + h @ U.reshape(U.shape[::-1]) + b")),
    edit("reads W's rows as columns", "weights", (SUM, "z = x[t] @ W.reshape(W.shape[::-1]) + h @ U.T + b")),
)

CELLS = (
    edit("adds i and g", "cell", (CELL, "c = f * c + i + g"), "adds_the_input_gate_to_the_candidate"),
    edit("does not keep c", "cell", (CELL, "c = i * g"), "always_forgets"),
    edit("has the cell of 1997", "cell", (CELL, "c = c + i * g"), "never_forgets"),
    edit("couples f to i", "cell", (CELL, "c = (1 - i) * c + i * g"), "ties_the_forget_gate_to_the_input_gate"),
    edit("couples i to f", "cell", (CELL, "c = f * c + (1 - f) * g")),
    edit("forgets i", "cell", (CELL, "c = f * c + g"), "lets_everything_in"),
    edit("multiplies by f at the end", "cell", (CELL, "c = f * (c + i * g)")),
    edit("uses f twice", "cell", (CELL, "c = f * c + f * g")),
    edit("forgets what it should keep", "cell", ("f = sigmoid(f)", "f = 1 - sigmoid(f)")),
    edit("shows c itself", "cell", (HIDDEN, "h = o * c"), "does_not_squash_the_cell_state"),
    edit("squashes o c", "cell", (HIDDEN, "h = np.tanh(o * c)"), "squashes_after_the_output_gate"),
    edit("shows the old c", "cell", (HIDDEN, "h = o * np.tanh(c_before)"), "shows_the_cell_state_of_the_step_before"),
    edit("forgets o", "cell", (HIDDEN, "h = s")),
    edit("adds o", "cell", (HIDDEN, "h = o + s")),
    edit("squashes c with σ", "cell", ("s = np.tanh(c)", "s = sigmoid(c)")),
    edit("carries tanh(c)", "cell", ("s = np.tanh(c)", "s = c = np.tanh(c)")),
    edit(
        "has σ for the candidate",
        "cell",
        ("g = np.tanh(g)", "g = sigmoid(g)"),
        "uses_the_logistic_function_for_the_candidate",
    ),
    edit("has no tanh for the candidate", "cell", ("        g = np.tanh(g)\n", ""), "does_not_squash_the_candidate"),
    edit(
        "has relu for the candidate", "cell", ("g = np.tanh(g)", "g = np.where(g > 0, g, 0)"), "rectifies_the_candidate"
    ),
    edit("has tanh for the output gate", "cell", ("o = sigmoid(o)", "o = np.tanh(o)")),
)

STATES = (
    edit("starts h at zero", "state", (LOOP, f"    h = np.zeros_like(h)\n{LOOP}"), "ignores_the_initial_hidden_state"),
    edit("starts c at zero", "state", (LOOP, f"    c = np.zeros_like(c)\n{LOOP}"), "ignores_the_initial_cell_state"),
    edit(
        "starts at zero",
        "state",
        (LOOP, f"    h, c = np.zeros_like(h), np.zeros_like(c)\n{LOOP}"),
        "resets_the_state_at_each_call",
    ),
    edit(
        "takes c, h for h, c",
        "state",
        ("def forward(x, h, c, W", "def forward(x, c, h, W"),
        "swaps_hidden_and_cell_state",
    ),
    edit(
        "has one state for all samples",
        "state",
        (LOOP, f"    h, c = h[:1] + 0 * h, c[:1] + 0 * c\n{LOOP}"),
        "starts_every_sample_from_the_first_ones_state",
    ),
    edit(
        "always reads the first h",
        "state",
        [(LOOP, f"    first = h\n{LOOP}"), (SUM, SUM.replace("h @", "first @"))],
        "does_not_carry_the_hidden_state",
    ),
    edit("returns the c before", "state", (END, "return y, h, c_before, steps"), "returns_the_cell_state_one_step_old"),
    edit(
        "returns the h and c before",
        "state",
        (END, "return y, h_before, c_before, steps"),
        "returns_both_states_one_step_old",
    ),
    edit("returns tanh(c)", "state", (END, "return y, h, s, steps"), "returns_the_squashed_cell_state"),
    edit("returns c for h", "state", (END, "return y, c, c, steps")),
    edit("shows c for h", "state", ("y[t] = h", "y[t] = c")),
    edit("shows the h before", "sequence", ("y[t] = h", "y[t] = h_before"), "outputs_the_state_before_the_step"),
    edit(
        "counts steps from the end",
        "sequence",
        (SUM, SUM.replace("x[t]", "x[len(x) - 1 - t]")),
        "reads_the_sequence_backwards",
    ),
    edit(
        "reads the input before",
        "sequence",
        (SUM, SUM.replace("x[t]", "x[max(t - 1, 0)]")),
        "reads_each_input_one_step_late",
    ),
    edit("wraps around to the last input", "sequence", (SUM, SUM.replace("x[t]", "x[t - 1]"))),
    edit("reads the first input only", "sequence", (SUM, SUM.replace("x[t]", "x[0]"))),
    edit(
        "resets the state every 100 steps",
        "state",
        (LOOP, f"{LOOP}        h, c = (h, c) if t == 0 or t % 100 else (h * 0, c * 0)\n"),
        "resets_the_state_every_hundred_steps",
    ),
    edit(
        "resets the state every 64 steps",
        "state",
        (LOOP, f"{LOOP}        h, c = (h, c) if t == 0 or t % 64 else (h * 0, c * 0)\n"),
    ),
)

SIGMOID = "return 1 / (1 + np.exp(-z))"
TANHS = (("g = np.tanh(g)", "g = tanh(g)"), ("s = np.tanh(c)", "s = tanh(c)"))


def _tanh(name: str, family: str, body: str, *means: str, error: str = "", dtype: str = "") -> Planted:
    defined = ("def sigmoid_slope", f"def tanh(z):\n    {body}\n\n\ndef sigmoid_slope")
    return edit(name, family, [*TANHS, defined], *means, error=error, dtype=dtype)


FRACTION = "q * (135135 + q**2 * (17325 + q**2 * (378 + q**2))) / (135135 + q**2 * (62370 + q**2 * (3150 + 28 * q**2)))"

ACTIVATIONS = (
    edit(
        "has Keras's hard sigmoid",
        "activation",
        (SIGMOID, "return np.clip(0.2 * z + 0.5, 0, 1)"),
        "uses_a_hard_sigmoid_of_slope_one_fifth",
    ),
    edit(
        "has torch's hard sigmoid",
        "activation",
        (SIGMOID, "return np.clip(z + 3, 0, 6) / 6"),
        "uses_a_hard_sigmoid_of_slope_one_sixth",
    ),
    edit("has a hard sigmoid of slope 1/4", "activation", (SIGMOID, "return np.clip(0.25 * z + 0.5, 0, 1)")),
    edit("has a fast sigmoid", "activation", (SIGMOID, "return 0.5 * z / (1 + np.abs(z)) + 0.5")),
    edit("overflows in σ", "overflow", (SIGMOID, "return np.exp(z) / (1 + np.exp(z))"), "overflows_in_the_sigmoid"),
    edit(
        "cuts σ off at 8",
        "activation",
        (SIGMOID, "return 1 / (1 + np.exp(-np.clip(z, -8, 8)))"),
        "cuts_the_sigmoid_off_beyond_eight",
    ),
    edit("cuts σ off at 15", "activation", (SIGMOID, "return 1 / (1 + np.exp(-np.clip(z, -15, 15)))")),
    _tanh("cuts tanh off at 4", "activation", "return np.tanh(np.clip(z, -4, 4))", "cuts_the_tanh_off_beyond_four"),
    _tanh(
        "has JUCE's tanh",
        "activation",
        f"q = np.clip(z, -5, 5)\n    return np.clip({FRACTION}, -1, 1)",
        "uses_a_rational_tanh",
    ),
    _tanh("has musicdsp's tanh", "activation", "q = np.clip(z, -3, 3)\n    return q * (27 + q * q) / (27 + 9 * q * q)"),
    _tanh("has softsign for tanh", "activation", "return z / (1 + np.abs(z))"),
    _tanh("overflows in tanh", "overflow", "return (np.exp(2 * z) - 1) / (np.exp(2 * z) + 1)"),
)

CLIPS = tuple(
    edit(f"clips c at {limit}", "clip", (CELL, f"{CELL}\n        c = np.clip(c, -{limit}, {limit})"), *means)
    for limit, means in (
        (3, ("clips_the_cell_state_at_3",)),
        (10, ("clips_the_cell_state_at_10",)),
        (50, ("clips_the_cell_state_at_50",)),
        (5, ()),
    )
) + (
    edit(
        "clips the c it returns",
        "clip",
        (END, "return y, h, np.clip(c, -3, 3), steps"),
        "clips_the_cell_state_it_returns",
    ),
    edit("clips x at 2", "clip", (SUM, SUM.replace("x[t]", "np.clip(x[t], -2, 2)")), "clips_what_the_gates_read"),
    edit("clips z at 5", "clip", (SUM, f"{SUM}\n        z = np.clip(z, -5, 5)")),
)

# ---------------------------------------------------------------- precision

LOW, WIDE = "errors as large as those of 16-bit floats", "errors as large as those of float32"
PRODUCTS = "z = product(x[t], W) + product(h, U) + b"


def _product(name: str, body: str, *means: str, error: str, dtype: str = "") -> Planted:
    defined = ("def sigmoid_slope", f"def product(a, M):\n    {body}\n\n\ndef sigmoid_slope")
    return edit(name, "precision", [(SUM, PRODUCTS), defined], *means, error=error, dtype=dtype)


def _summed_up(dtype: str) -> str:
    return f"return np.cumsum((a[:, None] * M).astype('{dtype}'), axis=2, dtype='{dtype}')[..., -1].astype(a.dtype)"


def _bits(mask: str, rounding: str = "") -> str:
    def cut(a: str) -> str:
        return f"(({a}.astype('f4').view('u4'){rounding}) & np.uint32({mask})).view('f4')"

    return f"return ({cut('a')} @ {cut('M')}.T).astype(a.dtype)"


PRECISION = (
    _product("sums up in float16", _summed_up("f2"), error="accumulates in 16 bits"),
    _product(
        "rounds products to float16",
        "return (a @ M.T).astype('f2').astype(a.dtype)",
        "accumulates_in_float16",
        error=LOW,
    ),
    _product("multiplies in float16", "return (a.astype('f2') @ M.T.astype('f2')).astype(a.dtype)", error=LOW),
    _product("rounds to TF32", _bits("0xFFFFE000", " + np.uint32(0x1000)"), "multiplies_in_tf32", error=LOW),
    _product("truncates to TF32", _bits("0xFFFFE000"), error=LOW),
    _product("truncates to bfloat16", _bits("0xFFFF0000"), error="errors as large as those of bfloat16"),
    _product("sums up in float32", _summed_up("f4"), error="accumulates in 32 bits", dtype="float64"),
    edit(
        "stores c in float16",
        "precision",
        (CELL, "c = (f * c + i * g).astype('f2').astype(x.dtype)"),
        "keeps_the_cell_state_in_float16",
        error=LOW,
    ),
    edit("stores h in float16", "precision", (HIDDEN, "h = (o * s).astype('f2').astype(x.dtype)"), error=LOW),
    edit(
        "has a float32 bias",
        "precision",
        (SUM, SUM.replace("b", "b.astype('f4')")),
        "takes_the_biases_in_float32",
        error=WIDE,
        dtype="float64",
    ),
    edit(
        "has a float32 sigmoid",
        "precision",
        (SIGMOID, "return (1 / (1 + np.exp(-z.astype('f4')))).astype(z.dtype)"),
        error=WIDE,
        dtype="float64",
    ),
    edit(
        "keeps c in float32",
        "precision",
        (CELL, "c = (f * c + i * g).astype('f4').astype(x.dtype)"),
        error=WIDE,
        dtype="float64",
    ),
    edit(
        "computes in float32",
        "precision",
        [
            (LOOP, f"    x, h, c, W, U, b = (a.astype('f4') for a in (x, h, c, W, U, b))\n{LOOP}"),
            (END, "return y, h.astype(y.dtype), c.astype(y.dtype), steps"),
        ],
        "computes_in_float32_throughout",
        error=f"{WIDE}|accumulates in 32 bits",
        dtype="float64",
    ),
    _tanh(
        "has a float32 tanh",
        "precision",
        "return np.tanh(z.astype('f4')).astype(z.dtype)",
        "takes_the_tanh_in_float32",
        error=WIDE,
        dtype="float64",
    ),
)

FORWARD = (*GATES, *CELLS, *STATES, *ACTIVATIONS, *CLIPS, *PRECISION)
