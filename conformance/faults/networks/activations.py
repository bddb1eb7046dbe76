"""Known faults: functions that are configured."""

from collections.abc import Callable
from dataclasses import replace

import autograd.numpy as anp

from conformance.faults.functions import open_as_configured
from conformance.faults.networks.registering import forward, gradient
from conformance.faults.parts import Parts, Reader, Seen
from conformance.faults.primitives import Value, replace_gradient, sigmoid, stop_gradient
from lstm_spec import Activations

Line = Callable[[Value, Activations], Value]


def configure_by(change: Callable[[Activations], Activations]) -> Callable[[Parts], Parts]:
    """Other functions than the ones that were asked for."""

    def changed(r: Reader) -> Reader:
        variant = r.problem.variant
        if variant.activations is None:
            return r
        return r._replace(problem=replace(r.problem, variant=replace(variant, activations=change(variant.activations))))

    return lambda parts: replace(
        parts,
        open_gate=lambda r, gate, z, received: parts.open_gate(changed(r), gate, z, received),
        candidate=lambda r, z, received: parts.candidate(changed(r), z, received),
        squash=lambda r, c: parts.squash(changed(r), c),
    )


def open_line_by(line: Line) -> Callable[[Parts], Parts]:
    """Another line in place of the hard sigmoid."""

    def change(parts: Parts) -> Parts:
        def open_gate(r: Reader, gate: str, z: Value, received: Value | None) -> Value:
            a = r.activations
            return (
                parts.open_gate(r, gate, z, received)
                if a is None or a.gate == "sigmoid"
                else line(_add(z, received), a)
            )

        return replace(parts, open_gate=open_gate)

    return change


def _add(z: Value, received: Value | None) -> Value:
    """What a gate receives, with what comes through its peephole."""
    return z if received is None else z + received


def change_relu(function: Callable[[Value], Value]) -> Callable[[Parts], Parts]:
    """Another function in place of relu, for candidate and cell state."""

    def change(parts: Parts) -> Parts:
        def candidate(r: Reader, z: Value, received: Value | None) -> Value:
            is_relu = r.activations and r.activations.candidate == "relu"
            return function(z) if is_relu else parts.candidate(r, z, received)

        def squash(r: Reader, c: Value) -> Value:
            return function(c) if r.activations and r.activations.output == "relu" else parts.squash(r, c)

        return replace(parts, candidate=candidate, squash=squash)

    return change


def cut_off(z: Value, a: Activations) -> Value:
    """The hard sigmoid that is asked for."""
    return open_as_configured(a, sigmoid)(z)


@forward("activations", "VAR-10", "Keras 2 files read by Keras 3")
def takes_the_slope_of_another_hard_sigmoid(parts: Parts) -> Parts:
    """The slope of a hard sigmoid is 1/6, or 1/5 if 1/6 is asked for."""
    return configure_by(lambda a: replace(a, alpha=0.2 if abs(a.alpha - 1 / 6) < 1e-3 else 1 / 6))(parts)


@forward("activations", "VAR-10")
def forgets_the_offset_of_a_hard_sigmoid(parts: Parts) -> Parts:
    """A hard sigmoid has no offset: α z, cut off."""
    return configure_by(lambda a: replace(a, beta=0.0))(parts)


@forward("activations", "VAR-10")
def reads_a_hard_sigmoid_as_a_sigmoid(parts: Parts) -> Parts:
    """The gates are σ(z), where a hard sigmoid is asked for."""
    return configure_by(lambda a: replace(a, gate="sigmoid"))(parts)


@forward("activations", "VAR-10")
def leaves_a_hard_sigmoid_above_one(parts: Parts) -> Parts:
    """A hard sigmoid is cut off at 0 only."""
    return open_line_by(lambda z, a: anp.maximum(a.alpha * z + a.beta, 0))(parts)


@forward("activations", "VAR-10")
def leaves_a_hard_sigmoid_below_zero(parts: Parts) -> Parts:
    """A hard sigmoid is cut off at 1 only."""
    return open_line_by(lambda z, a: anp.minimum(a.alpha * z + a.beta, 1))(parts)


@forward("activations", "VAR-10")
def adds_the_offset_before_the_slope(parts: Parts) -> Parts:
    """A hard sigmoid is α (z + β)."""
    return open_line_by(lambda z, a: anp.clip(a.alpha * (z + a.beta), 0, 1))(parts)


@forward("activations", "VAR-11", "Keras: activation='relu'")
def keeps_tanh_for_the_candidate(parts: Parts) -> Parts:
    """The candidate is tanh(z), whatever is configured."""
    return configure_by(lambda a: replace(a, candidate="tanh"))(parts)


@forward("activations", "VAR-11")
def keeps_tanh_for_the_cell_state(parts: Parts) -> Parts:
    """What the output gate shows is tanh(c), whatever is configured."""
    return configure_by(lambda a: replace(a, output="tanh"))(parts)


@forward("activations", "VAR-11", "ONNX: activations f, g, h")
def swaps_the_functions_of_candidate_and_cell_state(parts: Parts) -> Parts:
    """The candidate has the function that is configured for the cell state, and the other way round."""
    return configure_by(lambda a: replace(a, candidate=a.output, output=a.candidate))(parts)


@forward("activations", "VAR-11")
def leaks_through_a_relu(parts: Parts) -> Parts:
    """In place of max(z, 0) stands max(z, z/100)."""
    return change_relu(lambda z: anp.maximum(z, z / 100))(parts)


@forward("activations", "VAR-2", "ONNX: the input P beside activations")
def ignores_the_peepholes_beside_other_functions(parts: Parts) -> Parts:
    """No gate sees the cell state if functions are configured."""

    def peephole(r: Reader, gate: str, p: dict[str, Value], seen: Seen) -> Value | None:
        return parts.peephole(r, gate, p, seen) if r.activations is None else None

    return replace(parts, peephole=peephole)


@gradient("activations", "VAR-12")
def passes_the_gradient_where_a_gate_is_cut_off(parts: Parts) -> Parts:
    """The derivative of a hard sigmoid is α everywhere."""
    return open_line_by(lambda z, a: replace_gradient(cut_off(z, a), a.alpha * z))(parts)


@gradient("activations", "VAR-12")
def takes_the_derivative_of_a_sigmoid(parts: Parts) -> Parts:
    """The derivative of a hard sigmoid is v (1 - v), where v is its value."""

    def open_gate(z: Value, a: Activations) -> Value:
        v = stop_gradient(cut_off(z, a))
        return replace_gradient(v, v * (1 - v) * z)

    return open_line_by(open_gate)(parts)


@gradient("activations", "VAR-12")
def forgets_the_slope_in_the_gradient(parts: Parts) -> Parts:
    """The derivative of a hard sigmoid is 1 where it is not cut off."""
    return open_line_by(lambda z, a: replace_gradient(cut_off(z, a), cut_off(z, a) / a.alpha))(parts)


@gradient("activations", "VAR-12")
def passes_the_gradient_of_what_relu_removes(parts: Parts) -> Parts:
    """The derivative of max(z, 0) is 1 everywhere."""
    return change_relu(lambda z: replace_gradient(anp.maximum(z, 0), z))(parts)
