"""Runtimes that are asked with the weights of a file, by a short name: the LSTM of a library."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from conformance.models.asked import Asked, ModelError, shorten_name
from conformance.models.drawing import draw_affordable_units, draw_x
from conformance.models.weights import Stored, list_arrays
from conformance.problems.form import form_of
from lstm_spec import Answer, Backend, BackendUnavailable, Feature, Network, Problem, State, checked, make_backend
from lstm_spec.frameworks import ADAPTERS, adapt, require_library
from lstm_spec.types import Array

ASKED = ("x", "h", "c", "lengths")  # names of inputs for a file of weights
RUNTIMES = {
    "torch": "torch",
    "onnxruntime": "onnx",
    "keras": "keras",
    "mlx": "mlx",
    "flax": "flax",
    "equinox": "equinox",
}

# What it does for files of its own, and claims for no others: Keras has one activation for candidate and cell state.
ASKED_BEYOND: dict[str, frozenset[Feature]] = {"keras": frozenset({Feature.ACTIVATIONS})}


def choose_runtime(wanted: str, networks: Iterable[Network] = ()) -> str:
    """The wanted runtime, or else the first that is installed; one that claims what the networks need comes first.

    Raises ModelError if none is installed.
    """
    named = [name for name in dict.fromkeys((wanted, *RUNTIMES)) if name in RUNTIMES]
    there = [name for name in named if find_spec(ADAPTERS[RUNTIMES[name]].library.partition(".")[0])]
    needed = {need for network in networks for need in _list_needs(network)}
    if there:
        return next((name for name in there if needed <= _list_claims(make_runtime(name))), there[0])
    raise ModelError(
        f'none of {", ".join(RUNTIMES)} is installed, one of which has to be asked; pip install "lstm-spec[onnx]", or'
        " ask another: --runtime numpy"
    )


def _list_claims(backend: Backend) -> set[str]:
    """Features and dtypes."""
    return {*backend.description.features, *backend.description.dtypes}


def _list_needs(network: Network) -> set[str]:
    """What a runtime has to claim for a question to the network; stacks are asked layer by layer.

    Of dtypes only float64: what computes in a narrower one is refuted, and numbers of 16 bits may be computed in any.
    """
    W = network.parameters[0][0].g.W
    features = form_of(network.ask(np.zeros((1, 1, W.shape[1]), W.dtype))).features - {Feature.LAYERS}
    return {*features, W.dtype.name} & {*Feature, "float64"}


def make_runtime(name: str) -> Backend:
    """The LSTM of a library as a Backend. Raises ModelError if it is not installed."""
    prefix = RUNTIMES[name]
    try:
        require_library(prefix)
        if name == "torch":
            return make_backend(adapt(prefix, import_module("torch").nn.LSTM, name, None))
        function = getattr(import_module(f"lstm_spec.adapters.{ADAPTERS[prefix].module}"), ADAPTERS[prefix].name)
        implementation = function(name=name)
        about, more = implementation.description, ASKED_BEYOND.get(name, frozenset())
        return make_backend(replace(implementation, description=replace(about, features=about.features | more)))
    except BackendUnavailable as error:
        raise ModelError(str(error)) from error


def ask_weights(stored: Stored, inputs: Mapping[str, Array], runtime: str | Backend) -> list[Asked]:
    """Each network of a file, asked in a runtime with the inputs, or with drawn ones and unit vectors.

    Raises ModelError.
    """
    arrays, found = list_arrays(stored), []
    for prefix, network in stored.networks.items():
        problem = _make_problem(network, inputs, arrays)
        name = f"{prefix.rstrip('./_') or 'the LSTM'}: {repr(network).strip('<>').removeprefix('Network ')}"
        asked = ask_network(name, network, problem, runtime, arrays)
        found.append(asked if inputs else asked._replace(units=_ask_units(name, problem, runtime)))
    return found


def _ask_units(name: str, problem: Problem, runtime: str | Backend) -> tuple[Asked, ...]:
    """Each layer by itself, asked with unit vectors, unless they are too many."""
    backend = make_runtime(runtime) if isinstance(runtime, str) else runtime
    return tuple(_ask_backend(name, one, backend) for one in draw_affordable_units(problem))


def ask_network(
    name: str, network: Network, problem: Problem, runtime: str | Backend, arrays: Mapping[str, Array]
) -> Asked:
    """One network, asked in a runtime; in torch's own, the tensors of the file as they are. Raises ModelError."""
    backend = make_runtime(runtime) if isinstance(runtime, str) else runtime
    mine = {name.rpartition(".")[2]: arrays[name] for name in network.names if name in arrays}
    if runtime != "torch" or network.layout != "pytorch" or problem.lengths is not None or not mine:
        return _ask_backend(name, problem, backend)
    run_stored = import_module("lstm_spec.adapters.torch.stored").run_stored

    def ask(part: Problem) -> Answer:
        layers = range(len(part.parameters))
        tensors = {n: a for n, a in mine.items() if int(n.partition("_l")[2].partition("_")[0] or 0) in layers}
        y, h, c = run_stored(tensors, part.x, part.state)
        return Answer(y, State(h, c))

    try:
        answer = ask(problem)
        inner = ask_below(problem, answer, ask)
    except Exception as error:
        raise ModelError(f"torch does not answer ({type(error).__name__}: {str(error)[:200]})") from error
    return Asked(name, _name_runtime(backend), problem, (answer.y, *answer.state), network.bias_sizes, inner)


