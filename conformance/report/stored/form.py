"""Whether data has the form of a JSON Schema: of the part of that language in which ours is written."""

from collections.abc import Iterator
from typing import Any

from conformance.text import quote_value

Form = dict[str, Any]
TYPES = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def find_misfit(value: Any, form: Form, defs: Form, place: str = "") -> str:
    """The first thing that does not have the form, as a clause; empty if everything has."""
    form = defs[form["$ref"].rpartition("/")[2]] if "$ref" in form else form
    if "anyOf" in form:
        found = [find_misfit(value, one, defs, place) for one in form["anyOf"]]
        return "" if "" in found else found[-1]
    if not _is_allowed(value, form):
        return f"{place or 'the whole'} is {quote_value(value)}, expected {_describe_form(form)}"
    if isinstance(value, dict):
        return next(_list_misfits_of_fields(value, form, defs, place), "")
    parts = enumerate(value) if isinstance(value, list) else ()
    return next(filter(None, (find_misfit(one, form["items"], defs, f"{place}[{k}]") for k, one in parts)), "")


def _is_allowed(value: Any, form: Form) -> bool:
    """Whether the value by itself is right, whatever is in it."""
    kinds = [form["type"]] if isinstance(form.get("type"), str) else form.get("type", ())
    if kinds and type(value) not in {kind for name in kinds for kind in TYPES[name]}:
        return False
    known = [form["const"]] if "const" in form else form.get("enum")
    if known is not None and not any(value == one and type(value) is type(one) for one in known):
        return False
    if isinstance(value, list):
        return bool(form.get("minItems", 0) <= len(value) <= form.get("maxItems", len(value)))
    return "minimum" not in form or bool(value >= form["minimum"])


def _list_misfits_of_fields(value: dict[str, Any], form: Form, defs: Form, place: str) -> Iterator[str]:
    known, others = form.get("properties", {}), form["additionalProperties"]
    for name in form.get("required", ()):
        if name not in value:
            yield f"{place or 'the whole'} lacks {name!r}"
    for name, part in value.items():
        inner = known.get(name, others)
        if inner is False:
            yield f"{place or 'the whole'} has {quote_value(name)}, which nothing describes"
        elif misfit := find_misfit(part, inner, defs, f"{place}.{name[:80]}" if place else name[:80]):
            yield misfit


def _describe_form(form: Form) -> str:
    """What the form asks of a value by itself, in words."""
    known = [form["const"]] if "const" in form else form.get("enum")
    if known:
        return " or ".join(map(repr, known))
    kinds = form["type"] if isinstance(form["type"], list) else [form["type"]]
    limits = [f"{name} {form[name]}" for name in ("minimum", "minItems", "maxItems") if name in form]
    return " ".join([" or ".join(kinds), *([f"({', '.join(limits)})"] if limits else [])])
