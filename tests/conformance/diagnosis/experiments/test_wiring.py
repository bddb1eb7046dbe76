"""What a layer or a direction takes from another one, and where gradients go, is named."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from backends.numpy.backend import BACKEND as NUMPY
from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.diagnosis.experiments.wiring import find_wiring
from conformance.problems.form import BOTH, Form
from conformance.targets.border import guard_backend
from lstm_spec import Answer, Backend, Problem, State
from tools.mutants.making import build_backend, find_textbook

NETWORK = Form(2, BOTH)


def examine(backend: Backend, backward: bool = False) -> str:
    """What the search for wrong wiring says; empty if nothing."""
    laboratory = Laboratory(guard_backend(backend), "float32", NETWORK, seconds=60)
    found = find_wiring(laboratory.turn_backward() if backward else laboratory)
    assert found is None or found.is_certain
    return found.sentence if found else ""


# ---------------------------------------------------------------- a right backend that is asked something else


def _take_rows(names: str, find: Callable[[int, int, int], int]) -> Callable[[Problem], Problem]:
    def change(problem: Problem) -> Problem:
        D, places = len(problem.directions), np.ndindex(len(problem.parameters), len(problem.directions))
        rows = [find(layer, d, D) % len(problem.state.h) for layer, d in places]
        taken = {k: getattr(problem.state, k)[rows] for k in names}
        return replace(problem, state=problem.state._replace(**taken))

    return change


STATES = {
    "that of layer 0, in each direction": lambda layer, d, D: d,
    "that of the first direction": lambda layer, d, D: layer * D,
    "that of the other direction": lambda layer, d, D: layer * D + D - 1 - d,
    "that of row layer + direction": lambda layer, d, D: layer + d,
    "that of row layer · directions − direction": lambda layer, d, D: layer * D - d,
    "that of layer 2 reverse in layer 1": lambda layer, d, D: 5 if layer == 1 else layer * D + d,
}


@pytest.mark.parametrize("names", ["h", "c", "hc"])
@pytest.mark.parametrize("words", STATES)
def test_the_row_of_an_initial_state_is_named(words: str, names: str) -> None:
    change = _take_rows(names, STATES[words])
    said = examine(replace(NUMPY, forward=lambda problem: NUMPY.forward(change(problem)), gradients=None))
    states = {"h": "the initial hidden state", "c": "the initial cell state"}
    assert said == f"{' and '.join(states[k] for k in names)} {'are' if len(names) > 1 else 'is'} {words}"


def test_parameters_of_the_other_direction_are_named() -> None:
    def change(problem: Problem) -> Problem:
        return replace(problem, parameters=tuple(row[::-1] for row in problem.parameters))

    said = examine(replace(NUMPY, forward=lambda problem: NUMPY.forward(change(problem)), gradients=None))
    assert said == "the parameters are those of the other direction"


def test_final_states_of_the_other_direction_are_named() -> None:
    def swap(problem: Problem) -> Answer:
        answer, D = NUMPY.forward(problem), len(problem.directions)
        rows = [layer * D + D - 1 - d for layer, d in np.ndindex(len(problem.parameters), D)]
        return replace(answer, state=State(*(a[rows] for a in answer.state)))

    said = examine(replace(NUMPY, forward=swap, gradients=None))
    assert said == "the final hidden state and the final cell state are that of the other direction"


# ---------------------------------------------------------------- a text that is changed

STACKED = find_textbook("stacked")
EDITS = {
    "x = np.concatenate(ys, axis=2)": {
        "x = np.concatenate(ys[::-1], axis=2)": "layer 1 and layer 2 read the outputs of both directions exchanged",
        "x = np.concatenate([ys[0]] * D, axis=2)": "outputs of direction reverse that are those of direction forward",
        "x = np.concatenate([ys[0], *(0 * y for y in ys[1:])], axis=2)": "outputs of direction reverse that are zero",
    },
    "h = np.where(valid, o * s, h)": {
        "h = o * s": "beyond the lengths the hidden state goes on",
        "h = np.where(valid, o * s, c)": "beyond the lengths the hidden state becomes the cell state",
        "h = np.where(valid, o * s, 0)": "beyond the lengths the hidden state becomes zero",
    },
    "c = np.where(valid, new, c)": {"c = new": "beyond the lengths the cell state goes on"},
    "y[t] = np.where(valid, o * s, 0)": {
        "y[t] = o * s": "the output y has outputs that are not zero beyond the lengths"
    },
    "read(x, lengths, h[k], c[k]": {
        "read(x, lengths, hs[-1] if hs else h[k], c[k]": "the final hidden state of layer 0",
    },
}
GRADIENTS = {
    "dh = np.where(valid, dz @ U, dh)": {"dh = np.where(valid, dz @ U, dc)": "where the length is below T"},
    "dx += found[0]": {
        "dx = found[0]": "the gradient of x is only what direction reverse sends back",
        "dx -= found[0]": "the gradient of x has the wrong sign",
    },
    "unread(x, steps[d], W, U, reverses[d], dy_d, dh[k]": {
        "unread(x, steps[0], W, U, reverses[d], dy_d, dh[k]": "the activations of which the gradients are made are "
        "those of the first direction",
        "unread(x, steps[d], W, U, reverses[0], dy_d, dh[k]": "the gradients of direction reverse go through the steps "
        "in the wrong direction",
        "unread(x, steps[d], W, U, reverses[d], dy_d, dh[d]": "what comes from h_T is that of layer 0",
        "unread(x, steps[d], W, U, reverses[d], dy_d, 0 * dh[k]": "what comes from h_T is zero",
    },
    "W, U, b = layers[layer][d]": {"W, U, b = layers[layer][0]": "the parameters with which the gradients are made"},
    "dh0[k] = found[1]": {"dh0[d] = found[1]": "the gradient of h_0 is zero in layer 1 and layer 2"},
    "gradients[layer][d] = found[3:]": {
        "gradients[layer][d - 1] = found[3:]": "the gradient of W, the gradient of U and the gradient of b are "
        "those of the other direction",
    },
    "dy = dx": {"dy = dx + dy": "what comes from y into layer 0"},
    "x = np.where((np.arange(len(x))[:, None] < lengths)[..., None], x, 0)": {
        "pass": "NaN in x beyond the lengths reaches the gradient of W",
    },
}


def list_edits(table: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    """What is changed, into what, and what has to be said of it."""
    return [(old, new, words) for old, edits in table.items() for new, words in edits.items()]


@pytest.mark.parametrize(("old", "new", "words"), list_edits(EDITS))
def test_what_a_place_takes_is_named(old: str, new: str, words: str) -> None:
    assert STACKED.text.count(old) == 1
    assert words in examine(build_backend(STACKED, STACKED.text.replace(old, new)))


@pytest.mark.parametrize(("old", "new", "words"), list_edits(GRADIENTS))
def test_where_gradients_come_from_and_go_is_named(old: str, new: str, words: str) -> None:
    assert STACKED.text.count(old) == 1
    changed = build_backend(STACKED, STACKED.text.replace(old, new))
    assert examine(changed) == ""
    assert words in examine(changed, backward=True)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("right", [NUMPY, build_backend(STACKED)], ids=["numpy", "stacked"])
def test_nothing_is_said_of_a_right_network(right: Backend, backward: bool) -> None:
    assert examine(right, backward) == ""


ODD = {
    "c = np.where(valid, new, c)": "c = np.where(valid, new.astype(np.float16), c).astype(x.dtype)",
    "g = np.tanh(z[:, 2 * H : 3 * H])": "g = 2 * sigmoid(2 * z[:, 2 * H : 3 * H].astype(np.float16)) - 1",
    "dW += dz.T @ x[t]": "dW += (dz.T @ x[t]).astype(np.float16)",
}


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("old", ODD)
def test_nothing_is_said_of_a_right_network_of_odd_construction(old: str, backward: bool) -> None:
    assert STACKED.text.count(old) == 1
    assert examine(build_backend(STACKED, STACKED.text.replace(old, ODD[old])), backward) == ""
