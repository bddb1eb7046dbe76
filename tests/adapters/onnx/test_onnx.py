"""ONNX Runtime holds in all forms but for a NaN; models of people's are asked as they are, mistakes included."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from conformance.outcome import Outcome
from conformance.run.check import check
from lstm_spec import BackendUnavailable, Feature, from_onnx
from lstm_spec.adapters.onnx import adapter
from lstm_spec.adapters.onnx.module import OnnxModule
from tests.helpers.adapted import find_broken

I, H = 3, 5
SOME = ("CELL-*", "MOD-1", "MOD-3", "MOD-6", "VAR-2")
FLOAT, INT = onnx.TensorProto.FLOAT, onnx.TensorProto.INT32
SQUEEZE = helper.make_node("Squeeze", ["Y", "one"], ["y"])
Nodes = tuple[onnx.NodeProto, ...]


def make_model(
    taken: str = "x W R B",
    before: Nodes = (),
    after: Nodes = (SQUEEZE,),
    axes: tuple[Any, Any] = ("T", "B"),
    **attributes: Any,
) -> onnx.ModelProto:
    """From x (T, B, I) to y (T, B, H); what the node takes is separated by blanks, with - for what it leaves out."""
    rng = np.random.default_rng(0)
    D = 2 if attributes.get("direction") == "bidirectional" else 1
    sizes = {"W": (D, 4 * H, I), "R": (D, 4 * H, H), "B": (D, 8 * H), "P": (D, 3 * H)}
    kept = {name: rng.standard_normal(size).astype("f") for name, size in sizes.items()} | {"one": np.array([1])}
    names = taken.replace("-", "").split(" ")
    node = helper.make_node("LSTM", names, ["Y"], hidden_size=H, **attributes)
    given = [helper.make_tensor_value_info("x", FLOAT, [*axes, I])]
    given += [helper.make_tensor_value_info(name, FLOAT, None) for name in ("h", "c") if name in names]
    given += [helper.make_tensor_value_info("n", INT, [None])] * ("n" in names)
    found = [helper.make_tensor_value_info("y", FLOAT, None)]
    initialisers = [numpy_helper.from_array(a, name) for name, a in kept.items()]
    graph = helper.make_graph([*before, node, *after], "model", given, found, initialisers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_the_runtime_holds_in_all_forms_but_for_a_nan() -> None:
    assert find_broken(from_onnx()) == {"NUM-2"}


@pytest.mark.parametrize("as_what", ["model", "path", "bytes"])
def test_a_model_is_given_in_three_ways(as_what: str, tmp_path: Path) -> None:
    model = make_model()
    onnx.save(model, tmp_path / "model.onnx")
    given = {"model": model, "path": tmp_path / "model.onnx", "bytes": model.SerializeToString()}[as_what]
    about = from_onnx(given).description
    assert (about.dtypes, about.shapes.I, about.shapes.H) == (("float32",), range(I, I + 1), range(H, H + 1))
    assert find_broken(from_onnx(given), clauses=("SEQ-1",)) == set()


def test_a_model_is_asked_what_its_node_takes() -> None:
    bare, full = (from_onnx(make_model(taken)).description.features for taken in ("x W R", "x W R B n h c P"))
    optional = {Feature.LENGTHS, Feature.PEEPHOLES, Feature.OMITS_STATE}
    assert bare & optional == {Feature.OMITS_STATE}
    assert full & optional == {Feature.LENGTHS, Feature.PEEPHOLES}
    shapes = from_onnx(make_model(axes=(7, 2))).description.shapes
    assert (range(7, 8), range(2, 3)) == (shapes.T, shapes.B)


def make_stack(second: str = "forward") -> onnx.ModelProto:
    """Two layers, of which the second reads what the first returned, between numbers of words and two classes."""
    rng = np.random.default_rng(0)
    D = 2 if second == "bidirectional" else 1
    sizes = {
        "W1": (1, 4 * H, I),
        "R1": (1, 4 * H, H),
        "W2": (D, 4 * H, H),
        "R2": (D, 4 * H, H),
        "E": (9, I),
        "V": (D * H, 2),
    }
    kept = {name: rng.standard_normal(size).astype("f") for name, size in sizes.items()}
    kept |= {"one": np.array([1]), "flat": np.array([0, 0, -1])}
    nodes = [
        helper.make_node("Gather", ["E", "words"], ["x"]),
        helper.make_node("LSTM", ["x", "W1", "R1"], ["Y1"], name="first", hidden_size=H),
        helper.make_node("Squeeze", ["Y1", "one"], ["y1"]),
        helper.make_node("LSTM", ["y1", "W2", "R2"], ["Y2"], name="second", hidden_size=H, direction=second),
        helper.make_node("Transpose", ["Y2"], ["Z2"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["Z2", "flat"], ["y2"]),
        helper.make_node("MatMul", ["y2", "V"], ["classes"]),
    ]
    given = [helper.make_tensor_value_info("words", onnx.TensorProto.INT64, ["T", "B"])]
    found = [helper.make_tensor_value_info("classes", FLOAT, None)]
    graph = helper.make_graph(nodes, "model", given, found, [numpy_helper.from_array(a, n) for n, a in kept.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


TURNED = helper.make_node("Transpose", ["x"], ["X"], perm=[1, 0, 2])
TURNED_BACK = helper.make_node("Transpose", ["Z"], ["y"], perm=[1, 0, 2])
SQUEEZED = helper.make_node("Squeeze", ["Y", "one"], ["Z"])
RIGHT: dict[str, tuple[onnx.ModelProto, dict[str, Any]]] = {
    "with all that a node takes": (make_model("x W R B n h c P"), {}),
    "without a bias": (make_model("x W R"), {}),
    "batch first, which is found": (make_model("X W R B", (TURNED,), (SQUEEZED, TURNED_BACK), ("B", "T")), {}),
    "batch first": (make_model("X W R B", (TURNED,), (SQUEEZED, TURNED_BACK), ("B", "T")), {"batch_first": True}),
    "as the node returns it": (make_model(), {"output": "Y"}),
    "in reverse": (make_model(direction="reverse"), {}),
    "in reverse, with lengths": (make_model("x W R B n h c", direction="reverse"), {}),
    "both ways": (make_model("x W R B n h c P", after=(), direction="bidirectional"), {"output": "Y"}),
    "the first of two": (make_stack(), {"node": "first"}),
    "the second of two, named by its output": (make_stack("bidirectional"), {"node": "Y2"}),
    "before another layer": (make_model(after=(SQUEEZED, helper.make_node("Relu", ["Z"], ["y"]))), {"output": "Z"}),
}
HARD = [activation.encode() for activation in ("HardSigmoid", "Tanh", "Tanh")]
WRONG: dict[str, tuple[onnx.ModelProto, dict[str, Any]]] = {
    "bounds what goes into the gates": (make_model(clip=3.0), {}),
    "hides negative outputs": (make_model(after=(SQUEEZED, helper.make_node("Relu", ["Z"], ["y"]))), {}),
    "is turned once": (make_model("X W R B", (TURNED,), (SQUEEZE,), ("B", "T")), {"batch_first": True}),
    "bounds them in reverse": (make_model(direction="reverse", clip=3.0), {}),
    "hides negative outputs of the second": (
        make_model(after=(SQUEEZED, helper.make_node("Relu", ["Z"], ["y"])), direction="reverse"),
        {},
    ),
    "keeps coupled gates": (make_model(input_forget=1), {}),
}


@pytest.mark.parametrize("kind", RIGHT)
def test_a_right_model_holds(kind: str) -> None:
    model, options = RIGHT[kind]
    assert find_broken(from_onnx(model, **options), clauses=SOME, examples=4) == set()


@pytest.mark.parametrize("mistake", WRONG)
def test_a_model_with_a_mistake_is_refuted(mistake: str) -> None:
    model, options = WRONG[mistake]
    assert find_broken(from_onnx(model, **options), clauses=("CELL-*",), examples=4)


def test_a_model_with_hard_sigmoids_is_not_asked_what_one_with_sigmoids_is() -> None:
    with pytest.raises(ValueError, match="the LSTM node has the activations HardSigmoid, Tanh, Tanh, expected Sigmoid"):
        from_onnx(make_model(activations=HARD))


class Remembering(OnnxModule):
    """Its sessions go on with the initialisers with which they started."""

    sessions: dict[Any, Any] = {}

    def put(self, weights: Any) -> None:
        started = self.sessions
        super().put(weights)
        self.sessions = started or self.sessions


def test_weights_that_stay_in_a_session_are_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "OnnxModule", Remembering)
    assert "MOD-2" in find_broken(from_onnx(), clauses=("MOD-2",), examples=4)


def test_what_cannot_be_asked_is_refused_with_the_remedy() -> None:
    odd = make_model("x V R B", before=(helper.make_node("Mul", ["W", "W"], ["V"]),))
    odd.graph.initializer[0].dims[:] = [4 * H, I]  # nobody knows the shape of V
    inner = make_model("x W R B", after=())
    branch = helper.make_graph(list(inner.graph.node), "branch", [], [helper.make_tensor_value_info("Y", FLOAT, None)])
    both = {"then_branch": branch, "else_branch": branch}
    hidden = make_model(before=(helper.make_node("If", ["yes"], ["z"], name="which", **both),), after=(SQUEEZE,))
    del hidden.graph.node[1]
    gru = make_model()
    gru.graph.node[0].op_type = "GRU"
    refused: list[tuple[onnx.ModelProto, dict[str, Any], str]] = [
        (make_stack(), {}, "2 LSTM nodes, expected 1: first, second; name one of them, onnx:FILE:NODE"),
        (make_stack(), {"node": "third"}, "node is 'third', expected one of the LSTM nodes first, second"),
        (odd, {}, "the weights of Y have no shape, expected initialisers"),
        (hidden, {}, "the LSTM node Y is inside of the If node which, expected one outside"),
        (gru, {}, "the model has no LSTM node, but GRU, expected one; export the LSTM as a node"),
        (make_model(layout=1), {}, "onnxruntime cannot run the model .*layout"),
        (make_model(), {"output": "Q"}, "output is 'Q', expected a tensor of the model"),
    ]
    for model, options, sentence in refused:
        with pytest.raises(ValueError, match=sentence):
            from_onnx(model, **options)
    with pytest.raises(TypeError, match="model is a int, expected a ModelProto"):
        from_onnx(3)
    with pytest.raises(BackendUnavailable, match="no TensorrtExecutionProvider; choose one .*: .*CPU"):
        from_onnx(device="TensorrtExecutionProvider")


def test_of_layout_1_the_runtime_says_that_it_has_none() -> None:
    """Released versions refuse it; one that does not has to hold."""
    report = check(from_onnx(layout=1), profile="quick", clauses=("SEQ-1",))
    assert {v.outcome for v in report.verdicts} <= {Outcome.ERRORED, Outcome.HOLDS, Outcome.NOT_CLAIMED}
    assert all("layout_ == 0" in v.detail for v in report.verdicts if v.outcome is Outcome.ERRORED)
