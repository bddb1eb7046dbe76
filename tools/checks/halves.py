"""What is measured in two halves, one for development and one kept apart from it: the halves, and their scores."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import click

Item = TypeVar("Item")
SEED = 18


def choose_half(items: Sequence[Item], half: int) -> list[Item]:
    """Half of the items: 0 or 1; the same each time."""
    shuffled = [*items]
    random.Random(SEED).shuffle(shuffled)
    return shuffled[half::2]


def print_scores(found: Sequence[str], outcomes: Sequence[str], name: str = "") -> None:
    """How often each outcome was found, a line for each; the name of what was measured begins it."""
    counts = Counter(found)
    for outcome in outcomes:
        click.echo(
            f"{name}{outcome:36} {counts[outcome]:4} of {len(found)} ({counts[outcome] / max(1, len(found)):.1%})"
        )
