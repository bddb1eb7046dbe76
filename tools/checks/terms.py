"""How often the term that was mutated is named: mutants of the textbooks, in two halves that a seed chooses.

The first half is for development; the second one is kept apart from it.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import click

from conformance.diagnosis.experiments.laboratory import Finding, Laboratory
from conformance.diagnosis.experiments.term import find_term
from conformance.targets.border import guard_backend
from tools.mutants.judging import VISIBLE, measure_effect
from tools.mutants.making import Mutant, list_mutants

SEED = 18
TERMS: dict[str, tuple[str, ...]] = {  # the start of the statement that was mutated, and what may be named
    r"i = ": ("the input gate",),
    r"f = ": ("the forget gate",),
    r"g = ": ("the candidate",),
    r"o = ": ("the output gate",),
    r"z = x\[t\]": ("each adds up",),
    r"return 1 / \(1 \+ np.exp": ("the input gate",),
    r"(c \+=|new =|cs\[t \+ 1\] =)": ("the cell state is",),
    r"c \*= f": ("the cell state is", "the forget gate"),
    r"s = np.tanh": ("the hidden state is", "what reaches the cell state"),
    r"(h\[:\]|shown\[t\]) = ": ("the hidden state is", "the output gate"),
    r"y\[t\] = ": ("the output y",),
    r"[zd]i = ": ("the gradient of the input gate",),
    r"[zd]f = ": ("the gradient of the forget gate",),
    r"[zd]g = ": ("the gradient of the candidate",),
    r"[zd]o = ": ("the gradient of the output gate",),
    r"(dc \+= dh|dn = |dc = dc \+)": ("what reaches the cell state",),
    r"(dh \+= dy|dhs\[t\] = |dm = )": (
        "from y",
        "from h_T",
        "what reaches the cell state and the gradient of the output gate",
    ),
    r"dW(\[k\])? \+= ": ("the gradient of W",),
    r"dU(\[k\])? \+= ": ("the gradient of U",),
    r"db(\[k\])? \+= ": ("the gradient of b",),
    r"dx\[t\] = ": ("the gradient of x",),
    r"dh(\[:\])? = (zi|dz)": ("the gradient of h_0",),
    r"(dc \*= f|dc = dc \* f)": ("the initial cell state c_0",),
}
RIGHT, WRONG, NOTHING = "named right", "named wrong", "nothing said"
PART, OTHER = "part named, not certain", "other part, not certain"


class Named(NamedTuple):
    """A mutant, and what was said of it."""

    mutant: Mutant
    found: Finding | None

    @property
    def outcome(self) -> str:
        """Whether what was said names the term that was mutated."""
        if self.found is None:
            return NOTHING
        is_named = any(words in self.found.sentence for words in list_words(self.mutant))
        if self.found.is_certain:
            return RIGHT if is_named else WRONG
        return PART if is_named else OTHER


def list_words(mutant: Mutant) -> tuple[str, ...]:
    """What may be named where this mutant is wrong; nothing if the mutation is of no term of a step."""
    return next((words for start, words in TERMS.items() if re.match(start, mutant.slip.before)), ())


def choose_half(half: int) -> list[Mutant]:
    """Half of the mutants of terms: 0 or 1."""
    mutants = [mutant for mutant in list_mutants() if list_words(mutant)]
    random.Random(SEED).shuffle(mutants)
    return mutants[half::2]


def name_term(mutant: Mutant, dtype: str = "float32") -> Finding | None:
    """What is found in the answers, or else in the gradients."""
    laboratory = Laboratory(guard_backend(mutant.build()), dtype, seconds=60)
    return find_term(laboratory) or find_term(laboratory.turn_backward())


def judge_mutants(half: int, most: int) -> Iterator[Named]:
    """What is said of as many mutants of this half that can be seen."""
    for mutant in choose_half(half)[:most]:
        if (measure_effect(mutant) or 0) > VISIBLE:
            yield Named(mutant, name_term(mutant))


@click.command()
@click.option("--half", type=click.Choice(["0", "1"]), default="0", show_default=True, help="Which half.")
@click.option("--most", default=1000, show_default=True, help="Number of mutants at most.")
@click.option("--all", "everything", is_flag=True, help="Also print what is said of each.")
def main(half: str, most: int, everything: bool) -> None:
    """Print how many mutants of a half are named right, wrong or not at all."""
    found = list(judge_mutants(int(half), most))
    for named in found:
        if everything or named.outcome == WRONG:
            click.echo(f"{named.outcome}: {named.mutant.name}\n    {named.found and named.found.sentence}")
    counts = Counter(named.outcome for named in found)
    for outcome in (RIGHT, PART, WRONG, OTHER, NOTHING):
        click.echo(f"{outcome:26} {counts[outcome]:4} of {len(found)} ({counts[outcome] / max(1, len(found)):.1%})")


if __name__ == "__main__":
    main()
