"""What came of a part of the soak: counts that can be saved, added up and printed."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

WANTED = {"T >= 200": 0.20, "H >= 64 with B = 1": 0.10, "weight scale >= 5": 0.10, "saturated": 0.10}
DTYPES = ("float32", "float64", "bfloat16", "float16")
BINS = 8  # in an octave: a median is known to 2^(1/16), which is 4.4 %
ZERO, LARGEST = -(10**6), 10**6  # the bins of 0, and of what is not finite


@dataclass
class Ratios:
    """Error/bound of many comparisons: the largest, and how many lie in each bin."""

    largest: float = 0.0
    bins: Counter[int] = field(default_factory=Counter)

    def note(self, ratio: float) -> None:
        """Count one comparison; a NaN is infinitely far off."""
        ratio = math.inf if math.isnan(ratio) else ratio
        self.largest = max(self.largest, ratio)
        self.bins[LARGEST if math.isinf(ratio) else math.floor(BINS * math.log2(ratio)) if ratio else ZERO] += 1

    def add(self, other: "Ratios") -> None:
        """Count what the other has counted, too."""
        self.largest = max(self.largest, other.largest)
        self.bins.update(other.bins)

    @property
    def median(self) -> float:
        """The middle of the bin in which the median lies."""
        half, seen = self.bins.total() / 2, 0
        for n in sorted(self.bins):
            seen += self.bins[n]
            if seen >= half:
                return 0.0 if n == ZERO else math.inf if n == LARGEST else 2 ** ((n + 0.5) / BINS)
        raise ValueError("there are no comparisons, expected at least one; note some first")


@dataclass
class Soaked:
    """What came of some runs. `ratios` has keys such as "y|lengths|float32": output, form and dtype."""

    runs: list[str] = field(default_factory=list)  # no two are the same
    examples: int = 0
    inconclusive: int = 0
    shares: Counter[str] = field(default_factory=Counter)  # of the wanted kinds, in examples
    ratios: dict[str, Ratios] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)  # every example was inconclusive
    left_out: list[str] = field(default_factory=list)  # what cannot be used here, and why

    def note_ratio(self, key: str, ratio: float) -> None:
        """Count one comparison."""
        self.ratios.setdefault(key, Ratios()).note(ratio)

    def add(self, other: "Soaked") -> None:
        """Add up both. Raises ValueError if they have a run in common."""
        if both := set(self.runs) & set(other.runs):
            raise ValueError(f"{min(both)} was added twice, expected each run once; give it another seed")
        self.examples += other.examples
        self.inconclusive += other.inconclusive
        self.shares.update(other.shares)
        for key, ratios in other.ratios.items():
            self.ratios.setdefault(key, Ratios()).add(ratios)
        for mine, more in zip(self._lists(), other._lists(), strict=True):
            mine += more

    def _lists(self) -> tuple[list[str], ...]:
        return self.runs, self.alarms, self.silent, self.left_out

    @property
    def is_mixed(self) -> bool:
        """Whether the examples were as hard as wanted."""
        return all(self.shares[name] >= wanted * self.examples for name, wanted in WANTED.items())


def save_soaked(soaked: Soaked, path: Path) -> None:
    """Write it as JSON: whole, or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(soaked, default=vars), encoding="utf-8")
    partial.replace(path)


def load_soaked(path: Path) -> Soaked:
    """What `save_soaked` wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    ratios = {
        key: Ratios(one["largest"], Counter({int(n): count for n, count in one["bins"].items()}))
        for key, one in found["ratios"].items()
    }
    return Soaked(**{**found, "shares": Counter(found["shares"]), "ratios": ratios})


def add_up(parts: Iterable[Soaked]) -> Soaked:
    """All parts as one."""
    total = Soaked()
    for part in parts:
        total.add(part)
    return total


# ---------------------------------------------------------------- printed

HEAD = ["error / bound of", "form", *(f"{dtype}: max, median" for dtype in DTYPES), "comparisons"]


def print_soaked(console: Console, soaked: Soaked) -> None:
    """Print the mix, the table, every alarm, and the sum."""
    mix = Table("mix", "share", "wanted", box=None)
    for name, wanted in WANTED.items():
        mix.add_row(name, f"{soaked.shares[name] / max(soaked.examples, 1):.1%}", f"{wanted:.0%}")
    console.print(mix)
    table = Table(*HEAD, box=None)
    for row in _list_rows(soaked):
        table.add_row(*row)
    console.print(table)
    for title, lines in (("alarm", soaked.alarms), ("inconclusive", soaked.silent), ("left out", soaked.left_out)):
        for line in lines:
            console.print(f"{title}: {line}", markup=False)
    console.print(_say_sum(soaked))


PAGE = """<!-- Generated by `python -m tools.checks.soak --add FILES --page`. Do not edit. -->
# Error/bound of right implementations

`make soak` asks every property of implementations that are known to be right, at four dtypes;
[Accuracy](accuracy.md) says which. Each comparison starts from what the implementation itself returned. Its figure
is the largest error, in units of what is allowed: the table has the maximum and the median over the comparisons. If no
rounding enters, it is 0. Many problems are sparse or saturated on purpose, so the medians are low.
"""


def write_page(soaked: Soaked) -> str:
    """The table as a page, with the sum and the mix."""
    mix = ", ".join(f"{name}: {soaked.shares[name] / soaked.examples:.1%}" for name in WANTED)
    rows = [HEAD, ["---"] * len(HEAD), *_list_rows(soaked)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{PAGE}\n{_say_sum(soaked)}; {mix}.\n\n{table}\n"


def _say_sum(soaked: Soaked) -> str:
    return (
        f"{soaked.examples:,} examples ({soaked.inconclusive:,} inconclusive) in {len(soaked.runs)} runs: "
        f"{len(soaked.alarms)} false alarms"
    )


def _list_rows(soaked: Soaked) -> Iterator[list[str]]:
    """A row for each form and output, plain problems first."""
    forms = dict.fromkeys(key.rsplit("|", 1)[0] for key in soaked.ratios)
    for form in sorted(forms, key=lambda name: (not name.endswith("|plain"), name.split("|")[::-1])):
        of = [soaked.ratios.get(f"{form}|{dtype}") for dtype in DTYPES]
        cells = ["" if one is None else f"{one.largest:.4f}, {one.median:.2g}" for one in of]
        yield [*form.split("|"), *cells, f"{sum(one.bins.total() for one in of if one):,}"]
