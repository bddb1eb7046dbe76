"""Models that are graphs, small ones: ONNX and TensorFlow Lite, and what may be damaged in them."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tools.checks.models import OUTSIDE, I
from tools.checks.odd import ODD_TEXT

H = 2
LARGE = (0, 1, -1, 3, 1 << 20, 1 << 31, 1 << 40, (1 << 63) - 1, -(1 << 63))


def _make_graph(
    nodes: list[Any], extra: Sequence[Any] = (), functions: Sequence[Any] = (), domains: tuple[str, ...] = ()
) -> Any:
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    sizes = {"W": (1, 4 * H, I), "R": (1, 4 * H, H), "B": (1, 8 * H)}
    kept = [numpy_helper.from_array(rng.uniform(-1, 1, size).astype("f"), name) for name, size in sizes.items()]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["T", "B", I])]
    found = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "model", given, found, [*kept, *extra])
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(name, 1) for name in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9, functions=functions)


def make_node(x: str = "x", y: str = "y", **attributes: Any) -> Any:
    """An LSTM."""
    from onnx import helper

    return helper.make_node("LSTM", [x, "W", "R", "B"], [y], **{"hidden_size": H, "name": "lstm", **attributes})


def _describe(name: str, kind: int = 1, shape: Any = None) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, kind, shape)


def _refer(name: str, where: str, shape: tuple[int, ...], **more: int) -> Any:
    """A tensor whose numbers are in another file."""
    from onnx import TensorProto

    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": where, **more}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def list_graphs(folder: Path) -> Iterator[bytes]:
    """Sound models, and those that lead to other files, call themselves, never end, or ask for much room."""
    for model in _list_models(folder):
        yield model.SerializeToString()
    yield _make_graph([make_node()]).SerializeToString().replace(b"LSTM", b"LST\xb5")


def _list_models(folder: Path) -> Iterator[Any]:
    from onnx import TensorProto, helper, numpy_helper

    yield _make_graph([make_node()])
    yield _make_graph([make_node(activations=["HardSigmoid", "Tanh", "Tanh"])])
    branch = helper.make_graph([make_node(y="a")], "branch", [], [_describe("a")])
    flag = numpy_helper.from_array(np.array(True), "flag")
    yield _make_graph([helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch)], [flag])

    secret, outside = folder / OUTSIDE / "secret.bin", f"{OUTSIDE}/secret.bin"
    places = (str(secret), f"../{outside}", f"./{OUTSIDE}/../../{folder.name}/{outside}", "/dev/zero", "model.onnx", "")
    for where in places:
        for more in ({}, {"offset": 0, "length": 96}, {"offset": 1 << 62, "length": 1 << 62}, {"length": 1 << 40}):
            model = _make_graph([make_node()])
            model.graph.initializer[0].CopyFrom(_refer("W", where, (1, 4 * H, I), **more))
            yield model
    inner = helper.make_graph(
        [make_node(y="a")], "inner", [], [_describe("a")], [_refer("W", str(secret), (1, 4 * H, I))]
    )
    yield _make_graph([helper.make_node("If", ["flag"], ["y"], then_branch=inner, else_branch=branch)], [flag])

    step, keep = helper.make_node("Identity", ["s"], ["ss"]), helper.make_node("Identity", ["go"], ["on"])
    given = [_describe("k", TensorProto.INT64, []), _describe("go", TensorProto.BOOL, []), _describe("s")]
    body = helper.make_graph([keep, step], "body", given, [_describe("on", TensorProto.BOOL, []), _describe("ss")])
    for times in (1 << 20, 1 << 62):
        many = numpy_helper.from_array(np.array(times), "many")
        loop = helper.make_node("Loop", ["many", "", "x"], ["z"], name="again", body=body)
        yield _make_graph([loop, make_node("z")], [many])
    for shape in ((1 << 40,), (1 << 31, 2), (1 << 62, 1 << 62), (-1,)):
        size = numpy_helper.from_array(np.array(shape), "size")
        yield _make_graph([helper.make_node("ConstantOfShape", ["size"], ["z"]), make_node()], [size])
        yield _make_graph([helper.make_node("ConstantOfShape", ["size"], ["z"]), make_node("z")], [size])
    blank = TensorProto(name="z", data_type=TensorProto.FLOAT, dims=[1 << 20, 1 << 20])
    yield _make_graph([make_node()], [blank])

    call = helper.make_node("Again", ["x"], ["y"], domain="mine")
    itself = helper.make_function("mine", "Again", ["x"], ["y"], [call], [helper.make_opsetid("mine", 1)])
    yield _make_graph([call], functions=[itself], domains=("mine",))
    deep = make_node(y="a")
    for level in range(20):
        one = helper.make_graph([deep], "deep", [], [_describe("a")])
        branches = {"then_branch": one, "else_branch": one} if level < 6 else {"then_branch": one}
        deep = helper.make_node("If", ["flag"], ["a"], **branches)
    deep.output[0] = "y"
    yield _make_graph([deep], [flag])


def damage_graph(raw: bytes, rng: random.Random) -> bytes:
    """A node, a tensor or a size in a model is another one, gone, or there twice."""
    from onnx import ModelProto

    model = ModelProto()
    try:
        model.ParseFromString(raw)
    except Exception:  # it is damaged already
        return raw
    for _ in range(rng.randint(1, 2)):
        rng.choice((_damage_attribute, _damage_attribute, _damage_tensor, _damage_names, _damage_list))(
            model.graph, rng
        )
    return model.SerializeToString()


def _damage_attribute(graph: Any, rng: random.Random) -> None:
    from onnx import helper

    nodes = [node for node in graph.node if node.op_type == "LSTM"] or list(graph.node)
    if not nodes:
        return
    values: list[Any] = [
        *LARGE,
        0.5,
        "",
        "sideways",
        "bidirectional",
        "reverse",
        ["Tanh"],
        ["Relu"] * 3,
        [1.0],
        [0.5] * 9,
    ]
    name = rng.choice(
        [
            "hidden_size",
            "direction",
            "activations",
            "activation_alpha",
            "activation_beta",
            "clip",
            "layout",
            "input_forget",
            "odd",
        ]
    )
    node = rng.choice(nodes)
    for k, one in enumerate(node.attribute):
        if one.name == name:
            del node.attribute[k]
            break
    node.attribute.append(helper.make_attribute(name, rng.choice(values)))


def _damage_tensor(graph: Any, rng: random.Random) -> None:
    if not graph.initializer:
        return
    one, how = rng.choice(list(graph.initializer)), rng.randrange(5)
    if how == 0 and one.dims:
        one.dims[rng.randrange(len(one.dims))] = rng.choice(LARGE)
    elif how == 1:
        one.data_type = rng.randrange(30)
    elif how == 2:
        one.raw_data = one.raw_data[: rng.randrange(len(one.raw_data) + 1)]
    elif how == 3:
        one.name = rng.choice(["W", "R", "B", "x", "y", ""])
    else:
        del one.dims[:]


def _damage_names(graph: Any, rng: random.Random) -> None:
    """A node reads or returns something else, is another operator, or is described otherwise."""
    node = rng.choice(list(graph.node)) if graph.node else None
    odd = rng.choice(["x", "y", "W", "", "nowhere", *ODD_TEXT]).encode("utf-8", "replace").decode()[:9000]
    how = rng.randrange(5)
    if node is None:
        return
    if how == 0 and node.input:
        node.input[rng.randrange(len(node.input))] = odd
    elif how == 1 and node.output:
        node.output[rng.randrange(len(node.output))] = odd
    elif how == 2:
        node.name = odd
    elif how == 3:
        node.op_type = rng.choice(["GRU", "RNN", "LSTM", "Relu", odd])
    elif graph.input:
        axes = graph.input[0].type.tensor_type.shape.dim
        if axes:
            axis = rng.choice(list(axes))
            axis.Clear()
            axis.dim_value = rng.choice(LARGE)


def _damage_list(graph: Any, rng: random.Random) -> None:
    """Something is there twice, or gone."""
    some = rng.choice([graph.node, graph.initializer, graph.input, graph.output])
    if not some:
        return
    if rng.random() < 0.5:
        del some[rng.randrange(len(some))]
    else:
        some.append(some[rng.randrange(len(some))])


def list_lite(folder: Path) -> Iterator[bytes]:
    """Models of one operator, of every form."""
    from tests.helpers.operators import WAYS, make_model

    for options in WAYS.values():
        yield make_model(**options)
