"""Text from elsewhere, made fit for a line on a terminal; standard library only."""

from typing import Any

LONGEST_NAME = 200  # characters of a name: of a target, a backend, a version, a path


def clean_line(text: str, most: int = 2_000) -> str:
    """The text as one line of at most that many characters; what cannot be printed is escaped, as in "\\x1b"."""
    line = " ".join(text[: 4 * most].split())
    line = line if line.isprintable() else "".join(map(_escape_character, line))
    return line if len(line) <= most and len(text) <= 4 * most else f"{line[: most - 1]}…"


def _escape_character(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def is_printable(text: Any, most: int = LONGEST_NAME) -> bool:
    """Whether it is text of 1 to that many characters, all of which can be printed."""
    return isinstance(text, str) and 0 < len(text) <= most and str.isprintable(text)


def quote_value(value: Any, most: int = 80) -> str:
    """The value as Python shows it, in one line of at most that many characters."""
    try:
        return clean_line(repr(value), most)
    except (ValueError, RecursionError):  # a number of too many digits, lists in lists
        return f"a {type(value).__name__}"
