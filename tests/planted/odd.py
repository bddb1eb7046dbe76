"""Right implementations of odd construction, as edits of the textbook: most lose more digits than a grade allows."""

from typing import NamedTuple

from lstm_spec import Backend
from tests.planted.backward import SLOPE_S, dB, dF, dU, dW, dX
from tests.planted.edits import CELL, HIDDEN, LOOP, SIGMOID, SUM, Edit, textbook


class Odd(NamedTuple):
    """An odd construction, and what may be said of it: a regular expression that the true cause matches."""

    edits: tuple[Edit, ...]
    truth: str = "(?!)"  # nothing

    def build(self) -> Backend:
        """The textbook with the edits."""
        return textbook(*self.edits)


def _half(a: str) -> str:
    return f"{a}.astype(np.float16).astype(x.dtype)"


def _bfloat16(a: str) -> str:
    return f"(({a}).astype('f4').view('u4') & np.uint32(0xFFFF0000)).view('f4').astype(x.dtype)"


def _log(a: str, b: str) -> str:
    return f"np.sign({b}) * np.exp(np.log({a}) + np.log(np.abs({b})))"


G, S = "g = np.tanh(g)", "s = np.tanh(c)"
TABLE = "at = np.linspace(-20, 20, 2001, dtype=z.dtype)"
BITS16, BITS32, BFLOAT16 = "16 bits|16-bit floats", "32 bits|of float32", "bfloat16"
CUT = f"{BITS16}|cut to 10 bits"  # which those of float16 are
COARSE = "small values, of which only multiples of a unit are left"
POLYNOMIAL = "k = np.round(-z / np.log(2)); r = -z - k * np.log(2); "
POLYNOMIAL += "e = 1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r / 120))))"
CONTINUED = "q / (1 + q * q / (3 + q * q / (5 + q * q / (7 + q * q / (9 + q * q / (11 + q * q / 13))))))"
BLOCKS = "sum({} for k in range(0, {}.shape[1], 4))"