def _ask_backend(name: str, problem: Problem, backend: Backend) -> Asked:
    """What a backend answers; layer by layer if it has no stacks. Raises ModelError if it fails, or lacks a feature."""
    is_stack = len(problem.parameters) > 1 and not backend.offers(Feature.LAYERS)
    needs = {*form_of(problem).features, problem.dtype.name} - {Feature.LAYERS}
    missing = sorted(needs - _list_claims(backend))
    needed = f"{', '.join(missing)}, which {shorten_name(name)} needs"
    other = "torch" if problem.dtype.name in missing else "onnxruntime"
    lacks = ModelError(f"{backend.name} does not claim {needed}; ask another, e.g. {other} or numpy")
    try:
        answers = [*_ask_layers(problem, backend)] if is_stack else [backend.forward(problem)]
        inner = tuple(answer.y for answer in answers[:-1]) or ask_below(problem, answers[0], backend.forward)
    except Exception as error:
        if missing:
            raise lacks from error
        raise ModelError(f"{backend.name} does not answer ({type(error).__name__}: {str(error)[:200]})") from error
    if missing and answers[-1].y.shape[2:] != (len(problem.directions) * problem.P,):
        raise lacks  # it read one direction, e.g.
    if problem.dtype.name in missing and answers[-1].y.dtype == problem.dtype == np.float64:
        raise lacks  # it computed in a narrower one
    h, c = (np.concatenate([answer.state[k] for answer in answers]) for k in (0, 1))
    return Asked(name, _name_runtime(backend), problem, (answers[-1].y, h, c), inner=inner)


def _ask_layers(problem: Problem, backend: Backend) -> Iterator[Answer]:
    x, D = problem.x, len(problem.directions)
    for k, row in enumerate(problem.parameters):
        state = State(*(a[k * D : (k + 1) * D] for a in problem.state))
        yield (answer := backend.forward(replace(problem, parameters=(row,), x=x, state=state)))
        x = answer.y


def ask_below(problem: Problem, whole: Answer, ask: Callable[[Problem], Answer]) -> tuple[Array, ...]:
    """What the layers below the last one return if they are asked without those above them.

    Nothing, unless that leaves their states as they are in the whole, to the last bit: they then did the same.
    """
    D, found = len(problem.directions), list[Array]()
    for k in range(1, len(problem.parameters)):
        state = State(*(a[: k * D] for a in problem.state))
        answer = ask(replace(problem, parameters=problem.parameters[:k], state=state))
        if not all(np.array_equal(a, b[: k * D]) for a, b in zip(answer.state, whole.state, strict=True)):
            return ()
        found.append(answer.y)
    return tuple(found)


def _name_runtime(backend: Backend) -> str:
    return f"{backend.name} {backend.description.version.removeprefix(f'{backend.name} ')}".strip()


def _make_problem(network: Network, inputs: Mapping[str, Array], arrays: Mapping[str, Array]) -> Problem:
    """The question of these inputs, or of drawn ones. Raises ModelError if it is none."""
    if extra := [name for name in inputs if name not in ("", *ASKED)]:
        raise ModelError(f"--inputs has {extra[0]!r}, expected {', '.join(ASKED)}; rename it, or leave it out")
    p = network.parameters[0][0]
    dtype, I = p.g.W.dtype, p.g.W.shape[1]
    x = inputs.get("", inputs.get("x"))
    x = draw_x(arrays, I, dtype) if x is None else np.asarray(x, dtype)
    x = x[:, None] if x.ndim == 2 else x
    if x.ndim != 3 or x.shape[2] != I:
        raise ModelError(f"x has shape {x.shape}, expected (T, B, {I}) or (T, {I}); steps come first, then samples")
    problem = network.ask(x)
    if "h" in inputs or "c" in inputs:
        h, c = (np.asarray(inputs.get(k, a), dtype) for k, a in zip("hc", problem.state, strict=True))
        problem = replace(problem, state=State(h, c))
    lengths = inputs.get("lengths")
    try:
        ends = None if lengths is None else lengths.astype(np.int64, casting="same_kind")
        return checked(replace(problem, lengths=ends))
    except (TypeError, ValueError) as error:
        raise ModelError(str(error)) from error


def ask_problems(asked: list[Asked], runtime: str | Backend) -> list[Asked]:
    """The same questions, asked in another runtime. Raises ModelError."""
    backend = make_runtime(runtime) if isinstance(runtime, str) else runtime
    found = (_ask_backend(one.name, one.problem, backend) for one in asked)
    units = (tuple(ask_problems([*one.units], backend)) for one in asked)
    return [one._replace(units=own) for one, own in zip(found, units, strict=True)]
