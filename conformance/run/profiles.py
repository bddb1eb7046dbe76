"""How thoroughly a backend is judged."""

from dataclasses import dataclass

import numpy as np

from conformance.property import Property
from lstm_spec import Feature


@dataclass(frozen=True)
class Profile:
    """How many examples a property gets, how far their sizes go, and what is left out."""

    name: str
    examples: int
    reach: str
    dtypes: tuple[str, ...] | None = None  # None: every claimed one
    long_examples: int = 0  # of properties that are slow
    beyond_core_examples: int = 1  # of properties of features that are not in the core, or of modules that compile
    exhaustive_examples: int = 10_000  # at most, of properties that try every example that their recipe has
    option_examples: int = 10_000  # at most, of what a module may offer: each is a session of a dozen questions
    narrow_share: int = 3  # with 16 bits, there is less to see: one in this number of examples; but not of NaN

    def examples_of(self, prop: Property, dtype: str, compiles: bool = False) -> int:
        """How many examples the property gets at that dtype, of a backend that compiles for each size, or does not."""
        if prop.exhaustive:
            return self.exhaustive_examples
        is_rare = prop.beyond_core or (compiles and Feature.MODULE in prop.features)  # each form is compiled
        many = self.long_examples if prop.long else self.beyond_core_examples if is_rare else self.examples
        sees_less = np.dtype(dtype).itemsize == 2 and prop.family != "numbers"
        many = max(1, many // self.narrow_share) if sees_less else many
        is_option = {*prop.features} > {Feature.MODULE}
        return min(many, self.option_examples) if is_option else many


PROFILES = {
    "quick": Profile("quick", 12, "quick", ("float32",), 4, 4, option_examples=5),
    "standard": Profile("standard", 40, "standard", None, 8, 10),
    "full": Profile("full", 400, "full", None, 40, 100),
    "soak": Profile("soak", 120, "soak", None, 100, 60),
}
