"""How often `diagnose` names the term that was mutated: mutants of the textbooks, and pairs of them, in two halves.

A seed chooses the halves. The first one is for development; the second one is kept apart from it.
"""

import random
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import click

from conformance.diagnosis.experiments.diagnose import inquire
from conformance.diagnosis.experiments.laboratory import Finding, Laboratory
from conformance.diagnosis.experiments.term import find_term
from conformance.diagnosis.experiments.wiring import find_wiring
from conformance.problems.form import BOTH, Form
from conformance.targets.border import guard_backend
from tools.checks.halves import SEED, choose_half, print_scores
from tools.checks.lines import ABOUT_LINES, LINES, keep_lines
from tools.checks.statements import MODULE_TERMS, TERMS, WIRING
from tools.mutants.judging import VISIBLE, measure_effect
from tools.mutants.making import MODULE, Mutant, list_mutants, list_slips
from tools.mutants.slips import find_text

PLAIN_PAIRS, WIRED, GRADIENTS = PAIRS = "pairs", "wired pairs", "gradient pairs"
OF_GRADIENTS = ("the gradient", "what reaches", "from y", "the initial cell state c_0")  # how words begin
NAMES = ("cells", "module", "wiring", *PAIRS)
SECONDS = 60.0  # at most for one mutant: what is measured does not depend on the machine
NETWORK = Form(2, BOTH, lengths="any")
RIGHT, PLACE, WRONG = "formula named right", "place named right, formula unknown", "formula named wrong"
PART, OTHER, NOTHING = "named among others, formula unknown", "not named, formula unknown", "nothing said"
ONE = "one of two named right"
OUTCOMES = (RIGHT, PLACE, ONE, PART, OTHER, NOTHING, WRONG)
ALL_WORDS = {words for group in (TERMS, MODULE_TERMS) for named in group.values() for words in named}
NETWORK_WORDS = {words for named in WIRING.values() for words in named}


class Group(NamedTuple):
    """Mutants that are halved together, the form at which they are asked, and what may be named of each statement."""

    name: str
    mutants: tuple[Mutant, ...]
    terms: dict[str, tuple[str, ...]]
    form: Form | None = None

    def list_words(self, mutant: Mutant) -> tuple[str, ...]:
        """What may be named where this mutant is wrong; nothing if the mutation is of no term."""
        return next((words for start, words in self.terms.items() if re.match(start, mutant.slip.before)), ())

    def choose_half(self, half: int) -> list[Mutant]:
        """Half of the mutants of terms: 0 or 1."""
        return choose_half([mutant for mutant in self.mutants if self.list_words(mutant)], half)


def list_groups() -> tuple[Group, ...]:
    """Cells in NumPy, a torch module, and what joins the layers and directions of a bidirectional stack."""
    cells = tuple(list_mutants())
    stack = tuple(m for m in cells if m.textbook.name == "stacked" and not Group("", (), TERMS).list_words(m))
    module = tuple(Mutant(MODULE, slip) for slip in list_slips("module"))
    return (
        Group("cells", cells, TERMS),
        Group("module", module, MODULE_TERMS),
        Group("wiring", stack, WIRING, NETWORK),
    )


class Named(NamedTuple):
    """A mutant or a pair, what may be named of each mistake, and what was said of it."""

    name: str
    words: tuple[tuple[str, ...], ...]
    sentence: str
    has_formula: bool

    @property
    def outcome(self) -> str:
        """Whether what was said names what was mutated."""
        named = [any(one in self.sentence for one in words) for words in self.words]
        others = {one for one in ALL_WORDS if one in self.sentence} - {one for words in self.words for one in words}
        if not self.sentence:
            return NOTHING
        if self.has_formula:
            return RIGHT if all(named) else ONE if any(named) else WRONG
        if not any(named):
            return OTHER
        return PART if others else PLACE if all(named) else ONE


def ask(mutant: Mutant, form: Form | None, alone: bool = False) -> tuple[str, bool]:
    """What `diagnose` says, or the search for the formula alone, and whether that is a formula."""
    backend = guard_backend(mutant.build())
    if not alone:
        inquiry = inquire(backend, "float32", form, seconds=SECONDS)
        return inquiry.sentence, inquiry.has_formula
    laboratory = Laboratory(backend, "float32", form or Form(), seconds=SECONDS)
    both = laboratory, laboratory.turn_backward()
    all_of_them = (found for each in both for find in (find_term, find_wiring) if (found := find(each)))
    found = find_certain(all_of_them)
    return (found.sentence, found.is_certain) if found else ("", False)


def find_certain(findings: Iterable[Finding]) -> Finding | None:
    """The first one that is certain; the first one if none is."""
    first = None
    for found in findings:
        if found.is_certain:
            return found
        first = first or found
    return first


Asked = tuple[Mutant, tuple[tuple[str, ...], ...], Form | None]  # what may be named of each mistake; and the form