FROM_TANH = {
    "σ from tanh": Odd(((SIGMOID, "return (1 + np.tanh(z / 2)) / 2"),), COARSE),
    "σ as a complement": Odd(((SIGMOID, "return 1 - 1 / (1 + np.exp(z))"),), COARSE),
}
FIRST = {
    "tanh from σ": Odd(((G, "g = 2 * sigmoid(2 * g) - 1"),)),
    "tanh from exponentials": Odd(((G, "g = np.exp(2 * np.clip(g, -40, 40)); g = (g - 1) / (g + 1)"),)),
    "products of 16 bits": Odd(
        ((SUM, f"z = {_half('x[t]')} @ {_half('W.T')} + {_half('h')} @ {_half('U.T')} + b"),), CUT
    ),
    "products of float32": Odd(
        ((SUM, SUM.replace("x[t]", "x[t].astype('f')").replace("W.T", "W.T.astype('f')")),), BITS32
    ),
    "σ of 16 bits": Odd(((SIGMOID, "return (1 / (1 + np.exp(-z))).astype(np.float16).astype(z.dtype)"),), BITS16),
    "σ from a table": Odd(((SIGMOID, f"{TABLE}; return np.interp(z, at, 1 / (1 + np.exp(-at))).astype(z.dtype)"),)),
    "tanh of c by an exponential": Odd(((HIDDEN, "h = o * (1 - 2 / (np.exp(2 * np.minimum(c, 40)) + 1))"),)),
    "tanh of float32": Odd(((G, "g = np.tanh(g.astype('f')).astype(g.dtype)"),), BITS32),
    "c kept in 16 bits": Odd(((CELL, f"{CELL}\n        c = {_half('c')}"),), BITS16),
    "gradients in 16 bits": Odd(((dW, f"dW += {_half('(dz.T @ x[t])')}"),), BITS16),
    "gradients of x in 16 bits": Odd(((dX, f"dx[t] = {_half('(dz @ W)')}"),), BITS16),
}
FURTHER = {
    "exp by a polynomial": Odd(
        (
            (
                SIGMOID,
                f"{POLYNOMIAL}; return 1 / (1 + np.ldexp(e, np.int32(k)).astype(z.dtype))",
            ),
        )
    ),
    "exp by squaring": Odd(  # of float32, 1 − z / 2^16 keeps as many digits of z as a 16-bit float does
        (
            (
                SIGMOID,
                "e = 1 - np.maximum(z, -99) / 2**16\n    for _ in range(16):\n        e *= e\n    return 1 / (1 + e)",
            ),
        ),
        BITS16,
    ),
    "tanh by a continued fraction": Odd(((G, f"q = np.clip(g, -9, 9); g = np.clip({CONTINUED}, -1, 1)"),)),
    "gates in log space": Odd(((CELL, f"c = {_log('f', 'c')} + {_log('i', 'g')}"), (HIDDEN, f"h = {_log('o', 's')}"))),
    "c by a running product": Odd(
        ((LOOP, f"    P, S = np.ones_like(c), c\n{LOOP}"), (CELL, "P = P * f; S = S + i * g / P; c = P * S")),
        r"only where T",
    ),
    "c as what is not forgotten": Odd(((CELL, "c = c - (1 - f) * c + i * g"),)),
    "h from σ of c": Odd(((HIDDEN, "h = 2 * o * sigmoid(2 * c) - o"),)),
    "one gate as a complement": Odd((("f = sigmoid(f)", "f = 1 - sigmoid(-f)"),), COARSE),
    "σ cut off at 30": Odd(((SIGMOID, "return 1 / (1 + np.exp(-np.clip(z, -30, 30)))"),), r"\b30|\|z\| >"),
    "sums of 16 bits": Odd(
        (
            (
                SUM,
                "z = np.cumsum((np.hstack([x[t], h])[:, None] * np.hstack([W, U])).astype('f2'), 2, 'f2')[..., -1] + b",
            ),
        ),
        BITS16,
    ),
    "blocks of products in float32": Odd(
        ((SUM, f"z = {BLOCKS.format('(x[t][:, k:k+4] @ W[:, k:k+4].T).astype(chr(102))', 'W')} + h @ U.T + b"),), BITS32
    ),
    "weights of bfloat16": Odd(((SUM, f"z = x[t] @ {_bfloat16('W')}.T + h @ {_bfloat16('U')}.T + b"),), BFLOAT16),
    "weights of 8 bits": Odd(((SUM, SUM.replace("W.T", "(np.round(W / (s8 := abs(W).max() / 127 + 1e-30)) * s8).T")),)),
    "stochastic rounding": Odd(
        ((CELL, f"{CELL}\n        c = c * (1 + np.random.uniform(-1, 1, c.shape) * 2.0**-11).astype(x.dtype)"),),
        f"differ|{BITS16}",
    ),
    "slope of σ as a difference": Odd(((SLOPE_S, "return s - s * s"),)),
    "slope of tanh by cosh": Odd((("return 1 - y * y", "return 1 / np.cosh(np.arctanh(y)) ** 2"),)),
    "c recovered backward": Odd(((dF, dF.replace("c_before", "((np.arctanh(s) - i * g) / f)")),)),
    "states recomputed from 16 bits": Odd(((dU, dU.replace("h_before", _half("h_before"))),), BITS16),
    "sums of db in 16 bits": Odd(((dB, f"db = {_half('(db + dz.sum(axis=0))')}"),), BITS16),
    "dz of bfloat16": Odd(((dW, f"dz = {_bfloat16('dz')}\n        {dW}"),), BFLOAT16),
    "one product of [W U]": Odd(((SUM, "z = np.hstack([x[t], h]) @ np.hstack([W, U]).T + b"),)),
    "sums from the last to the first": Odd(((SUM, "z = x[t][:, ::-1] @ W[:, ::-1].T + h[:, ::-1] @ U.T[::-1] + b"),)),
}
ODD = FROM_TANH | FIRST | FURTHER
