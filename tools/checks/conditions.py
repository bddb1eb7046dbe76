"""How often the condition of a mistake is named: mistakes under drawn conditions, in two halves that a seed chooses.

The first half is for development; the second one is kept apart from it.
"""

import re
import time
from collections.abc import Iterator
from typing import NamedTuple

import click

from conformance.diagnosis.experiments.diagnose import inquire
from conformance.targets.border import guard_backend
from tools.checks.halves import SEED, choose_half, print_scores
from tools.mutants.conditional.drawing import KINDS, draw_conditionals
from tools.mutants.conditional.effects import Conditional

RIGHT, PERHAPS, WRONG, REST = "named right", "named right, not certain", "named wrong, certain", "honest rest"
NEEDED = r"only where [^;:]* (is|are) not zero"  # which may be so of the mutant's own mistake
CONDITION = re.compile(r"only (where|in|with|from|after|as)|keeps |buffer|differs from call")


class Named(NamedTuple):
    """A mistake, and what was said of it in how many seconds."""

    mistake: Conditional
    sentence: str
    seconds: float

    @property
    def outcome(self) -> str:
        """Whether what was said names the condition."""
        is_certain = not re.search("perhaps|not certain|no simple rule", self.sentence)
        rest = re.sub(f"{self.mistake.pattern}|{NEEDED}", "", self.sentence)
        if is_certain and CONDITION.search(rest):
            return WRONG
        if re.search(self.mistake.pattern, self.sentence):
            return RIGHT if is_certain else PERHAPS
        return REST


def judge_mistakes(mistakes: list[Conditional], seconds: float | None) -> Iterator[Named]:
    """What is said of each; time is that of the processor, so that other work on the machine changes nothing."""
    for mistake in mistakes:
        began = time.process_time()
        sentence = inquire(guard_backend(mistake.build()), "float32", seconds=seconds, clock=time.process_time).sentence
        yield Named(mistake, sentence, time.process_time() - began)


@click.command()
@click.option("--half", type=click.Choice(["0", "1"]), default="0", show_default=True, help="Which half.")
@click.option("--seed", default=SEED, show_default=True, help="Of what is drawn.")
@click.option("--kinds", type=click.Choice(list(KINDS)), default="first", show_default=True, help="Which are drawn.")
@click.option("--family", default="", help="Only of this family.")
@click.option("--seconds", type=float, help="Of the processor, for each.")
@click.option("--all", "everything", is_flag=True, help="Also print what is said of each.")
def main(half: str, seed: int, kinds: str, family: str, seconds: float | None, everything: bool) -> None:
    """Print how many conditions of a half are named right, wrong or not at all."""
    mistakes = [
        one for one in choose_half(draw_conditionals(seed, kinds=kinds), int(half)) if family in ("", one.family)
    ]
    found = list[Named]()
    for named in judge_mistakes(mistakes, seconds):
        found.append(named)
        if everything or named.outcome == WRONG:
            one = named.mistake
            click.echo(f"{named.outcome}: {one.family}, {one.condition}; {one.mutant}\n    {named.sentence}")
    print_scores([named.outcome for named in found], (RIGHT, PERHAPS, WRONG, REST))
    click.echo(f"seconds of the processor: {max((n.seconds for n in found), default=0):.1f} at most")


if __name__ == "__main__":
    main()
