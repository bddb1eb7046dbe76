"""Whether what a backend says about itself has a meaning; a refusal names the value, the expectation and the remedy."""

from collections.abc import Collection, Mapping
from typing import Any

from lstm_spec.accuracy import GRADES, ErrorModel, error_model
from lstm_spec.contract import DTYPES, Backend, Description, Shapes
from lstm_spec.remedies import explain_no_backend, explain_wrong_call
from lstm_spec.types import Feature

LONGEST = 200  # characters of a name, a version or a device


def check_backend(backend: Any) -> None:
    """Return if this is a Backend whose description has a meaning: known dtypes, features, grades, ranges of sizes.

    Raises ValueError or TypeError otherwise.
    """
    if not isinstance(backend, Backend):
        raise TypeError(f"the backend {explain_no_backend(backend)}")
    _check_text("name", backend.name)
    _check_functions(backend)
    about = backend.description
    if not isinstance(about, Description):
        raise TypeError(f"description is a {type(about).__name__}, expected a Description; write Description(...)")
    _check_names("dtypes", about.dtypes, DTYPES)
    _check_names("features", about.features, tuple(Feature))
    if not isinstance(about.version, str):
        raise TypeError(f"Description.version is {about.version!r}, expected a str; write str(...)")
    _check_printable("Description.version", about.version)
    _check_text("Description.device", about.device)
    _check_shapes(about.shapes)
    if not isinstance(about.compiles, bool):
        raise TypeError(f"Description.compiles is {about.compiles!r}, expected True or False; leave it out if unsure")
    if not isinstance(about.grades, Mapping):
        raise TypeError(
            f"Description.grades is {about.grades!r}, expected one by dtype; write {{'float32': 'absolute'}}"
        )
    for dtype, grade in about.grades.items():
        if not isinstance(grade, str | ErrorModel):
            raise TypeError(f"the grade at {dtype} is {grade!r}, expected a name or an ErrorModel; e.g. 'relative'")
        if any(at == dtype for _, at in GRADES):
            error_model(grade, dtype)


def _check_text(what: str, text: Any) -> None:
    if not isinstance(text, str):
        raise TypeError(f"{what} is {text!r}, expected a str; write it in quotes")
    if not text.strip():
        raise ValueError(f"{what} is {text!r}, expected some letters; reports show it, so write what people call it")
    _check_printable(what, text)


def _check_printable(what: str, text: str) -> None:
    """Reports, files and terminals show it."""
    if len(text) > LONGEST or not str.isprintable(text):
        shown = f"{text[:40]!r}…" if len(text) > 40 else repr(text)
        raise ValueError(
            f"{what} is {shown}, expected at most {LONGEST} characters that can be printed, on one line; shorten it"
        )


def _check_functions(backend: Backend) -> None:
    for name, function, given in (
        ("forward", backend.forward, ("problem",)),
        ("gradients", backend.gradients, ("problem", "cotangents")),
    ):
        if function is None and name == "gradients":
            continue
        if not callable(function):
            raise TypeError(
                f"{name} is of type {type(function).__name__}, expected a function of {' and '.join(given)}; "
                "write Backend(name, forward, gradients)"
            )
        if wrong := explain_wrong_call(function, given):
            raise TypeError(f"{name} {wrong}; if its arrays are packed, wrap it with from_packed")


def _check_shapes(shapes: Any) -> None:
    if not isinstance(shapes, Shapes):
        raise TypeError(f"Description.shapes is {shapes!r}, expected Shapes; write Shapes(H=multiple_of(8))")
    for letter, sizes in vars(shapes).items():
        if not isinstance(sizes, range) or sizes.step < 1:
            raise TypeError(f"Shapes.{letter} is {sizes!r}, expected a range; write range(1, 9) or multiple_of(8)")
        if not sizes or sizes[-1] < 1:
            raise ValueError(
                f"Shapes.{letter} is {sizes!r}, expected at least one size of 1 or more; at_most(8) is 0 to 8"
            )


def _check_names(what: str, names: Any, known: tuple[str, ...]) -> None:
    if isinstance(names, str) or not isinstance(names, Collection):
        raise TypeError(
            f"Description.{what} is {names!r}, expected several names; put them into a tuple or a frozenset"
        )
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise ValueError(f"Description.{what} has {name!r}, expected some of: {', '.join(known)}; correct the name")
