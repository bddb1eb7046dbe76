"""Prints how many examples a second are made on one core: 100 examples of each property, or its rows; none is run."""

import time
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

import conformance.properties  # noqa: F401  fills the registry
from conformance.problems.question import Context, Rows
from conformance.property import PROPERTIES
from lstm_spec import REFERENCE

EXAMPLES = 100


def time_examples(examples: Any) -> tuple[int, float]:
    """How many were made, and in how many seconds."""
    started = time.perf_counter()
    if isinstance(examples, Rows):
        rows = min(examples.many, EXAMPLES)
        for k in range(rows):
            examples.build(k)
        return rows, time.perf_counter() - started

    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(examples)
    def receive(example: Any) -> None:
        pass

    receive()
    return EXAMPLES, time.perf_counter() - started


def main() -> None:
    context = Context(np.dtype("float32"), REFERENCE.description, "standard")
    made = {prop.name: time_examples(prop.on(context)) for prop in PROPERTIES}
    rates = {name: many / seconds for name, (many, seconds) in made.items()}
    for name, rate in sorted(rates.items(), key=lambda item: item[1])[:5]:
        print(f"{rate:8.0f} a second  {name}")
    many, seconds = map(sum, zip(*made.values(), strict=True))
    print(f"{many / seconds:8.0f} a second over all {len(PROPERTIES)} properties")


if __name__ == "__main__":
    main()
