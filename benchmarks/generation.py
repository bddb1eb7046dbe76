"""Prints how many examples a second the strategies make on one core: 100 examples of each property, none is run."""

import time
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

import conformance.properties  # noqa: F401  fills the registry
from conformance.problems.question import Context
from conformance.property import PROPERTIES
from lstm_spec import REFERENCE

EXAMPLES = 100


def time_strategy(strategy: Any) -> float:
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def receive(example: Any) -> None:
        pass

    started = time.perf_counter()
    receive()
    return time.perf_counter() - started


def main() -> None:
    context = Context(np.dtype("float32"), REFERENCE.description, "standard")
    spent = {prop.name: time_strategy(prop.on(context)) for prop in PROPERTIES}
    for name, each in sorted(spent.items(), key=lambda item: -item[1])[:5]:
        print(f"{EXAMPLES / each:8.0f} a second  {name}")
    total = len(PROPERTIES) * EXAMPLES / sum(spent.values())
    print(f"{total:8.0f} a second over all {len(PROPERTIES)} properties")


if __name__ == "__main__":
    main()
