"""The names of our tests: which target, dtype and property a test is about."""

import re
from typing import NamedTuple
from urllib.parse import quote

from conformance.run.options import Options
from conformance.run.selection import plan_verdicts
from lstm_spec import Backend
from lstm_spec.contract import DTYPES

PRINTABLE = "".join(map(chr, range(32, 127)))


class Asked(NamedTuple):
    """What a test asks."""

    target: str
    dtype: str
    name: str  # of the property

    @property
    def id(self) -> str:
        """The test's name within the brackets, in ASCII, so that pytest leaves it as it is."""
        return f"{quote_target(self.target)}-{self.dtype}-{self.name}"


def quote_target(target: str) -> str:
    """The target as it stands in the names of tests."""
    return quote(target, safe=PRINTABLE)


def list_asked(target: str, backend: Backend, options: Options) -> list[Asked]:
    """Everything that is asked of a target."""
    return [Asked(target, dtype, prop.name) for prop, dtype in plan_verdicts(backend, options)]


def parse_node(node: str, targets: tuple[str, ...]) -> Asked | None:
    """What the test of that name asks; None if it is none of ours. Other plugins may add to the name."""
    quoted = {quote_target(target): target for target in sorted(targets, key=len, reverse=True)}
    pattern = rf"::test_property\[(?:.*-)?({'|'.join(map(re.escape, quoted))})-({'|'.join(DTYPES)})-(\w+)"
    found = re.search(pattern, node)
    return Asked(quoted[found[1]], found[2], found[3]) if found else None
