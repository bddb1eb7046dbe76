"""Reads definitions of real-valued functions out of Coq text, as Python functions.

It knows the part of the language in which the formulas are written, and refuses everything else.
"""

import math
import re
from collections.abc import Iterable, Mapping
from functools import cache, reduce
from pathlib import Path
from types import CodeType
from typing import Any

TOKEN = re.compile(r"\s*(:=|=>|::|\+\+|\d+(?:\.\d+)?|[^\W\d][\w']*|[-+*/^()\[\],;:|])")
FULL = re.DOTALL | re.MULTILINE
PRIMITIVES: dict[str, Any] = {
    "Rabs": abs,
    "Rmin": min,
    "Rmax": max,
    "INR": float,
    "exp": math.exp,
    "fst": lambda pair: pair[0],
    "snd": lambda pair: pair[1],
    "map": lambda f, xs: tuple(f(x) for x in xs),
    "seq": lambda start, length: range(start, start + length),
    "fold_right": lambda f, last, xs: reduce(lambda rest, x: f(x, rest), reversed(xs), last),
}


class NotUnderstood(ValueError):
    """The Coq text holds something that is not translated, or lacks something that is asked for."""


def functions(wanted: Mapping[Path, Iterable[str]], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted definitions of each file, later ones using earlier ones, given the variables of their sections.

    Raises NotUnderstood for a definition that is not there or is not an expression of numbers and lists.
    """
    found = PRIMITIVES | {python_name(name): value for name, value in variables.items()}
    for file, names in wanted.items():
        text = file.read_text()
        for name in names:
            exec(definition(text, name), found)
    return found


def python_name(name: str) -> str:
    return name.replace("'", "_prime")


@cache
def definition(text: str, name: str) -> CodeType:
    """A Definition, Fixpoint or Let, as one of Python."""
    head = re.search(rf"^(?:Definition|Fixpoint|Let) {re.escape(name)}(?![\w'])(.*?):=(.*?)\.$", _code(text), FULL)
    if not head:
        raise NotUnderstood(f"there is no definition of {name}")
    binders = re.sub(r"\(([^:()]*):(?:[^()]|\([^()]*\))*\)", r"\1", head[1])
    names = binders.partition(":")[0].split()  # what follows is the type of the value
    parameters, body = ", ".join(map(python_name, names)), Translation(head[2]).whole()
    source = f"def {python_name(name)}({parameters}): return {body}" if names else f"{python_name(name)} = {body}"
    return compile(source, name, "exec")


@cache
def _code(text: str) -> str:
    """Without comments; a sentence ends where its full stop ends a line."""
    return re.sub(r"[ ]+$", "", re.sub(r"\(\*.*?\*\)", "", text, flags=re.DOTALL), flags=re.MULTILINE)


class Translation:
    """One expression; each method reads as far as its own kind of expression goes, and returns Python source."""

    def __init__(self, text: str) -> None:
        self.tokens = TOKEN.findall(text) + ["end of sentence"]
        if "".join(self.tokens[:-1]) != re.sub(r"\s", "", text):
            raise NotUnderstood(f"not an expression of numbers and lists: {text.strip()!r}")

    def whole(self) -> str:
        result = self.expression()
        self.take("end of sentence")
        return result

    def take(self, expected: str | None = None) -> str:
        token = self.tokens.pop(0)
        if expected not in (None, token):
            raise NotUnderstood(f"found {token!r}, expected {expected!r}")
        return token

    def next_is(self, *tokens: str) -> bool:
        return self.tokens[0] in tokens

    def expression(self) -> str:
        if not self.next_is("fun"):
            return self.lists()
        self.take()
        names = []
        while not self.next_is("=>"):
            names.append(python_name(self.take()))
        self.take()
        return f"(lambda {', '.join(names)}: {self.expression()})"

    def lists(self) -> str:
        left = self.sums()
        if self.next_is("::"):
            self.take()
            return f"(({left},) + {self.lists()})"
        if self.next_is("++"):
            self.take()
            return f"({left} + {self.lists()})"
        return left

    def sums(self) -> str:
        result = self.terms()
        while self.next_is("+", "-"):
            result = f"({result} {self.take()} {self.terms()})"
        return result

    def terms(self) -> str:
        result = self.power()
        while self.next_is("*", "/"):
            result = f"({result} {self.take()} {self.power()})"
        return result

    def power(self) -> str:
        if self.next_is("-"):
            self.take()
            return f"(-{self.power()})"
        base = self.application()
        if not self.next_is("^"):
            return base
        self.take()
        return f"({base} ** {self.power()})"

    def application(self) -> str:
        if self.next_is("match"):
            return self.match()
        function, arguments = self.atom(), []
        while self.next_is("(", "[") or re.fullmatch(r"(?!(?:end|with)$)[\w'.]+", self.tokens[0]):
            arguments.append(self.atom())
        return f"{function}({', '.join(arguments)})" if arguments else function

    def atom(self) -> str:
        token = self.take()
        if token == "(":
            return self.enclosed(",", ")", "({})")
        if token == "[":
            return self.enclosed(";", "]", "({},)")
        if not re.fullmatch(r"[\w'.]+", token):
            raise NotUnderstood(f"found {token!r}, expected a name, a number or a bracket")
        return python_name(token)

    def enclosed(self, separator: str, end: str, form: str) -> str:
        if self.next_is(end):
            self.take()
            return "()"
        items = [self.expression()]
        while self.next_is(separator):
            self.take()
            items.append(self.expression())
        self.take(end)
        return form.format(", ".join(items))

    def match(self) -> str:
        """Of a list of pairs: [] and (v, d) :: l. Of a natural number: O and S n."""
        self.take("match")
        what = self.expression()
        self.take("with")
        is_list = self.next_is("[")
        self.pattern()
        empty = self.expression()
        self.take("|")
        names = self.pattern()
        more = self.expression()
        self.take("end")
        parts = f"*{what}[0], {what}[1:]" if is_list else f"{what} - 1"
        return f"((lambda {', '.join(names)}: {more})({parts}) if {what} else {empty})"

    def pattern(self) -> list[str]:
        tokens = []
        while not self.next_is("=>"):
            tokens.append(self.take())
        self.take()
        return [python_name(t) for t in tokens if re.fullmatch(r"[a-z][\w']*", t)]
