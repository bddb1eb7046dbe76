"""Which properties are asked, at which dtypes, and in which order."""

from fnmatch import fnmatchcase

from conformance.property import PROPERTIES, Property
from conformance.run.profiles import PROFILES, Profile
from lstm_spec import GRADES, Backend

SHARPEST = ("values", "gradients", "contract", "shapes", "gate_ranges", "sequences", "gradient_flow")  # tried first


def properties(clauses: tuple[str, ...] = (), name: str = "") -> list[Property]:
    """The properties that verify one of the clauses (globs) and have `name` in their name."""
    return [
        prop
        for prop in PROPERTIES
        if name in prop.name
        and (not clauses or any(fnmatchcase(clause, glob) for clause in prop.clauses for glob in clauses))
    ]


def bluntness(prop: Property, first: tuple[str, ...]) -> int:
    return first.index(prop.family) if prop.family in first else len(first)


def planned(backend: Backend, profile: str, dtypes: tuple[str, ...], clauses: tuple[str, ...], name: str) -> int:
    """How many verdicts such a run will bring."""
    chosen, at = selected(backend, PROFILES[profile], dtypes, clauses, name)
    return sum(prop.is_of(dtype) for prop in chosen for dtype in at)


def selected(
    backend: Backend, profile: Profile, dtypes: tuple[str, ...], clauses: tuple[str, ...], name: str
) -> tuple[list[Property], tuple[str, ...]]:
    """The properties and the dtypes of a run: what the backend claims of the dtypes wanted, or of the profile's."""
    claimed = tuple(d for d in backend.description.dtypes if any(at == d for _, at in GRADES))
    wanted = dtypes or profile.dtypes or claimed
    at = tuple(d for d in claimed if d in wanted)
    return properties(clauses, name), at if at or dtypes else claimed[:1]
