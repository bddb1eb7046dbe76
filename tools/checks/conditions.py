"""How often the condition of a mistake is named: mistakes under drawn conditions, in two halves that a seed chooses.

The first half is for development; the second one is kept apart from it.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from conformance.diagnosis.experiments.diagnose import inquire
from conformance.targets.border import guard_backend
from tools.checks.halves import SEED, choose_half, print_scores
from tools.checks.lines import ABOUT_LINES, LINES, keep_lines
from tools.mutants.conditional.drawing import KINDS, draw_conditionals
from tools.mutants.conditional.effects import Conditional

RIGHT, PERHAPS, WRONG, REST = "named right", "named right, not certain", "named wrong, certain", "honest rest"
OUTCOMES = (RIGHT, PERHAPS, REST, WRONG)
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


def judge_mistakes(mistakes: list[Conditional], seconds: float | None = None) -> Iterator[Named]:
    """What is said of each; time is that of the processor, so that other work on the machine changes nothing."""
    for mistake in mistakes:
        began = time.process_time()
        sentence = inquire(guard_backend(mistake.build()), "float32", seconds=seconds, clock=time.process_time).sentence
        yield Named(mistake, sentence, time.process_time() - began)


def judge_half(half: int, seed: int, kinds: str, seconds: float | None, lines: Path | None) -> Iterator[Named]:
    """What is said of each mistake of a half; the lines of a file are kept, and what it lacks is added to it."""
    mistakes = {name_mistake(one): one for one in choose_half(draw_conditionals(seed, kinds=kinds), half)}

    def ask_one(name: str) -> dict[str, Any]:
        (found,) = judge_mistakes([mistakes[name]], seconds)
        return {"sentence": found.sentence, "seconds": found.seconds, "outcome": found.outcome}

    for name, entry in keep_lines(lines, f"{kinds} kinds, half {half}, seed {seed}", mistakes, ask_one):
        yield Named(mistakes[name], entry["sentence"], entry["seconds"])


def name_mistake(mistake: Conditional) -> str:
    """Its family, the condition, and what is wrong under it."""
    return f"{mistake.family}, {mistake.condition}; {mistake.mutant}"


@click.command()
@click.option("--half", type=click.Choice(["0", "1"]), default="0", show_default=True, help="Which half.")
@click.option("--seed", default=SEED, show_default=True, help="Of what is drawn.")
@click.option("--kinds", type=click.Choice(list(KINDS)), default="first", show_default=True, help="Which are drawn.")
@click.option("--seconds", type=float, help="Of the processor, for each.")
@click.option("--all", "everything", is_flag=True, help="Also print what is said of each.")
@click.option("--lines", type=LINES, help=ABOUT_LINES)
def main(half: str, seed: int, kinds: str, seconds: float | None, everything: bool, lines: Path | None) -> None:
    """Print how many conditions of a half are named right, wrong or not at all."""
    found = list(judge_half(int(half), seed, kinds, seconds, lines))
    for named in found:
        if everything or named.outcome == WRONG:
            click.echo(f"{named.outcome}: {name_mistake(named.mistake)}\n    {named.sentence}")
    print_scores([named.outcome for named in found], OUTCOMES)
    click.echo(f"seconds of the processor: {max((n.seconds for n in found), default=0):.1f} at most")


if __name__ == "__main__":
    main()
