"""Text from elsewhere becomes one line that a terminal shows as it is."""

import pytest

from conformance.text import clean_line, is_printable

HOSTILE = {
    "colours": ("\x1b[31mred", r"\x1b[31mred"),
    "a title of the window": ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
    "one byte that begins a sequence": ("\x9b2J", r"\x9b2J"),
    "new lines": ("one\n\r\ntwo\u2028three", "one two three"),
    "a line over another": ("good\rbad", "good bad"),
    "backspaces": ("bad\b\b\bok", r"bad\x08\x08\x08ok"),
    "the other direction": ("a\u202eb", r"a\u202eb"),
    "half a character": ("\ud800", r"\ud800"),
    "nothing to see": ("a\u200bb\0", r"a\u200bb\x00"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_cannot_be_printed_is_escaped(what: str) -> None:
    text, line = HOSTILE[what]
    assert clean_line(text) == line and line.isprintable() and not is_printable(text)


@pytest.mark.parametrize("text", ["numpy 2.1", "σ(W_i x + b) ≤ ½", "長短期記憶", "C:\\path 'x' \"y\""])
def test_what_can_be_printed_stays(text: str) -> None:
    assert clean_line(text) == text and is_printable(text)


def test_what_is_long_is_shortened() -> None:
    assert clean_line("x" * 10, 10) == "x" * 10
    assert clean_line("x" * 11, 10) == "x" * 9 + "…"
    assert len(clean_line("\x1b" * 10**7, 100)) == 100
    assert clean_line(" " * 1000 + "far", 10).endswith("…")


@pytest.mark.parametrize("value", ["", "x" * 201, 5, None, b"bytes", "tab\t"])
def test_other_things_are_no_printable_name(value: object) -> None:
    assert not is_printable(value)
