"""How often `diagnose` names the term that was mutated: mutants of the textbooks, and pairs of them, in two halves.

A seed chooses the halves. The first one is for development; the second one is kept apart from it.
"""

import random
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import click

from conformance.diagnosis.experiments.diagnose import inquire
from conformance.diagnosis.experiments.laboratory import Finding, Laboratory
from conformance.diagnosis.experiments.term import find_term
from conformance.diagnosis.experiments.wiring import find_wiring
from conformance.problems.form import BOTH, Form
from conformance.targets.border import guard_backend
from tools.checks.halves import SEED, choose_half, print_scores
from tools.mutants.judging import VISIBLE, measure_effect
from tools.mutants.making import MODULE, Mutant, list_mutants, list_slips
from tools.mutants.slips import make_slips

SECONDS = 60.0  # at most for one mutant: what is measured does not depend on the machine
NETWORK = Form(2, BOTH, lengths="any")
TERMS: dict[str, tuple[str, ...]] = {  # the start of the statement that was mutated, and what may be named
    r"i = ": ("the input gate",),
    r"f = ": ("the forget gate",),
    r"g = ": ("the candidate",),
    r"o = ": ("the output gate",),
    r"z = x\[t\]": ("each adds up",),
    r"return 1 / \(1 \+ np.exp": ("the input gate", "the forget gate", "the output gate"),
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
MODULE_TERMS = TERMS | {
    r"c = f \* c": ("the cell state is",),
    r"h = o \* ": ("the hidden state is",),
    r"y.append": ("the output y",),
    r"return \(torch.stack": ("the output y", "the final hidden state", "the final cell state"),
}
WIRING: dict[str, tuple[str, ...]] = {  # what joins the layers and directions of the stack
    r"h = np.where\(valid": ("the hidden state", "the final hidden state"),
    r"c = np.where\(valid": ("the cell state", "the final cell state"),
    r"x = np.where": ("x",),
    r"W, U, b = parameters": ("the parameters",),
    r"y, h_last, c_last, kept = read": ("the initial hidden state", "the initial cell state", "direction", "reads"),
    r"k = layer \* D": ("the initial hidden state", "the initial cell state"),
    r"ys.append": ("reads", "the output y"),
    r"hs.append": ("the final hidden state",),
    r"cs.append": ("the final cell state",),
    r"x = np.concatenate\(ys": ("reads", "the output y"),
    r"return \(?x, np.array\(hs": ("the output y", "the final hidden state", "the final cell state"),
    r"dh = np.where": ("the gradient of h_0",),
    r"dc = np.where": ("the gradient of the initial cell state c_0",),
    r"W, U, b = layers": ("the parameters",),
    r"dy_d = ": ("from y",),
    r"found = unread": ("from y", "from h_T", "from c_T", "direction"),
    r"dx \+= found": ("the gradient of x",),
    r"dh0\[k\] = ": ("the gradient of h_0",),
    r"dc0\[k\] = ": ("the gradient of the initial cell state c_0",),
    r"gradients\[layer\]\[d\] = ": ("the gradient of W", "the gradient of U", "the gradient of b"),
    r"dy = dx": ("from y", "the gradient of x"),  # of the first layer it is returned
}
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


def judge_mutants(group: Group, half: int, most: int, alone: bool) -> Iterator[Named]:
    """What is said of as many mutants of this half that can be seen."""
    for mutant in group.choose_half(half)[:most]:
        if (measure_effect(mutant) or 0) > VISIBLE:
            yield Named(mutant.name, (group.list_words(mutant),), *ask(mutant, group.form, alone))


# ---------------------------------------------------------------- two at once


def combine_mutants(one: Mutant, other: Mutant) -> Mutant | None:
    """The textbook with both mistakes; None if the second one is not possible in the text of the first."""
    edit = other.slip.edit
    slip = next((slip for slip in make_slips(one.slip.text) if slip.edit == edit), None)
    return None if slip is None else Mutant(one.textbook, slip._replace(before=f"{one.slip.edit}  and  {slip.before}"))


def choose_pairs(half: int) -> Iterator[tuple[Mutant, tuple[tuple[str, ...], ...]]]:
    """Pairs of mutants of this half in different terms of one textbook, and what may be named of each.

    Each of the two changes answers that the other one alone does not.
    """
    rng = random.Random(SEED + half)
    groups = [group for group in list_groups() if group.form is None]
    while True:
        group = rng.choice(groups)
        one, other = rng.sample(group.choose_half(half), 2)
        words = group.list_words(one), group.list_words(other)
        if one.textbook != other.textbook or words[0] == words[1]:
            continue
        both = combine_mutants(one, other)
        if both and all(
            (measure_effect(mutant, than) or 0) > VISIBLE for mutant in (one, other) for than in (None, both)
        ):
            yield both, words


def judge_pairs(half: int, most: int, alone: bool) -> Iterator[Named]:
    """What is said of as many pairs of this half."""
    for mutant, words in islice(choose_pairs(half), most):
        yield Named(mutant.name, words, *ask(mutant, None, alone))


@click.command()
@click.option("--half", type=click.Choice(["0", "1"]), default="0", show_default=True, help="Which half.")
@click.option("--most", default=1000, show_default=True, help="Number of mutants of a group at most.")
@click.option("--pairs", default=20, show_default=True, help="Number of pairs.")
@click.option("--alone", is_flag=True, help="Search for the formula alone: a fifth of the time.")
@click.option("--all", "everything", is_flag=True, help="Also print what is said of each.")
def main(half: str, most: int, pairs: int, alone: bool, everything: bool) -> None:
    """Print how many mutants and pairs of a half are named right, wrong or not at all."""
    for group in list_groups():
        print_table(group.name, list(judge_mutants(group, int(half), most, alone)), everything)
    print_table("pairs", list(judge_pairs(int(half), pairs, alone)), everything)


def print_table(name: str, found: list[Named], everything: bool) -> None:
    """Print how often each outcome came, and, if asked, what was said of each."""
    for named in found if everything else ():
        click.echo(f"{named.outcome}: {named.name}\n    {named.sentence}")
    print_scores([named.outcome for named in found], OUTCOMES, f"{name:8} ")


if __name__ == "__main__":
    main()
