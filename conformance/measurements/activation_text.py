"""The accuracy of σ and tanh as sentences, warnings and data."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from conformance.measurements.activations import GENEROUS, SYMBOLS, Accuracy, Figure, has_wider_float
from lstm_spec import GRADES, error_model


def describe_accuracy(found: Accuracy) -> str:
    """The figures, in one line for the report."""
    if not found.figures:
        why = "; ".join(found.illegible) or "its shapes leave no problem that shows them"
        return f"σ and tanh: no figure ({found.dtype}; {why})"
    about, dtype = [found.dtype, f"{found.tried:,} arguments"], np.dtype(found.dtype)
    if not has_wider_float(dtype):
        about.append("±1 ulp, because no wider dtype is available")
    if error_model(found.grade, found.dtype).u_h:
        about.append("the rounding of h included")
    if not all(figure.alone for figure in found.figures.values()):
        about.append("each contains the other's error, because o tanh(c) is not 1 when both are saturated")
    return f"{', '.join(_describe_figure(name, found.figures.get(name)) for name in SYMBOLS)} ({', '.join(about)})"


def list_unread(probed: Iterable[Accuracy]) -> tuple[str, ...]:
    """Why σ or tanh could not be read at a named grade though the shapes allow it, a clause for each dtype."""
    return tuple(
        f"the probes of σ and tanh were not answered as by an LSTM at {found.dtype} ({'; '.join(found.illegible)})"
        for found in probed
        if found.illegible and isinstance(found.grade, str)
    )


def _describe_figure(name: str, figure: Figure | None) -> str:
    symbol = SYMBOLS[name]
    if figure is None:
        return f"{symbol} no figure"
    if not figure.finite:
        return f"{symbol} not finite at {figure.u_at:.3g}"
    if figure.allowed[1]:
        return f"{symbol} within {_format_number(figure.absolute)} u (absolute)"
    return f"{symbol} within {_format_number(figure.ulp)} ulp"


def _format_number(a: float) -> str:
    return f"{a:,.0f}" if 10 <= a < 1e6 else f"{a:.2g}"


def list_warnings(found: Accuracy) -> list[str]:
    """What the figures say against the grade: not met, or far too generous. Never a verdict."""
    missed = [_warn_of_missed_grade(name, figure, found) for name, figure in found.figures.items() if not figure.met]
    return missed or _warn_of_generous_grade(found)


def _warn_of_missed_grade(name: str, figure: Figure, found: Accuracy) -> str:
    r, absolute = figure.allowed
    allowed = f"{r:g} u" + (f" and {absolute:g} u absolute" if absolute else "")
    grade = f"grade {found.grade}" if isinstance(found.grade, str) else "its own error model"
    remedy = f'name grade "{found.meets[0]}", which it meets, in Description.grades' if found.meets else MORE_ACCURATE
    where = f"at {figure.u_at:.3g} ({found.dtype})"
    return f"its {SYMBOLS[name]} is {_format_error(figure)} {where}, more than {grade} allows ({allowed}); {remedy}"


MORE_ACCURATE = "make it more accurate, or declare its own error model"


def _format_error(figure: Figure) -> str:
    if math.isfinite(figure.u):
        return f"off by {_format_number(figure.u)} u"
    return "not 0" if figure.finite else "not finite"


STRICTER = {"absolute": "relative"}
FIELDS = {"sigmoid": ("r_s", "s_abs"), "tanh": ("r_t", "t_abs")}


def _warn_of_generous_grade(found: Accuracy) -> list[str]:
    """Warnings about a named grade if a stricter one would do; or about its own model, function by function."""
    little = {name: figure for name, figure in found.figures.items() if figure.used * GENEROUS < 1}
    if not isinstance(found.grade, str):
        return [
            _warn_of_generous_model(name, figure, found) for name, figure in little.items() if _allows_more(name, found)
        ]
    stricter = STRICTER.get(found.grade)
    if not little or stricter not in found.meets:
        return []
    return [f'grade {found.grade} is far too generous ({found.dtype}): σ and tanh meet "{stricter}"; name that instead']


def _allows_more(name: str, found: Accuracy) -> bool:
    """Whether its own model allows more than the first named grade that it would meet, if any."""
    own, named = error_model(found.grade, found.dtype), [GRADES[k, found.dtype] for k in found.meets[:1]]
    return all(any(getattr(own, k) * own.u > getattr(m, k) * m.u for k in FIELDS[name]) for m in named)


def _warn_of_generous_model(name: str, figure: Figure, found: Accuracy) -> str:
    declared = {"u": error_model(found.grade, found.dtype).u, **dict(zip(FIELDS[name], figure.allowed, strict=True))}
    allowed = ", ".join(f"{k} = {a:.4g}" for k, a in declared.items() if a)
    other = f', or name grade "{found.meets[0]}"' if found.meets else ""
    start = f"its error model is far too generous ({found.dtype}): of what {allowed} allow, its {SYMBOLS[name]}"
    return f"{start} uses {figure.used:.2g}; declare less{other}"


def accuracy_data(found: Accuracy) -> dict[str, Any]:
    """The figures as JSON data."""
    return {
        "dtype": found.dtype,
        "arguments": found.tried,
        "illegible": list(found.illegible),
        "meets": list(found.meets),
        **{name: _figure_data(found.figures.get(name)) for name in SYMBOLS},
        "warnings": list_warnings(found),
    }


def _figure_data(figure: Figure | None) -> dict[str, Any] | None:
    """JSON has no infinity."""
    if figure is None:
        return None
    return {k: str(a) if isinstance(a, float) and not math.isfinite(a) else a for k, a in vars(figure).items()}
