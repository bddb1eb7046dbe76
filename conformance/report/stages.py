"""What depends on what: the stages in which an LSTM can fail."""

from typing import NamedTuple

from conformance.outcome import Outcome
from conformance.verdict import Verdict, find_broken_clauses
from lstm_spec import Feature


class Stage(NamedTuple):
    """Clauses that depend on the same, and what else is refuted if they are broken."""

    name: str
    clauses: tuple[str, ...]  # ids, or the families of ids
    shows_in: tuple[str, ...]  # later stages


NETWORKS = ("variants", "lengths", "directions", "layers", "network-gradients")
STEPS = ("one-step", "many-steps")
BACKWARD = ("gradients", "flow")
STAGES = (  # first what the others depend on
    Stage("shape", ("SHAPE-1", "SHAPE-4"), ("dtype", *STEPS, *BACKWARD, "empty", "numbers", *NETWORKS)),
    Stage("dtype", ("SHAPE-2",), (*STEPS, *BACKWARD, "empty", "numbers", *NETWORKS)),
    Stage(
        "memory",
        ("CONTRACT-1", "CONTRACT-2"),
        ("strides", *STEPS, "memory-of-gradients", *BACKWARD, *NETWORKS),
    ),
    Stage("strides", ("CONTRACT-4",), (*STEPS, "memory-of-gradients", *BACKWARD)),
    Stage("one-step", ("ACT", "CELL", "ACC"), ("many-steps", *BACKWARD, "numbers", *NETWORKS)),
    Stage("many-steps", ("SEQ", "NET-1", "NET-2"), (*BACKWARD, "numbers", *NETWORKS)),
    Stage("shape-of-gradients", ("SHAPE-3",), ("memory-of-gradients", *BACKWARD, "empty", "network-gradients")),
    Stage("memory-of-gradients", (), (*BACKWARD, "network-gradients")),
    Stage("gradients", ("GRAD",), ("flow", "empty", "network-gradients")),
    Stage("flow", ("FLOW",), ()),
    Stage("numbers", ("NUM",), ("lengths",)),
    Stage("variants", ("VAR",), ("lengths", "directions", "layers", "network-gradients")),
    Stage("lengths", ("LEN-1", "LEN-2", "LEN-3", "LEN-4"), ("directions", "layers", "network-gradients")),
    Stage("directions", ("DIR",), ("layers", "network-gradients")),
    Stage("layers", ("NET-3", "NET-4", "NET-6", "NET-7", "NET-8"), ("network-gradients",)),
    Stage("network-gradients", ("LEN-5", "LEN-6", "NET-5"), ()),
    Stage("empty", ("SHAPE-5", "SHAPE-6"), ()),
    Stage("module", ("MOD-1", "MOD-2", "MOD-10"), ("parts-of-modules",)),
    Stage("parts-of-modules", ("MOD-3", "MOD-4", "MOD-5", "MOD-6", "MOD-7", "MOD-8", "MOD-9"), ()),
    Stage("manners", ("CONTRACT-3", "LEN-7"), ()),
)
OF_GRADIENTS = {  # the stage of a property that asks for gradients
    "memory": "memory-of-gradients",
    "strides": "memory-of-gradients",
    "one-step": "gradients",
    "many-steps": "gradients",
    **dict.fromkeys(("variants", "lengths", "directions", "layers"), "network-gradients"),
}
STAGE_NAMES = [stage.name for stage in STAGES]


def find_stage(verdict: Verdict) -> int:
    """The number of the stage that a failing verdict shows to be broken.

    It is the last one that the property needs, because other properties check the earlier ones. It is the first one
    in the family contract, which compares answers with themselves, and if there is no answer.
    """
    prop, ids = verdict.property, find_broken_clauses(verdict)
    if prop.family == "values" and ids == ("CONTRACT-2",) and not names_a_clause(verdict):
        ids = ("SEQ-1",)  # it compares with the equations
    errored = verdict.outcome is Outcome.ERRORED
    first = errored or prop.family == "contract"
    name = STAGES[(min if first else max)(_find_stage_of_clause(id) for id in ids)].name
    name = "one-step" if errored and name in ("memory", "strides") else name  # without an answer, none is kept
    name = OF_GRADIENTS.get(name, name) if Feature.GRADIENTS in prop.features else name
    return STAGE_NAMES.index("network-gradients" if prop.beyond_core and name == "gradients" else name)


def names_a_clause(verdict: Verdict) -> bool:
    """Whether the refutation says which clause is broken, which may be another than the property's."""
    return bool(verdict.refutation and verdict.refutation.clause)


def _find_stage_of_clause(id: str) -> int:
    return next(k for k, stage in enumerate(STAGES) if {id, id.split("-")[0]} & set(stage.clauses))