def list_visible(group: Group, half: int, most: int) -> Iterator[Asked]:
    """As many mutants of this half that can be seen."""
    for mutant in group.choose_half(half)[:most]:
        if (measure_effect(mutant) or 0) > VISIBLE:
            yield mutant, (group.list_words(mutant),), group.form


# ---------------------------------------------------------------- two at once


def combine_mutants(one: Mutant, other: Mutant) -> Mutant | None:
    """The textbook with both mistakes; None if the second one is not possible in the text of the first."""
    text = find_text(one.slip.text, other.slip.edit)
    slip = other.slip._replace(before=f"{one.slip.edit}  and  {other.slip.before}", text=text or "")
    return None if text is None else Mutant(one.textbook, slip)


def choose_pairs(half: int, seed: int = SEED, kind: str = PLAIN_PAIRS) -> Iterator[Asked]:
    """Pairs of mutants of this half in different terms of one textbook.

    Each of the two changes answers that the other one alone does not. Of wired pairs one mistake is of what joins the
    layers and directions of the stack; of gradient pairs both are of gradients.
    """
    rng = random.Random(seed + half)
    groups = list_groups()
    plain, (wiring,) = ([g for g in groups if (g.form is not None) == is_network] for is_network in (False, True))
    cells, joints = plain[0].choose_half(half), wiring.choose_half(half)
    stacked = [m for m in cells if m.textbook.name == "stacked"]
    backward = [m for m in cells if plain[0].list_words(m)[0].startswith(OF_GRADIENTS)]
    while True:
        first = rng.choice(plain) if kind == PLAIN_PAIRS else plain[0]
        second = wiring if kind == WIRED else first
        if kind == WIRED:
            one, other = rng.choice(stacked), rng.choice(joints)
        else:
            one, other = rng.sample(backward if kind == GRADIENTS else first.choose_half(half), 2)
        words = first.list_words(one), second.list_words(other)
        if one.textbook != other.textbook or words[0] == words[1]:
            continue
        both = combine_mutants(one, other)
        if both and all(
            (measure_effect(mutant, than) or 0) > VISIBLE for mutant in (one, other) for than in (None, both)
        ):
            yield both, words, second.form


# ---------------------------------------------------------------- all of them


def list_asked(name: str, half: int, most: int, seed: int) -> Iterator[Asked]:
    """What is asked under this name: a group of mutants, or pairs."""
    if name in PAIRS:
        yield from islice(choose_pairs(half, seed, name), most)
    for group in list_groups():
        if group.name == name:
            yield from list_visible(group, half, most)


def judge_terms(name: str, half: int, most: int, seed: int, alone: bool, lines: Path | None) -> Iterator[Named]:
    """What is said of each; the lines of a file are kept, and what it lacks is added to it."""
    asked = {mutant.name: (mutant, words, form) for mutant, words, form in list_asked(name, half, most, seed)}

    def ask_one(key: str) -> dict[str, Any]:
        mutant, words, form = asked[key]
        found = Named(key, words, *ask(mutant, form, alone))
        return {"sentence": found.sentence, "has_formula": found.has_formula, "outcome": found.outcome}

    group = f"{name}, half {half}, seed {seed}{', alone' if alone else ''}"
    for key, entry in keep_lines(lines, group, asked, ask_one):
        yield Named(key, asked[key][1], entry["sentence"], entry["has_formula"])


@click.command()
@click.option("--half", type=click.Choice(["0", "1"]), default="0", show_default=True, help="Which half.")
@click.option("--group", "names", multiple=True, type=click.Choice(NAMES), default=NAMES, help="Only these.")
@click.option("--most", default=1000, show_default=True, help="Number of mutants of a group at most.")
@click.option("--pairs", default=20, show_default=True, help="Number of pairs of each kind.")
@click.option("--seed", default=SEED, show_default=True, help="Seed of the pairs.")
@click.option("--alone", is_flag=True, help="Search for the formula alone: a fifth of the time.")
@click.option("--all", "everything", is_flag=True, help="Also print what is said of each.")
@click.option("--lines", type=LINES, help=ABOUT_LINES)
def main(
    half: str, names: tuple[str, ...], most: int, pairs: int, seed: int, alone: bool, everything: bool, lines: Path
) -> None:
    """Print how many mutants and pairs of a half are named right, wrong or not at all."""
    for name in names:
        many = pairs if name in PAIRS else most
        print_table(name, list(judge_terms(name, int(half), many, seed, alone, lines)), everything)


def print_table(name: str, found: list[Named], everything: bool) -> None:
    """Print how often each outcome came, and, if asked, what was said of each."""
    for named in found if everything else ():
        click.echo(f"{named.outcome}: {named.name}\n    {named.sentence}")
    print_scores([named.outcome for named in found], OUTCOMES, f"{name:14} ")


if __name__ == "__main__":
    main()
