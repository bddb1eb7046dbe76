"""From an equation as the clauses write it, in Unicode and on one line, to TeX."""

import re

RELATION = re.compile(r"[=≤<]")
WORDS = re.compile(r"\b(?:where|else|of the last call)\b")
NAMES = re.compile(r"\b(?:layer|direction|cell)\b")
FUNCTIONS = re.compile(r"(?<![\\\w])(?:tanh|exp|min|max)(?![a-z])")
COTANGENT = re.compile(r"\bd(?=[cghxyzWUbR](?:_|\b))")
REPLACED = {  # a character, and its TeX
    "−": "-",
    "·": r"\cdot ",
    "ᵀ": r"^{\mathsf{T}}",
    "²": "^2",
    "₂": "_2",
    "‖": r"\|",
    "≤": r"\leq ",
    "∂": r"\partial ",
    "Σ": r"\sum",
    "Π": r"\prod",
    "σ": r"\sigma",
    "α": r"\alpha",
    "β": r"\beta",
    "γ": r"\gamma",
    "φ": r"\varphi",
    "ψ": r"\psi",
}
NARROW = 44  # characters: two equations that are no longer stand on one line


def write_tex(equation: str) -> str:
    """The equation in TeX: each of several on a line, one below the other, if they are long."""
    parts = split_equations(equation)
    lines = [_write_part(part) for part in parts]
    if len(equation) <= NARROW or len(parts) == 1:
        return r",\qquad ".join(lines)
    rows = [re.sub(r"(?<!\\)(=|\\leq)", r"&\1", line, count=1) for line in lines]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def split_equations(equation: str) -> list[str]:
    """The equations that commas separate; a comma in a pair, in a list of names or before `else` separates none."""
    parts = [""]
    for piece in re.split(r"(, )", equation):
        joined = "".join(parts[-1:])
        if piece == ", " and RELATION.search(joined) and joined.count("(") == joined.count(")"):
            parts.append("")
        elif piece.startswith("else") and not parts[-1]:
            parts[-2:] = [f"{parts[-2]}, {piece}"]
        else:
            parts[-1] += piece
    return parts


def _write_part(part: str) -> str:
    part = re.sub(r"∂(\([^)]*\)|\S+)/∂(\((?:[^()]|\([^)]*\))*\)|[^\s‖]+)", r"\\frac{∂\1}{∂\2}", part)
    part = re.sub(r"(\S+) / \((.*)\)$", r"\\frac{\1}{\2}", part)
    part = re.sub(r"_(max)\b", r"_{\\\1}", part)
    part = FUNCTIONS.sub(r"\\\g<0>", part)
    part = NAMES.sub(r"\\mathrm{\g<0>}", part)
    part = COTANGENT.sub(r"\\mathrm{d}", part)
    part = re.sub(r"(?<=[\w)}ᵀ²]) (?=[\w(\\])", r"\\,", part)
    part = WORDS.sub(r"\\text{\g<0>}", part.replace(r"of\,the\,last\,call", "of the last call"))
    part = re.sub(r"(?:\\,| )?(\\text\{[^}]*\})(?:\\,| )?", r"\\ \1\\ ", part)
    part = part.removesuffix("\\ ")
    return "".join(REPLACED.get(character, character) for character in part)
