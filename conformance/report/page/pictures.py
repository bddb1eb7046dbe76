"""Pictures of a failure: what was expected, allowed and got, over the steps, and what the gates do there.

They are drawn into boxes of WIDTH × HEIGHT that the page stretches, so that no text lies in them.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from conformance.cases.case import CaseError
from conformance.cases.load import load_case, read_file
from conformance.nouns import Tensors
from conformance.numbers import format_times, shorten
from conformance.outcome import Difference
from conformance.tolerance.trajectories import observed_trajectory
from lstm_spec import Problem, State, error_model
from lstm_spec.accuracy import DEFAULT_GRADES
from lstm_spec.types import Array

WIDTH, HEIGHT = 1000, 100
MOST_STEPS = 120
LEAST_RATIO = 1e-2  # what is further inside is drawn there
MEMORIES = {"i": (0.0, 1.0), "f": (0.0, 1.0), "g": (-1.0, 1.0), "o": (0.0, 1.0), "c": None, "h": (-1.0, 1.0)}


class Mark(NamedTuple):
    """A path, and what it shows: allowed, expected, got, wrong, limit, or the letter of a gate or a memory."""

    shows: str
    path: str


class Strip(NamedTuple):
    """One of the boxes that stand over each other, with the ends of its vertical axis."""

    name: str
    high: str
    low: str
    marks: list[Mark]


class Picture(NamedTuple):
    """Strips over the same axis; `caption` says for who cannot see them what they show.

    The axis has its ends, or below each of the bars that stand side by side its name and its value.
    """

    caption: str
    first: str
    last: str
    strips: list[Strip]
    ticks: tuple[tuple[str, str], ...] = ()


class Bar(NamedTuple):
    """A number, and what it shows: expected, got, or the letter of a gate or a memory."""

    name: str
    shows: str
    value: float


class Line(NamedTuple):
    """The numbers along one axis of an output through the place of a difference; each (N,)."""

    quantity: str
    where: dict[str, int]
    axis: str
    start: int  # of what is shown, on that axis
    got: Array
    expected: Array
    allowed: Array

    @property
    def ratios(self) -> Array:
        """The error in units of what is allowed; infinite if it is not finite, or nothing is allowed."""
        error = np.abs(self.got - self.expected)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num(np.where(error == 0, 0.0, error / self.allowed), nan=np.inf)


def draw_failure(found: Difference, path: Path) -> list[Picture]:
    """The pictures of the case in a file; none of what it does not hold."""
    try:
        problem, tensors = load_case(path).asked.problem, read_file(path)[0]
    except CaseError:
        return []
    line = _find_line(found, tensors) or _find_line(_show_outputs(found), tensors)
    return ([_draw_line(line)] if line else []) + _draw_gates(found, problem, tensors)


def _show_outputs(found: Difference) -> Difference:
    """The outputs at the same place, if what differs was made of them and is not in the case itself."""
    where = {"t": found.where.get("t", 0), "batch": found.where.get("batch", 0), "unit": found.where.get("unit", 0)}
    return replace(found, quantity="y", where=where)


def _find_line(found: Difference, tensors: Tensors) -> Line | None:
    """Along the steps if there are several, else along the longest axis."""
    name = re.sub(r"\W+", "_", found.quantity)
    if f"got.{name}" not in tensors:
        return None
    arrays = [tensors[f"{what}.{name}"].astype(np.float64) for what in ("got", "expected", "allowed")]
    at, axes = tuple(found.where.values()), tuple(found.where)
    shape = arrays[0].shape
    if len(at) != len(shape) or any(k >= size for k, size in zip(at, shape, strict=True)):
        return None
    along = 0 if axes[0] == "t" and shape[0] > 1 else int(np.argmax(shape))
    shown = choose_window(at[along], shape[along])
    index = tuple(shown if k == along else place for k, place in enumerate(at))
    return Line(found.quantity, found.where, axes[along], shown.start, *(a[index] for a in arrays))


def choose_window(at: int, size: int) -> slice:
    """At most MOST_STEPS places around one of them."""
    start = max(0, min(at - MOST_STEPS // 2, size - MOST_STEPS))
    return slice(start, min(size, start + MOST_STEPS))


def _draw_line(line: Line) -> Picture:
    """Over the steps, or along another axis; two bars if there is one number only."""
    last = line.start + len(line.got) - 1
    places = "".join(f", {axis} {k}" for axis, k in line.where.items() if axis != line.axis)
    span = f"over {line.axis} = {line.start} … {last}" if last > line.start else f"at {line.axis} = {line.start}"
    wrong = int((line.ratios > 1).sum())
    found = f"{wrong} of {len(line.got)} further off than allowed"
    if last == line.start:
        found = f"the error is {format_times(float(line.ratios[0]))} × what is allowed"
        bars = Bar("expected", "expected", float(line.expected[0])), Bar("got", "got", float(line.got[0]))
        return _draw_bars(line.quantity, f"{line.quantity}{places}, {span}: {found}", bars)
    ends = f"{line.axis} = {line.start}", f"{line.axis} = {last}"
    caption = f"{line.quantity}{places}, {span}: {found}"
    return Picture(caption, *ends, [_draw_values(line.quantity, line), _draw_ratios(line)])


def _draw_values(name: str, line: Line) -> Strip:
    lower, upper = line.expected - line.allowed, line.expected + line.allowed
    low, high = _find_ends((line.got, line.expected))
    marks = [Mark("allowed", _fill_between(lower, upper, low, high)), Mark("expected", _join(line.expected, low, high))]
    return Strip(name, shorten(high), shorten(low), marks + _set_dots(line.got, line.ratios <= 1, low, high))


def _draw_ratios(line: Line) -> Strip:
    """The error in units of what is allowed, on a logarithmic axis."""
    ratios = line.ratios
    most = max(10.0, float(ratios[np.isfinite(ratios)].max(initial=0)))
    low, high = np.log10(LEAST_RATIO), np.log10(most) * 1.05
    levels = np.log10(np.clip(ratios, LEAST_RATIO, most))
    marks = [Mark("limit", _join(np.zeros(1), low, high)), *_set_dots(levels, ratios <= 1, low, high)]
    return Strip("error / allowed", format_times(most), shorten(LEAST_RATIO), marks)


def _draw_gates(found: Difference, problem: Problem, tensors: Tensors) -> list[Picture]:
    """The gates and memories of the unit; none of a network, or if the answer has another shape."""
    y = tensors.get("got.y")
    T, B, _, H = problem.sizes
    if problem.is_more or T == 0 or y is None or y.shape != (T, B, H):
        return []
    batch, unit = found.where.get("batch", 0) % B, found.where.get("unit", found.where.get("gate row", 0)) % H
    shown, strips = choose_window(found.where.get("t", T - 1), T), list[Strip]()
    followed = _follow_gates(problem, y, batch, unit)
    if T == 1:
        bars = [Bar("c_0", "c", float(problem.state.c[0, batch, unit]))]
        bars += [Bar(letter, letter, float(values[0])) for letter, values in followed.items()]
        caption = f"batch {batch}, unit {unit}: gates and memories of the step, as the equations have them"
        return [_draw_bars("", caption, bars, reach=1.0)]
    for letter, values in followed.items():
        low, high = MEMORIES[letter] or _find_ends((values[shown],))
        strips.append(Strip(letter, shorten(high), shorten(low), [Mark(letter, _join(values[shown], low, high))]))
    caption = f"batch {batch}, unit {unit}: gates and memories, each step from the state that was returned"
    return [Picture(caption, f"t = {shown.start}", f"t = {shown.stop - 1}", strips)]


def _follow_gates(problem: Problem, y: Array, batch: int, unit: int) -> dict[str, Array]:
    """Each (T,), as the equations have them in the states that were returned."""
    one, dtype = slice(batch, batch + 1), problem.dtype.name
    state = State(problem.state.h[:, one], problem.state.c[:, one])
    sample = replace(problem, x=problem.x[:, one], state=state)
    with np.errstate(all="ignore"):
        trajectory = observed_trajectory(sample, y[:, one], error_model(DEFAULT_GRADES[dtype], dtype))
    return {letter: getattr(trajectory, letter).value[:, 0, unit] for letter in MEMORIES}


def _draw_bars(name: str, caption: str, bars: Sequence[Bar], reach: float = 0.0) -> Picture:
    """Numbers side by side, each from 0, with its value below; the axis has at least the reach."""
    values = np.array([bar.value for bar in bars])
    finite = values[np.isfinite(values)]
    low, high = min(0.0, *finite), max(reach, 0.0, *finite) or 1.0
    x, y = _place(values, low, high, margin=WIDTH / len(bars) / 2)
    zero = _place(np.zeros(1), low, high)[1][0]
    drawn = zip(bars, x, y, strict=True)
    marks = [Mark("limit", _join(np.zeros(1), low, high))]
    marks += [Mark(f"{bar.shows} bar", f"M{left:.0f} {zero:.1f}V{top:.1f}") for bar, left, top in drawn]
    ticks = tuple((bar.name, f"{bar.value:.7g}" if len(bars) == 2 else shorten(bar.value)) for bar in bars)
    return Picture(caption, "", "", [Strip(name, shorten(high), shorten(low), marks)], ticks)


# ---------------------------------------------------------------- paths


def _find_ends(arrays: Iterable[Array]) -> tuple[float, float]:
    """The smallest and the largest finite number, with a margin."""
    values = np.concatenate([a[np.isfinite(a)] for a in arrays])
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    margin = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _place(values: Array, low: float, high: float, margin: float = 0) -> tuple[Array, Array]:
    """Where points lie in the box; one that is not finite at its upper end."""
    count = len(values)
    x = np.linspace(margin, WIDTH - margin, count) if count > 1 else np.array([WIDTH / 2])
    with np.errstate(all="ignore"):
        share = (values - low) / (high - low)
    return x, HEIGHT * (1 - np.clip(np.nan_to_num(share, nan=1.0, posinf=1.0, neginf=0.0), 0, 1))


def _join(values: Array, low: float, high: float) -> str:
    """A line through the points; a single one becomes a line from end to end."""
    values = np.repeat(values, 2) if len(values) == 1 else values
    return "M" + "L".join(f"{x:.0f} {y:.1f}" for x, y in zip(*_place(values, low, high), strict=True))


def _set_dots(values: Array, right: Array, low: float, high: float) -> list[Mark]:
    """A dot for each number, those that are not right apart."""
    points = [*zip(*_place(values, low, high), right, strict=True)]
    return [
        Mark(shows, "".join(f"M{x:.0f} {y:.1f}h0" for x, y, is_right in points if is_right == wanted))
        for shows, wanted in (("got", True), ("wrong", False))
    ]


def _fill_between(lower: Array, upper: Array, low: float, high: float) -> str:
    there, back = _join(upper, low, high), _join(lower[::-1], low, high)
    steps = back[1:].split("L")
    return f"{there}L{'L'.join(f'{WIDTH - int(x)} {y}' for x, y in map(str.split, steps))}Z"
