"""What a clause demands and what is behind it; what can be used on this machine."""

import importlib.metadata as metadata
import os
import platform
from pathlib import Path

import lstm_spec
from conformance.faults.fault import Fault
from conformance.property import PROPERTIES, Property
from conformance.targets.locate import suggest_name
from conformance.targets.resolve import TargetError, list_installed, resolve
from lstm_spec import CLAUSES, GRADES, Clause
from lstm_spec.clauses import Level

PAGES = (
    "equations.py",
    "gradients.py",
    "network.py",
    "variants/cells.py",
    "variants/configured.py",
    "variants/kinds.py",
    "contrast.py",
    "accuracy.py",
    "modules/reference.py",
)

MOST_CLAUSES = 8  # that are suggested
UNVERIFIED = {  # why no property verifies a clause of this level
    Level.MAY: "nothing: what is allowed need not be tried",
    Level.NOTE: "nothing: no implementation is asked for it; tests/lstm_spec/test_contrast.py shows it",
}


def find_code_lines(clause: str) -> list[tuple[str, int, str]]:
    """File, line number and text of every line of the specification that carries the clause's id."""
    found = []
    for page in PAGES:
        text = (Path(lstm_spec.__file__).parent / page).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            code, mark, comment = line.partition("#")
            if mark and clause in comment.replace(",", " ").split():
                found.append((page, number, code.strip()))
    return found


def explain_name(name: str) -> str:
    """What there is to say of a clause, a property or a fault, as text; empty if it is none of them."""
    import conformance.properties  # noqa: F401  fills the registry
    from conformance.faults.catalogue import FAULTS

    if name.upper() in CLAUSES:
        return explain_clause(name.upper())
    written = name.strip().replace(" ", "_")
    found = [explain_property(prop) for prop in PROPERTIES if prop.name == written]
    fault = FAULTS.get(name.removeprefix("fault:"))
    return next(iter(found + ([explain_fault(fault)] if fault else [])), "")


def suggest_meaning(name: str) -> str:
    """The clauses that have these words, or the name that is most like it, as part of a sentence; empty without any."""
    from conformance.faults.catalogue import FAULTS

    words = " ".join(name.lower().split())
    ids = [id for id, clause in CLAUSES.items() if words and words in clause.sentence.lower()]
    if ids:
        return f"; {', '.join(ids[:MOST_CLAUSES])}{', …' if len(ids) > MOST_CLAUSES else ''} speak of it"
    names = [*(prop.name for prop in PROPERTIES), *FAULTS]
    return suggest_name(name.upper(), [*CLAUSES]) or suggest_name(words.replace(" ", "_"), names)


def explain_property(prop: Property) -> str:
    """The claim, its clauses, what it needs and where its code stands, as text."""
    lines = [f"{prop.name} ({prop.level}) {prop.sentence}"]
    lines += [f"  {line.strip()}" for line in (prop.refute.__doc__ or "").strip().splitlines() if line.strip()]
    lines += [f"  {prop.refute.__module__.replace('.', '/')}.py"]
    lines += [f"  needs {', '.join(map(str, prop.features))}"] if prop.features else []
    return "\n".join([*lines, "verifies", *(f"  {id}  {CLAUSES[id].sentence}" for id in prop.clauses)])


def explain_fault(fault: Fault) -> str:
    """What a known fault does, what it breaks, where it was seen, and how to see it refuted, as text."""
    lines = [f"fault:{fault.name} ({fault.family}) {fault.sentence}"]
    lines += [f"  seen in: {fault.source}"] if fault.source else []
    lines += ["breaks", f"  {fault.clause}  {CLAUSES[fault.clause].sentence}"]
    return "\n".join([*lines, "shown by", f"  lstm-conform run fault:{fault.name}"])


def explain_clause(id: str) -> str:
    """The clause, its code, its properties and the known faults that break it, as text."""
    import conformance.properties  # noqa: F401  fills the registry
    from conformance.faults.catalogue import FAULTS

    clause: Clause = CLAUSES[id]
    lines = [f"{id} ({clause.level}) {clause.sentence}"]
    lines += [f"  {clause.equation}"] if clause.equation else []
    lines += [f"  source: {clause.source}"] if clause.source else []
    lines += [f"  lstm_spec/{page}:{number}  {text}" for page, number, text in find_code_lines(id)]
    verified = [f"  {p.sentence}" for p in PROPERTIES if id in p.clauses]
    lines += ["verified by", *(verified or [f"  {UNVERIFIED[clause.level]}"])]
    faults = [fault for fault in FAULTS.values() if fault.clause == id]
    lines += (["broken by"] if faults else []) + [f"  fault:{fault.name}  {fault.sentence}" for fault in faults]
    return "\n".join(lines)


PACKAGES = ["numpy", "hypothesis", "pytest", "click", "rich", "autograd", "safetensors", "ml-dtypes", "junitparser"]
PACKAGES += ["jsonschema", "jinja2"]


def describe_machine() -> list[str]:
    """Versions, the state of floating point, threads, and each backend with the reason if it cannot be used."""
    from conformance.arrays import subnormals_are_kept

    lines = [f"lstm-spec {metadata.version('lstm-spec')}, specification {lstm_spec.SPECIFICATION}"]
    lines.append(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for package in PACKAGES:
        lines.append(f"{package} {metadata.version(package)}")
    kept = subnormals_are_kept()
    lines.append(
        "subnormal numbers are kept: the oracle can be trusted" if kept else "subnormal numbers are flushed: NOT usable"
    )
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        lines.append(f"{variable}={os.environ.get(variable, '(not set; 1 makes small products faster)')}")
    lines.append("grades: " + ", ".join(f"{grade} at {dtype}" for grade, dtype in GRADES))
    for name in list_installed():
        try:
            about = resolve(name).description
            lines.append(f"backend {name}: {about.version} on {about.device}, {', '.join(sorted(about.features))}")
        except TargetError as error:
            lines.append(f"backend {name}: {error}")
    return lines
