"""Values, texts and bytes that nobody expects, and how they get into something real."""

import random
import re
from collections.abc import Callable
from typing import Any

ODD_TEXT = (
    *(
        "",
        "0",
        "-1",
        "9" * 5000,
        "1e999",
        "NaN",
        "null",
        "[]",
        "{}",
        "[" * 50_000,
        '{"a":' * 20_000,
        "true",
        "x" * 90_000,
    ),
    *(
        "\x1b[31m",
        "\x9b2J",
        "a\nb",
        "a\rb",
        "\0",
        "\u202e",
        "../../x",
        "/dev/zero",
        "http://[",
        '"""\nimport os',
        "\ud800",
    ),
    *(
        "CELL-1",
        "CELL-99",
        "float64",
        "bfloat16",
        "holds",
        "numpy",
        "os:abort",
        "fault:x",
        "0 4 8",
        "0 4 999999999999",
        "4 0 1",
    ),
)
ODD_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        0.5,
        2**63,
        2**64,
        10**400,
        -(2**70),
        float("nan"),
        float("inf"),
        "",
        "x",
        "drawn.x",
        "\x1b[31m",
    ),
    *([], [[]], {}, ["tuple"], ["list", "drawn.x"], ["scalar", "drawn.x"], ["scalar", None], ["Problem"], ["dance"]),
    *(
        {"plain": 1},
        {"plain": []},
        {"module": "os", "name": "\x1b"},
        {"module": 5, "name": 6},
        {"name": "a\0"},
        ["Gate", 1, 2],
    ),
)
TOKENS = (
    *(
        b"-1",
        b"0",
        b"9223372036854775808",
        b"1" * 5000,
        b"1e999",
        b"NaN",
        b"null",
        b"[]",
        b"{}",
        b'"x"',
        b"true",
        b"-16",
    ),
    *(
        b"[" * 100_000,
        b'{"a":' * 10_000,
        b'"U8"',
        b'"I32"',
        b'"|O"',
        b'"f4,O"',
        b'"M8[ns]"',
        b'"V2000000000"',
        b"[4611686018427387904,2,2]",
        b'"\\ud800"',
        b'"\\u001b"',
    ),
)
TOKEN = re.compile(rb'-?\d+|"[^"\\]*"|\[[^\[\]]*\]')


def replace_token(text: bytes, rng: random.Random) -> bytes:
    """JSON with one value replaced by something odd, or by another of its values."""
    tokens = list(TOKEN.finditer(text))
    if not tokens:
        return text
    token = rng.choice(tokens)
    other = rng.choice((*TOKENS, rng.choice(tokens)[0]))
    return text[: token.start()] + other + text[token.end() :]


def damage_bytes(raw: bytes, rng: random.Random) -> bytes:
    """Bytes that are changed, missing or there twice, or another length before them."""
    how: Callable[[bytes, random.Random], bytes] = rng.choice((_flip, _flip, _cut, _repeat, _change_length))
    return how(raw, rng)


def _flip(raw: bytes, rng: random.Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if changed:
            changed[rng.randrange(min(len(changed), rng.choice((16, 8000, len(changed)))))] ^= rng.randrange(1, 256)
    return bytes(changed)


def _cut(raw: bytes, rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(raw) + 1) for _ in range(2))
    return raw[:start] + raw[end:]


def _repeat(raw: bytes, rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(raw) + 1) for _ in range(2))
    return raw[:end] + raw[start:]


def _change_length(raw: bytes, rng: random.Random) -> bytes:
    return rng.choice([2**60, 2**63, 0, len(raw), 2**64 - 1, rng.randrange(1 << 16)]).to_bytes(8, "little") + raw[8:]
