"""Property times backend to Verdict."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis.errors import FailedHealthCheck, Flaky, Unsatisfiable

import conformance.properties  # noqa: F401  fills the registry
from conformance.assertions.comparison import recorded_ratios
from conformance.outcome import Errored, NotClaimed, Outcome, Refuted
from conformance.problems.question import Context
from conformance.problems.sizes import limit_examples
from conformance.property import Property
from conformance.run.options import Options
from conformance.run.profiles import Profile
from conformance.run.search import Trial, ignore_example, search_refutation
from conformance.targets.border import guard_backend
from conformance.targets.raised import describe_raised, find_telling_line
from conformance.tenths import count_by_tenths
from conformance.verdict import Verdict
from lstm_spec import Backend

SAMPLED = 4  # of so many comparisons, one is looked at to see how much of what is allowed it uses
Judging = Callable[[list[tuple[Property, str]], Options], Iterator[Verdict]]


def judge_property(
    prop: Property,
    backend: Backend,
    dtype: str,
    profile: Profile,
    run_seed: int = 0,
    observe: Callable[[Any], None] = ignore_example,
    shrink: bool = True,
) -> Verdict:
    """Try to refute one property of one backend at one dtype.

    `observe` is called with each example before it is tried. If `shrink`, a smaller example is looked for.
    """
    started = time.perf_counter()
    missing = [feature for feature in prop.features if not backend.offers(feature)]
    if missing:
        return Verdict(prop, dtype, Outcome.NOT_CLAIMED, f"it does not claim {', '.join(missing)}")
    if prop.at and dtype not in prop.at:
        return Verdict(prop, dtype, Outcome.NOT_CLAIMED, f"it is asked at {', '.join(prop.at)} alone")
    trial = Trial(prop, guard_backend(backend), observe)
    context = Context(np.dtype(dtype), backend.description, profile.reach)
    examples = profile.examples_of(prop, dtype, backend.description.compiles)
    with recorded_ratios(SAMPLED) as ratios:
        outcome, detail, raised = _try_to_refute(trial, context, examples, run_seed, shrink)
    if outcome is Outcome.HOLDS and trial.inconclusive == trial.examples:
        outcome, detail = Outcome.INCONCLUSIVE, "every example lies outside the domain of the bound"
    counts = (trial.examples, trial.inconclusive, time.perf_counter() - started)
    for error in (raised, getattr(raised, "smallest", None)):
        if error:  # its frames hold all that was asked while the example was made smaller
            error.__traceback__ = error.__context__ = None
    refutation = raised if isinstance(raised, Refuted) else None
    error = raised if isinstance(raised, Errored) else None
    compiled = frozenset(trial.sizes) if backend.description.compiles else None
    used = {quantity: count_by_tenths(found) for quantity, found in ratios.items()}
    return Verdict(prop, dtype, outcome, detail, *counts, refutation, error, trial.extents, compiled, used)


def judge_pair(
    pair: tuple[Property, str],
    backend: Backend,
    options: Options,
    observe: Callable[[Any], None] = ignore_example,
) -> Verdict:
    """Try to refute a property of a backend at a dtype, at the grade that the options name.

    A mistake of ours is a verdict.
    """
    prop, dtype = pair
    try:
        profile, graded = options.make_profile(), options.apply_to(backend)
        return judge_property(prop, graded, dtype, profile, options.run_seed, observe, options.shrink)
    except Exception as error:
        return describe_mishap(pair, error)


def describe_mishap(pair: tuple[Property, str], error: Exception) -> Verdict:
    """The verdict when a mistake of ours keeps a property from being judged."""
    return Verdict(*pair, Outcome.SUITE_ERROR, describe_raised(error))


def _try_to_refute(
    trial: Trial, context: Context, examples: int, run_seed: int, shrink: bool
) -> tuple[Outcome, str, Refuted | Errored | None]:
    """What came out, why, and the exception that holds the example."""
    try:
        examples = limit_examples(examples, context.description.shapes)
        search_refutation(trial, trial.prop.on(context), examples, run_seed, shrink)
    except NotClaimed as error:
        return Outcome.NOT_CLAIMED, str(error), None
    except Refuted as error:
        return Outcome.REFUTED, error.reason, error
    except Errored as error:
        return Outcome.ERRORED, str(error), error
    except Flaky:
        refutation = trial.last or Refuted("it failed once and not again")
        refutation.clause = "CONTRACT-2"
        return Outcome.REFUTED, f"the same question did not fail again: {refutation.reason}", refutation
    except (Unsatisfiable, FailedHealthCheck) as error:
        return Outcome.SUITE_ERROR, f"no examples could be made: {find_telling_line(error)}", None
    except Exception as error:
        return Outcome.SUITE_ERROR, describe_raised(error), None
    return Outcome.HOLDS, "", None
