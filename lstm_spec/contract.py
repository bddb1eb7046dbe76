"""What an implementation offers: two functions, or modules that are built once, and what it says of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, SupportsIndex

from lstm_spec.accuracy import DEFAULT_GRADES, ErrorModel
from lstm_spec.types import (
    OF_MODULES,
    Answer,
    Array,
    Cotangents,
    Direction,
    Feature,
    Gradients,
    Parameters,
    Problem,
    State,
    Variant,
)

LARGEST = 2**20
DTYPES = ("float64", "float32", "float16", "bfloat16")  # the dtypes that a backend can claim


def multiple_of(n: int) -> range:
    """The sizes n, 2n, 3n, ... below 2^20, for a field of `Shapes`. Raises TypeError or ValueError if n is no size."""
    _check_size("multiple_of", n)
    return range(n, LARGEST, n)


def at_most(n: int) -> range:
    """The sizes 0 to n, for a field of `Shapes`. A size of 0 is asked only if the backend claims that feature, too.

    Raises TypeError or ValueError if n is no size.
    """
    _check_size("at_most", n)
    return range(0, n + 1)


def _check_size(name: str, n: Any) -> None:
    if isinstance(n, bool) or not isinstance(n, SupportsIndex):
        raise TypeError(f"{name}({n!r}) is no range of sizes, expected a whole number; e.g. {name}(64)")
    if not 1 <= int(n) <= LARGEST:
        raise ValueError(f"{name}({n!r}) is no range of sizes, expected 1 to {LARGEST:,}; e.g. {name}(64)")


@dataclass(frozen=True)
class Shapes:
    """The sizes that a kernel can do. The judge draws no problem of another size, and its verdict prints them."""

    T: range = at_most(LARGEST)
    B: range = at_most(LARGEST)
    I: range = at_most(LARGEST)
    H: range = at_most(LARGEST)


@dataclass(frozen=True)
class Description:
    """What a backend says about itself.

    `grades` has, by dtype, the name of a grade of `lstm_spec.accuracy`, or an error model of the backend. A dtype that
    it lacks has the grade "relative", or "op-by-op" with 16 bits. `compiles`: it compiles for every size that is new,
    so that the judge asks few sizes; that is measured, unless it is said.
    """

    version: str = ""
    device: str = "cpu"
    dtypes: tuple[str, ...] = ("float32", "float64")
    features: frozenset[Feature] = frozenset({Feature.DETERMINISTIC})
    shapes: Shapes = Shapes()
    grades: Mapping[str, str | ErrorModel] = field(default_factory=dict)
    compiles: bool = False

    def grade(self, dtype: str) -> str | ErrorModel:
        """The grade at which the backend is judged with this dtype, or its own error model."""
        return self.grades.get(dtype, DEFAULT_GRADES.get(dtype, "relative"))


@dataclass(frozen=True)
class Backend:
    """An implementation as functions of whole problems. Arrays in and out are NumPy's, inputs are read-only.

    There is one dtype per Problem (or two, ACC-5). `gradients` returns the Answer of the very pass it differentiated.
    `converse`, if modules can be asked, holds an `lstm_spec.modules.Session`; nobody writes it by hand.
    """

    name: str
    forward: Callable[[Problem], Answer]
    gradients: Callable[[Problem, Cotangents], tuple[Answer, Gradients]] | None = None
    description: Description = Description()
    converse: Callable[[Any], Any] | None = None

    def offers(self, feature: Feature) -> bool:
        """Whether the backend claims the feature. It also has to have the function for gradients, or for modules."""
        needed = self.gradients if feature is Feature.GRADIENTS else self.converse if feature in OF_MODULES else self
        return feature in self.description.features and needed is not None

    def differentiate(self, problem: Problem, d: Cotangents) -> tuple[Answer, Gradients]:
        """The answer and the gradients of one and the same pass, where d are the cotangents of the answer.

        Raises GradientsNotOffered if the backend has no function `gradients`, and whatever that function raises.
        """
        if self.gradients is None:
            raise GradientsNotOffered(self.name)
        return self.gradients(problem, d)


Rows = tuple[tuple[Parameters, ...], ...]  # [layer][direction]
Kept = Literal["kept"]  # in place of a state: the one that the last call of this module left
PARTS = ("W", "U", "b", "p", "R", "x", "h", "c")  # of which gradients may be wanted


class Module(Protocol):
    """An LSTM that is built once with its parameters, and asked often; arrays in and out are NumPy's (family MOD).

    x is (T, B, I), a state as in Problem; without lengths, all are full. Arrays are read-only, and are the caller's:
    a module that keeps one copies it.
    """

    def forward(self, x: Array, state: State | Kept | None = None, lengths: Array | None = None) -> Answer:
        """The answer. Without a state, which is asked only of who claims OMITS_STATE, it is zero."""
        ...

    def gradients(
        self,
        x: Array,
        cotangents: Cotangents,
        state: State | Kept | None = None,
        lengths: Array | None = None,
        wanted: tuple[str, ...] = PARTS,
    ) -> tuple[Answer, Gradients]:
        """The answer, and the gradients of the same pass. What is not wanted may be None."""
        ...

    def load(self, parameters: Rows) -> None:
        """Write these over the parameters, in place, as an optimiser does."""
        ...

    def read(self) -> Rows:
        """The parameters as they are now."""
        ...


class FullModule(Module, Protocol):
    """A module with everything that is optional. What belongs to a feature is called only if that is claimed."""

    def reset(self) -> None:
        """Forget the state that was kept (STATEFUL)."""
        ...

    def save(self) -> bytes:
        """The parameters as a file (SAVED)."""
        ...

    def restore(self, saved: bytes) -> None:
        """Read what another module of the same sizes saved (SAVED)."""
        ...

    def copy(self) -> "FullModule":
        """Another module with the same parameters and kept state, which are its own (COPIED)."""
        ...

    def tie(self, other: "FullModule") -> None:
        """From now on, have the parameters of the other module: what changes them changes both (TIED)."""
        ...

    def train(self, on: bool) -> None:
        """Switch to training, or to evaluation (TRAINING). It is built for evaluation."""
        ...


@dataclass(frozen=True)
class Implementation:
    """An implementation as modules: `build(parameters, variant, directions)`, all of one dtype, makes one.

    Parameters have a bias of None in every gate if it is left out, which is asked only of who claims OMITS_BIAS.
    Whoever claims no GRADIENTS needs no method for them. A pure Backend is the special case that is built anew for
    each question; `lstm_spec.make_backend` makes one of this.
    """

    name: str
    build: Callable[[Rows, Variant, tuple[Direction, ...]], Any]  # a Module, with what its features need
    description: Description = Description()


class BackendUnavailable(Exception):
    """This backend cannot be used here: `reason` says why, `remedy` what would help."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason}; {remedy}" if remedy else reason)
        self.reason, self.remedy = reason, remedy


class GradientsNotOffered(Exception):
    """This backend was asked for gradients, and has no function for them."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"backend {name!r} offers no gradients; give it a function, Backend(..., gradients=...), "
            "or ask for its forward pass only"
        )
