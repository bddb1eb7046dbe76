"""The colours of all pictures: each means one thing everywhere, on light paper and on dark.

All are told apart by people who see no red or no green. A line also differs from others in its dashes or markers, for
pictures that are printed in grey.
"""

from typing import NamedTuple


class Colour(NamedTuple):
    """The same meaning on light and on dark paper, each #rrggbb."""

    light: str
    dark: str


PAPER = Colour("#ffffff", "#0d1117")
INK = Colour("#1f2328", "#e6edf3")
FAINT = Colour("#8c959f", "#6e7681")  # frames, grids, what is only allowed

INPUT_GATE = Colour("#3d6a60", "#26fc99")
FORGET_GATE = Colour("#9f3fda", "#c553f1")
CANDIDATE = Colour("#908654", "#ecd140")
OUTPUT_GATE = Colour("#3b8aa7", "#2c85a7")
CELL_STATE = Colour("#02306b", "#92c8fa")
HIDDEN_STATE = Colour("#e2620a", "#d45723")
LETTERS = dict(zip("ifgoch", (INPUT_GATE, FORGET_GATE, CANDIDATE, OUTPUT_GATE, CELL_STATE, HIDDEN_STATE), strict=True))

EXPECTED = INK
ALLOWED = FAINT
GOT = Colour("#b30000", "#e0707a")
TARGETS = (GOT, FORGET_GATE, INPUT_GATE, CANDIDATE, OUTPUT_GATE)  # several answers; pictures of them show no gates
ALL = (PAPER, INK, FAINT, *LETTERS.values(), GOT)
MEANINGS = LETTERS | {"expected": EXPECTED, "allowed": ALLOWED, "got": GOT}


def write_variables() -> str:
    """CSS for a page: a variable for each meaning, e.g. --expected, in light and in dark; printed, they are light."""
    light, dark = (
        "".join(f"--{name}:{getattr(colour, mode)};" for name, colour in MEANINGS.items()) for mode in Colour._fields
    )
    return f":root{{{light}}}@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}"


def write_dark_rules() -> str:
    """CSS for a picture drawn in the light colours with `style` attributes: where dark is preferred, the dark ones."""
    rules = (
        f'[style*="{what}: {colour.light}"]{{{what}:{colour.dark}!important}}'
        for colour in ALL
        for what in ("fill", "stroke")
    )
    return f"@media (prefers-color-scheme: dark){{{''.join(rules)}}}"
