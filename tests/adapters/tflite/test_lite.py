"""LSTM operators of TensorFlow Lite are judged by what the interpreter read; others are refused by name."""

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from conformance.models.asked import ModelError
from conformance.models.lite import LIBRARIES, ask_lite
from conformance.report.status import FAILED, PASSED, UNUSABLE
from tests.helpers.models import assert_models_are_refused_or_read
from tests.helpers.operators import WAYS, B, I, P, T, make_model
from tests.helpers.pages import run_section
from tests.helpers.specimens import said


@pytest.mark.parametrize("way", WAYS)
def test_an_operator_of_any_kind_is_judged(way: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(make_model(**WAYS[way]))
    status, text = said("judge", str(path))
    assert status == PASSED and "operator 0; ai_edge_litert " in text and "T = 4, B = 2" in text, text
    (asked,) = ask_lite(path, {})
    variant = asked.problem.variant
    assert variant.kind == {"peepholes": "peephole", "coupled": "coupled"}.get(way, "standard")
    assert (variant.clip, variant.projection_clip) == (
        WAYS[way].get("cellClip"),
        WAYS[way].get("projClip"),
    )


def test_inputs_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(make_model())
    x = np.random.default_rng(1).standard_normal((B, T, I)).astype("f")
    (asked,) = ask_lite(path, {"x": x})
    np.testing.assert_array_equal(asked.problem.x, np.swapaxes(x, 0, 1))
    with pytest.raises(ModelError, match="--inputs has 'u', expected inputs of the model: x"):
        list(ask_lite(path, {"u": x}))


BOUNDS = {
    "bound": "the cell state within 0.5",
    "bound on the projection": "the projection within 0.25",
}


@pytest.mark.parametrize("way", BOUNDS)
def test_bounds_tell_two_files_apart_and_are_not_lost_in_another_form(way: str, tmp_path: Path) -> None:
    without = {name: value for name, value in WAYS[way].items() if not name.endswith("Clip")}
    for name, options in (("a", WAYS[way]), ("b", without), ("c", WAYS[way])):
        (tmp_path / f"{name}.tflite").write_bytes(make_model(**options))
    a, b, c = (str(tmp_path / f"{name}.tflite") for name in "abc")
    status, text = said("diff", a, b)
    assert status == FAILED and f"they have other bounds: {BOUNDS[way]}, and none" in text
    status, text = said("diff", a, c, "--runtime", "numpy")
    assert status == PASSED and "the weights are the same to the last bit" in text and "holds at grade" in text, text
    status, text = said("port", a, str(tmp_path / "d.npz"))
    assert status == UNUSABLE and f"d.npz has no place for {BOUNDS[way]}, expected an LSTM without bounds" in text
    assert not (tmp_path / "d.npz").exists()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "quantised": ({"dtype": np.int8}, "quantised weights|cannot be read or run"),
    "a bias of the projection": (
        {"left_out": "cell_to", "width": P, "extra": 17},
        "operator 0 has a bias of the projection, expected none; it is not judged",
    ),
    "another activation": (
        {"fusedActivationFunction": schema.ActivationFunctionType.RELU},
        "operator 0 has another activation, expected tanh|cannot be read or run",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_judged_is_refused_by_name(case: str, tmp_path: Path) -> None:
    given, sentence = REFUSED[case]
    (tmp_path / "model.tflite").write_bytes(make_model(**given))
    status, text = said("judge", str(tmp_path / "model.tflite"))
    assert status == UNUSABLE and any(one in text for one in sentence.split("|")) and len(text.splitlines()) == 1


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    for raw in (b"", b"hello", make_model()[:100]):
        (tmp_path / "model.tflite").write_bytes(raw)
        status, text = said("judge", str(tmp_path / "model.tflite"))
        assert status == UNUSABLE and "cannot be read or run by ai_edge_litert" in text and len(text.splitlines()) == 1


def test_damaged_files_are_refused_or_read(tmp_path: Path) -> None:
    assert_models_are_refused_or_read("tflite", tmp_path)


def test_a_model_without_the_operator_is_refused(tmp_path: Path) -> None:
    model = schema.ModelT.InitFromPackedBuf(make_model(), 0)
    model.subgraphs[0].operators, model.subgraphs[0].outputs = [], model.subgraphs[0].inputs
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    (tmp_path / "model.tflite").write_bytes(builder.Output())
    status, text = said("judge", str(tmp_path / "model.tflite"))
    assert status == UNUSABLE and "has no LSTM operator, expected UNIDIRECTIONAL_SEQUENCE_LSTM; an LSTM of Ker" in text


def test_each_library_is_an_interpreter_and_a_reader_of_the_format() -> None:
    ends = {name: [module.rpartition(".")[2] for module in modules] for name, modules in LIBRARIES.items()}
    assert ends == dict.fromkeys(LIBRARIES, ["interpreter", "schema_py_generated"])


def test_what_the_page_shows_is_printed(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(make_model())  # the converter, which the page calls, is TensorFlow's
    run_section("your-weights.md", "TensorFlow Lite", tmp_path, skip="python")
