"""Every LSTM node of an ONNX file is judged by what the runtime itself read and answered, wherever it is."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from conformance.models.asked import Asked
from conformance.models.graphs import ask_graph
from conformance.report.status import FAILED, PASSED, UNUSABLE
from lstm_spec.adapters.onnx.watching import isolate_node, watch_nodes
from tests.helpers.models import assert_models_are_refused_or_read
from tests.helpers.specimens import said

I, H = 3, 5
FLOAT, BOOL, INT = TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64
describe = helper.make_tensor_value_info
RNG = np.random.default_rng(0)


def make_node(x: str, y: str, taken: str = "W R B", **attributes: Any) -> onnx.NodeProto:
    """An LSTM named like its output; what it takes is separated by blanks, with - for what it leaves out."""
    how = {"hidden_size": H, "name": f"lstm_{y}", **attributes}
    return helper.make_node("LSTM", [x, *taken.replace("-", "").split(" ")], [y], **how)


def save_model(path: Path, nodes: list[Any], inputs: list[Any], outputs: str, D: int = 1, **more: Any) -> Path:
    """A model with these nodes; the weights of a layer are its initialisers."""
    sizes = {"W": (D, 4 * H, I), "R": (D, 4 * H, H), "B": (D, 8 * H), "P": (D, 3 * H), "table": (9, I)}
    kept = {name: RNG.standard_normal(size).astype("f") for name, size in sizes.items()} | more
    initialisers = [numpy_helper.from_array(a, name) for name, a in kept.items()]
    found = [describe(name, FLOAT, None) for name in outputs.split()]
    graph = helper.make_graph(nodes, "model", inputs, found, initialisers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


X = describe("x", FLOAT, ["T", "B", I])
LINES: dict[str, Any] = {
    "activations": ["HardSigmoid", "Relu", "Affine"],
    "activation_alpha": [0.3, 1.0],
    "activation_beta": [0.4, 0.0],
}
WAYS: dict[str, tuple[str, dict[str, Any], int]] = {
    "forward": ("W R B", {}, 1),
    "without a bias": ("W R", {}, 1),
    "peepholes": ("W R B - - - P", {}, 1),
    "both": ("W R B", {"direction": "bidirectional"}, 2),
    "reverse": ("W R B", {"direction": "reverse"}, 1),
    "coupled": ("W R B", {"input_forget": 1}, 1),
    "lengths": ("W R B n", {"direction": "bidirectional"}, 2),
    "a state": ("W R B - h c", {}, 1),
    "hard sigmoids": ("W R B", {"activations": ["HardSigmoid", "Tanh", "Tanh"]}, 1),
    "other activations": ("W R B", LINES, 1),
    "hard sigmoids and peepholes": ("W R B - - - P", {"activations": ["HardSigmoid", "Tanh", "Tanh"]}, 1),
    "other activations, both": (
        "W R B",
        {name: a * 2 for name, a in LINES.items()} | {"direction": "bidirectional"},
        2,
    ),
    "usual activations": ("W R B", {"activations": ["sigmoid", "Tanh", "tanh"]}, 1),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_node_of_any_kind_is_judged(way: str, tmp_path: Path) -> None:
    taken, attributes, D = WAYS[way]
    inputs = [X, *(describe(name, FLOAT, [1, "B", H]) for name in "hc" if name in taken.split())]
    more: Any = {"n": np.array([16, 5], np.int32)} if "n" in taken.split() else {}
    path = save_model(tmp_path / "model.onnx", [make_node("x", "y", taken, **attributes)], inputs, "y", D, **more)
    status, text = said("judge", str(path))
    assert status == PASSED and "lstm_y; onnxruntime " in text and "not judged" not in text and "unit vectors" in text
    (asked,) = ask_graph(path, {})
    (units,) = asked.units
    assert units.problem.variant == asked.problem.variant and units.problem.parameters == asked.problem.parameters
    assert units.problem.x.sum() == 2 * I and units.problem.state.h.sum() == 2 * H * D
    one = (way,) if way == "reverse" else ("forward",)
    assert asked.problem.directions == (("forward", "reverse") if D == 2 else one)
    kinds = {"peepholes": "peephole", "coupled": "coupled", "hard sigmoids": "configured"}
    kinds |= {"hard sigmoids and peepholes": "configured peephole"}
    kinds |= {name: "configured" for name in WAYS if name.startswith("other activations")}
    assert asked.problem.variant.kind == kinds.get(way, "standard")
    assert asked.problem.state.c.any() == (way == "a state") and (asked.problem.lengths is not None) == (
        way == "lengths"
    )


def test_lengths_are_drawn_up_to_the_number_of_steps(tmp_path: Path) -> None:
    """Also those that the model casts; lengths that are given are used."""
    inputs, cast = [X, describe("k", INT, ["B"])], helper.make_node("Cast", ["k"], ["n"], to=TensorProto.INT32)
    path = save_model(tmp_path / "model.onnx", [cast, make_node("x", "y", "W R B n")], inputs, "y")
    (asked,) = ask_graph(path, {})
    assert asked.problem.lengths is not None
    first, *others = asked.problem.lengths.tolist()
    assert first == len(asked.problem.x) == 16 and 1 < min(others) < 16
    (given,) = ask_graph(path, {"x": np.ones((7, 3, I), "f")})
    assert given.problem.lengths is not None and max(given.problem.lengths) == 7 and len({*given.problem.lengths}) > 1
    (chosen,) = ask_graph(path, {"x": np.ones((7, 2, I), "f"), "k": np.array([2, 3])})
    assert chosen.problem.lengths is not None and chosen.problem.lengths.tolist() == [2, 3]


def test_a_batch_that_comes_first_is_turned(tmp_path: Path) -> None:
    """The runtime has no kernel for it, so that it says so; the question itself is read from what is given."""
    path = save_model(tmp_path / "model.onnx", [make_node("x", "y", layout=1)], [X], "y")
    status, text = said("judge", str(path))
    assert (status, "does not run in onnxruntime" in text) in ((UNUSABLE, True), (PASSED, False))


def test_one_weight_that_is_off_is_refuted_by_unit_vectors(tmp_path: Path) -> None:
    """The runtime reads another weight than the one that is judged; inputs of the user are asked alone."""
    path = save_model(tmp_path / "model.onnx", [make_node("x", "y")], [X], "y")
    model, (node,) = watch_nodes(onnx.load(path))
    (asked,) = ask_graph(path, {})
    tensors = {part: numpy_helper.to_array(a) for a in model.graph.initializer if (part := a.name) in ("W", "R", "B")}
    assert asked.units[0].answer[0].tolist() == _run_alone(isolate_node(node, model, tensors), asked).tolist()
    tensors["R"] = tensors["R"] + np.float32(1e-3) * (np.arange(tensors["R"].size) == 7).reshape(tensors["R"].shape)
    wrong = asked.units[0]._replace(answer=(_run_alone(isolate_node(node, model, tensors), asked), None, None))
    assert asked.judge("absolute").holds and not asked._replace(units=(wrong,)).judge("absolute").holds
    (given,) = ask_graph(path, {"x": asked.problem.x})
    assert not given.units


def _run_alone(model: onnx.ModelProto, asked: Asked) -> Any:
    problem = asked.units[0].problem
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    h, c = problem.state
    return session.run(["Y"], {"X": problem.x, "initial_h": h, "initial_c": c})[0][:, 0]


def make_branches() -> list[Any]:
    """An If with another LSTM in each branch, and one of them in an If of its own."""
    inner = helper.make_graph([make_node("x", "deep")], "inner", [], [describe("deep", FLOAT, None)])
    other = helper.make_graph(
        [helper.make_node("Identity", ["zero"], ["none"])], "other", [], [describe("none", FLOAT, None)]
    )
    nested = helper.make_node("If", ["flag"], ["a"], name="nested", then_branch=inner, else_branch=other)
    then = helper.make_graph([nested], "then", [], [describe("a", FLOAT, None)])
    squared = helper.make_node("Mul", ["x", "x"], ["xx"])
    otherwise = helper.make_graph([squared, make_node("xx", "b")], "else", [], [describe("b", FLOAT, None)])
    return [helper.make_node("If", ["flag"], ["y"], name="if", then_branch=then, else_branch=otherwise)]


@pytest.mark.parametrize("flag", [True, False])
def test_a_node_in_a_branch_is_judged_if_it_is_run(flag: bool, tmp_path: Path) -> None:
    zero = np.zeros((1, 1, 1, 1), "f")
    path = save_model(tmp_path / "model.onnx", make_branches(), [X, describe("flag", BOOL, [])], "y", zero=zero)
    x = RNG.standard_normal((4, 2, I)).astype("f")
    (asked,) = ask_graph(path, {"x": x, "flag": np.array(flag)})
    assert asked.name == ("if/nested/lstm_deep" if flag else "if/lstm_b")
    np.testing.assert_array_equal(asked.problem.x, x if flag else x * x)
    assert asked.judge("auto").holds


def test_a_branch_with_numbers_of_16_bits_is_judged(tmp_path: Path) -> None:
    """What the other branch has in their place is of 16 bits, too."""
    save_model(tmp_path / "model.onnx", make_branches(), [X, describe("flag", BOOL, [])], "y", zero=np.zeros(1, "f"))
    model = onnx.load(tmp_path / "model.onnx")
    for a in model.graph.initializer:
        a.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(a).astype("f2"), a.name))
    graphs = [model.graph]
    for graph in graphs:  # which grows
        graphs += [a.g for node in graph.node for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]
        for one in (*graph.output, *graph.input):
            if one.type.tensor_type.elem_type == FLOAT:
                one.type.tensor_type.elem_type = TensorProto.FLOAT16
    onnx.save(model, tmp_path / "half.onnx")
    status, text = said("judge", str(tmp_path / "half.onnx"))
    assert status == PASSED and "if/nested/lstm_deep" in text and "holds at grade wide (float16)" in text, text


def test_branches_that_alternate_in_a_loop_are_refused_by_name(tmp_path: Path) -> None:
    first = helper.make_node("Equal", ["k", "none"], ["flag"])
    keep = helper.make_node("Identity", ["go"], ["on"])
    body = helper.make_graph(
        [first, *make_branches(), keep],
        "body",
        [describe("k", INT, []), describe("go", BOOL, [])],
        [describe("on", BOOL, []), describe("y", FLOAT, None)],
    )
    node = helper.make_node("Loop", ["n", ""], ["ys"], name="again", body=body)
    more: Any = {"n": np.array(2), "none": np.array(0), "zero": np.zeros(1, "f")}
    path = save_model(tmp_path / "model.onnx", [node], [X], "ys", **more)
    status, text = said("judge", str(path))
    assert status == UNUSABLE and "is in an If in a loop, expected one of them; judge the inner graph" in text, text


@pytest.mark.parametrize("kind", ["Loop", "Scan"])
def test_a_node_in_a_loop_is_judged_in_each_iteration(kind: str, tmp_path: Path) -> None:
    doubled, step = helper.make_node("Add", ["s", "s"], ["ss"]), make_node("s", "q")
    s, ss, q = describe("s", FLOAT, ["T", "B", I]), describe("ss", FLOAT, ["T", "B", I]), describe("q", FLOAT, None)
    if kind == "Loop":
        keep = helper.make_node("Identity", ["go"], ["on"])
        given = [describe("k", INT, []), describe("go", BOOL, []), s]
        body = helper.make_graph([keep, doubled, step], "body", given, [describe("on", BOOL, []), ss, q])
        node = helper.make_node("Loop", ["n", "", "x"], ["z", "y"], name="again", body=body)
    else:
        body = helper.make_graph([doubled, step], "body", [s, describe("u", FLOAT, [1])], [ss, q])
        node = helper.make_node("Scan", ["x", "us"], ["z", "y"], name="again", body=body, num_scan_inputs=1)
    more: Any = {"n": np.array(3), "us": np.zeros((3, 1), "f")}
    path = save_model(tmp_path / "model.onnx", [node], [X], "y z", **more)
    asked = list(ask_graph(path, {}))
    assert [one.name for one in asked] == [f"again/lstm_q in iteration {k}" for k in range(3)]
    np.testing.assert_array_equal(asked[2].problem.x, 4 * asked[0].problem.x)
    assert all(one.judge("auto").holds for one in asked)
    more = {"n": np.array(20), "us": np.zeros((20, 1), "f")}
    _, text = said("judge", str(save_model(tmp_path / "long.onnx", [node], [X], "y z", **more)))
    assert "again/lstm_q in iteration 7: of 20 iterations the first 8 are judged" in text and "8 of 8" in text, text
    assert "iterations" not in said("judge", str(path))[1]


def test_inputs_are_drawn_as_the_model_uses_them(tmp_path: Path) -> None:
    """Rows of a table are looked up, and a rate is the one that is compared with."""
    equal, look = (
        helper.make_node("Equal", ["rate", "usual"], ["same"]),
        helper.make_node("Gather", ["table", "ids"], ["x"]),
    )
    branch = [helper.make_graph([make_node("x", name)], name, [], [describe(name, FLOAT, None)]) for name in "ab"]
    choice = helper.make_node("If", ["same"], ["y"], name="if", then_branch=branch[0], else_branch=branch[1])
    inputs = [describe("ids", INT, ["T", "batch"]), describe("rate", INT, [])]
    path = save_model(tmp_path / "model.onnx", [equal, look, choice], inputs, "y", usual=np.array(16000))
    (asked,) = ask_graph(path, {})
    table = numpy_helper.to_array(next(a for a in onnx.load(path).graph.initializer if a.name == "table")).tolist()
    assert asked.name == "if/lstm_a" and all(row.tolist() in table for row in asked.problem.x.reshape(-1, I))


def test_another_runtime_is_asked_the_same(tmp_path: Path) -> None:
    path = save_model(tmp_path / "model.onnx", [make_node("x", "y")], [X], "y")
    assert said("judge", str(path), "--runtime", "numpy")[0] == PASSED
    status, text = said("judge", str(path), "--runtime", "fault:drops_the_recurrent_bias")
    assert status == FAILED and "refuted" in text


QUANTISED = helper.make_node(
    "DynamicQuantizeLSTM", ["x", "W", "R"], ["y"], domain="com.microsoft", hidden_size=H, name="fast"
)
REFUSED: dict[str, tuple[Any, str]] = {
    "quantised": (QUANTISED, "fast is com.microsoft:DynamicQuantizeLSTM, expected LSTM of ONNX itself"),
    "other activations": (
        make_node("x", "y", activations=["Sigmoid", "Elu", "Tanh"]),
        "lstm_y has the activation Elu, expected Tanh, Relu, or Affine with alpha 1 and beta 0; it is not judged",
    ),
    "hard sigmoids and coupled gates": (
        make_node("x", "y", activations=["HardSigmoid", "Tanh", "Tanh"], input_forget=1),
        "lstm_y has coupled gates and the activations HardSigmoid, Tanh, Tanh; that is not specified",
    ),
    "clip": (make_node("x", "y", clip=3.0), "lstm_y clips what its gates receive, expected no clip; it is not judged"),
    "no LSTM": (helper.make_node("Relu", ["x"], ["y"]), "has no LSTM node, expected one; nothing else is judged"),
    "a GRU": (
        helper.make_node("GRU", ["x", "W", "R"], ["y"], hidden_size=H),
        "has no LSTM node but GRU, expected one; nothing else is judged",
    ),
    "samples first": (make_node("x", "y", layout=1), "(Batchwise recurrent operations (layout == 1) are not supported"),
    "a clip of 0": (make_node("x", "y", clip=0.0), "(clip_ > 0.f was false."),
    "no inputs": (make_node("nowhere", "y"), "does not run in onnxruntime"),
    "coupled with peepholes": (
        make_node("x", "y", "W R B - - - P", input_forget=1),
        "lstm_y has coupled gates and peepholes, expected one of them",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_judged_is_refused_by_name(case: str, tmp_path: Path) -> None:
    node, sentence = REFUSED[case]
    path = save_model(tmp_path / "model.onnx", [node], [X], "y")
    status, text = said("judge", str(path))
    assert status == UNUSABLE and sentence in text and len(text.splitlines()) == 1


def test_inputs_of_another_name_are_refused(tmp_path: Path) -> None:
    path = save_model(tmp_path / "model.onnx", [make_node("x", "y")], [X], "y")
    np.savez(tmp_path / "in.npz", u=np.zeros(3))
    status, text = said("judge", str(path), "--inputs", str(tmp_path / "in.npz"))
    assert status == UNUSABLE and "--inputs has 'u', expected inputs of the model: x" in text
    np.save(tmp_path / "x.npy", np.zeros((3, 2, 7)))
    status, text = said("judge", str(path), "--inputs", str(tmp_path / "x.npy"))
    assert status == UNUSABLE and "does not run in onnxruntime" in text and "give them with --inputs" in text


@pytest.mark.parametrize("samples", [1, 3])
def test_what_is_left_out_is_drawn_in_the_sizes_of_what_is_given(samples: int, tmp_path: Path) -> None:
    inputs = [X, *(describe(name, FLOAT, [1, "B", H]) for name in "hc")]
    path = save_model(tmp_path / "model.onnx", [make_node("x", "y", "W R B - h c")], inputs, "y")
    np.save(tmp_path / "x.npy", np.ones((5, samples, I), np.float32))
    status, text = said("judge", str(path), "--inputs", str(tmp_path / "x.npy"))
    assert status == PASSED and f"T = 5, B = {samples}" in text, text


def test_damaged_files_are_refused_or_read(tmp_path: Path) -> None:
    assert_models_are_refused_or_read("onnx", tmp_path)


FORMS = [(1, 1, "standard"), (2, 2, "standard"), (1, 2, "peephole"), (1, 1, "coupled"), (1, 1, "configured peephole")]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_weights_are_carried_over_to_a_graph_and_back(form: tuple[int, int, str], tmp_path: Path) -> None:
    layers, D, kind = form
    taken = "W R B - - - P" if kind.endswith("peephole") else "W R B"
    attributes: dict[str, Any] = {"input_forget": int(kind == "coupled")}
    attributes |= {"activations": ["HardSigmoid", "Relu", "Tanh"]} if kind.startswith("configured") else {}
    if layers == 1:
        node = make_node("x", "y", taken, direction="bidirectional" if D == 2 else "forward", **attributes)
        source = save_model(tmp_path / "a.onnx", [node], [X], "y", D)
    else:
        source = tmp_path / "a.npz"
        rng, names = np.random.default_rng(0), [f"_l{k}{side}" for k in range(layers) for side in ("", "_reverse")]
        sizes = [(4 * H, 2 * H if "1" in name else I) for name in names]
        tensors = {f"weight_ih{name}": rng.standard_normal(size) for name, size in zip(names, sizes, strict=True)}
        tensors |= {f"weight_hh{name}": rng.standard_normal((4 * H, H)) for name in names}
        tensors |= {f"bias_{part}{name}": rng.standard_normal(4 * H) for part in ("ih", "hh") for name in names}
        np.savez(source, **{name: a.astype("f") for name, a in tensors.items()})  # type: ignore[arg-type]
    status, text = said("port", str(source), str(tmp_path / "b.onnx"))
    assert status == PASSED and "b.onnx: the weights are the same to the last bit" in text and "2 of 2 hold" in text
    status, text = said("diff", str(source), str(tmp_path / "b.onnx"))
    assert status == PASSED and "the same to the last bit" in text
    if kind == "standard":
        assert said("port", str(source), str(tmp_path / "c.npz"))[0] == PASSED


def test_activations_are_carried_over_or_refused_and_the_slope_tells_two_files_apart(tmp_path: Path) -> None:
    hard = {"activations": ["HardSigmoid", "Tanh", "Tanh"]}
    sizes = {"W": (1, 4 * H, I), "R": (1, 4 * H, H)}
    weights: dict[str, Any] = {name: RNG.standard_normal(size).astype("f") for name, size in sizes.items()}

    def save(name: str, alpha: float) -> Path:
        node = make_node("x", "y", "W R", activation_alpha=[alpha], **hard)
        return save_model(tmp_path / name, [node], [X], "y", **weights)

    first, other, carried = save("keras-2.onnx", 0.2), save("keras-3.onnx", 1 / 6), tmp_path / "carried.onnx"
    assert said("port", str(first), str(carried))[0] == PASSED
    (mine,), (theirs,) = ask_graph(carried, {}), ask_graph(first, {})
    assert mine.problem.variant == theirs.problem.variant and mine.problem.variant.kind == "configured"
    status, text = said("port", str(first), str(tmp_path / "lost.safetensors"))
    functions = "the activations of this LSTM (hard sigmoid 0.2 z + 0.5, tanh and tanh), and would be read with sigmoid"
    assert status == UNUSABLE and f"lost.safetensors has no place for {functions} and tanh; write .onnx" in text
    assert said("diff", str(first), str(carried))[0] == PASSED
    status, text = said("diff", str(first), str(other))
    sentence = "other activations: hard sigmoid 0.2 z + 0.5, tanh and tanh, and hard sigmoid 0.166667 z + 0.5"
    assert status == FAILED and sentence in text, text
