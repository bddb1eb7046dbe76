"""Whether what a backend says about itself has a meaning; a refusal names the value, the expectation and the remedy."""

from collections.abc import Collection, Mapping
from typing import Any

from lstm_spec.accuracy import GRADES, ErrorModel, error_model
from lstm_spec.contract import DTYPES, Backend, Description
from lstm_spec.types import Feature


def check_backend(backend: Backend) -> None:
    """Return if the backend's description has a meaning: known dtypes, features and grades, and ranges of sizes.

    Raises ValueError or TypeError otherwise.
    """
    about = backend.description
    if not isinstance(about, Description):
        raise TypeError(f"description is a {type(about).__name__}, expected a Description; write Description(...)")
    _check_names("dtypes", about.dtypes, DTYPES)
    _check_names("features", about.features, tuple(Feature))
    for letter, sizes in vars(about.shapes).items():
        if not isinstance(sizes, range) or sizes.step < 1:
            raise TypeError(f"Shapes.{letter} is {sizes!r}, expected a range; write range(1, 9) or multiple_of(8)")
    if not isinstance(about.grades, Mapping):
        raise TypeError(
            f"Description.grades is {about.grades!r}, expected one by dtype; write {{'float32': 'absolute'}}"
        )
    for dtype, grade in about.grades.items():
        if not isinstance(grade, str | ErrorModel):
            raise TypeError(f"the grade at {dtype} is {grade!r}, expected a name or an ErrorModel; e.g. 'relative'")
        if any(at == dtype for _, at in GRADES):
            error_model(grade, dtype)


def _check_names(what: str, names: Any, known: tuple[str, ...]) -> None:
    if isinstance(names, str) or not isinstance(names, Collection):
        raise TypeError(
            f"Description.{what} is {names!r}, expected several names; put them into a tuple or a frozenset"
        )
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise ValueError(f"Description.{what} has {name!r}, expected some of: {', '.join(known)}; correct the name")
