"""Which properties are asked, at which dtypes, and in which order."""

import re
from fnmatch import fnmatchcase

from conformance.property import PROPERTIES, Property
from conformance.run.options import Options
from conformance.run.profiles import PROFILES
from conformance.targets.locate import suggest_name
from lstm_spec import GRADES, Backend


def select_properties(clauses: tuple[str, ...] = (), name: str = "") -> list[Property]:
    """The properties that verify one of the clauses (globs) and have `name` in their name, or in their sentence."""
    words = _join_words(name)
    return [
        prop
        for prop in PROPERTIES
        if words in prop.name
        and (not clauses or any(fnmatchcase(clause, glob) for clause in prop.clauses for glob in clauses))
    ]


def _join_words(text: str) -> str:
    """A part of a sentence as it stands in the name of a property."""
    return re.sub(r"\s+", "_", text.strip().lower())


def explain_no_match(name: str) -> str:
    """Why no property has that in its name, with those that are most like it; empty if one has."""
    if select_properties(name=name):
        return ""
    words, names = _join_words(name), [prop.name for prop in PROPERTIES]
    shared = {known: len({*words.split("_")} & {*known.split("_")}) for known in names}
    close = [known for known in names if shared[known] == max(shared.values()) > 1]
    hint = suggest_name(words, close or names)
    return f"no property has {name!r} in its name{hint}; see lstm-conform list properties"


def select_dtypes(backend: Backend, options: Options) -> tuple[str, ...]:
    """The dtypes that the backend claims and the options, or else the profile, ask for.

    If it claims none of those of the profile, it is judged at the first one that it claims. None if a grade is asked
    for that none of them has.
    """
    claimed = tuple(d for d in backend.description.dtypes if any(at == d for _, at in GRADES))
    wanted = options.dtypes or PROFILES[options.profile].dtypes or claimed
    selected = tuple(d for d in claimed if d in wanted)
    selected = selected if selected or options.dtypes else claimed[:1]
    return selected if not options.grade or {*selected} & {*options.graded_dtypes} else ()


def plan_verdicts(backend: Backend, options: Options) -> list[tuple[Property, str]]:
    """The properties and dtypes of a run in the order in which they are judged."""
    properties = select_properties(options.clauses, options.name)
    properties.sort(key=lambda prop: rank_property(prop, options.first))
    dtypes = select_dtypes(backend, options)
    return [(prop, dtype) for dtype in dtypes for prop in properties if not prop.at or dtype in prop.at]


def rank_property(prop: Property, first: tuple[str, ...]) -> int:
    """The place of the property among these families and clauses; those that are not named come last."""
    named = {prop.family, *prop.clauses}
    return next((k for k, what in enumerate(first) if what in named), len(first))
