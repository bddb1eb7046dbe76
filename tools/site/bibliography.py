"""The keys of the bibliography, by what the clauses say of their sources."""

from functools import cache

from pybtex.database import Entry, parse_file

from tools.site.places import DOCS

FILE = DOCS / "site" / "references.bib"
WHERE = ("doi", "eprint", "url", "title")  # the fields that a source may name


def find_keys(source: str) -> list[str]:
    """The keys of the works that the source of a clause names. Raises LookupError for a work that is not there."""
    return [_find_key(work) for work in source.split("; ")]


def _find_key(work: str) -> str:
    found = [key for key, entry in read_entries().items() if any(name in work for name in _list_names(entry))]
    if len(found) != 1:
        raise LookupError(f"the source {work!r} fits {found or 'no entry'} of {FILE.name}, expected exactly one")
    return found[0]


def _list_names(entry: Entry) -> list[str]:
    return [entry.fields[name].removeprefix("https://") for name in WHERE if name in entry.fields]


@cache
def read_entries() -> dict[str, Entry]:
    """All works, by key."""
    return dict(parse_file(FILE, bib_format="bibtex").entries)
