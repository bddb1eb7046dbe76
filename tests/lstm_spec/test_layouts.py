"""That weights of other frameworks are taken and given bit by bit, and that what does not fit is refused."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import permutations
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.assertions.shapes import name_arrays
from lstm_spec import Array, Gate, Parameters, pack, unpack
from lstm_spec.layouts.convert import CancellingBiases, LossyConversion, convert, from_layout, to_layout
from lstm_spec.layouts.table import LAYOUTS, Layout
from lstm_spec.packing import Packed
from tests.helpers.layouts_by_hand import BY_HAND, coupled_in_tflite, stacked
from tests.helpers.root import ROOT
from tools.pages.layouts_page import UNVERIFIED, page

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = ("float64", "float32", "float16", BFLOAT16)
of_every_layout = pytest.mark.parametrize("name", LAYOUTS)
Make = Callable[..., Array]

BURN = ("input", "forget", "cell", "output")  # its gates, in the order ifgo


def grid(rng: np.random.Generator, dtype: Any) -> Make:
    """Multiples of 1/64 from -1 to 1: adding one to them, or two of them, is exact in any dtype but bfloat16."""
    return lambda *shape: (rng.integers(-64, 65, shape) / 64).astype(dtype)


def any_bits(rng: np.random.Generator, dtype: Any) -> Make:
    """Anything: NaN with whatever it carries, infinities, -0, subnormal numbers."""
    return lambda *shape: rng.integers(0, 256, (*shape, np.dtype(dtype).itemsize), np.uint8).view(dtype)[..., 0]


def layer(make: Make, H: int = 5, I: int = 2, P: int = 0, peepholes: bool = False, gates: str = "ifgo") -> Parameters:
    """Parameters of those sizes; with a projection where P is not 0."""
    all = {k: Gate(make(H, I), make(H, P or H), make(H), make(H) if peepholes and k != "g" else None) for k in gates}
    return Parameters(all["i"], all.get("f"), all["g"], all["o"], make(P, H) if P else None)


def plain(dtype: Any = "float32") -> Parameters:
    return layer(grid(np.random.default_rng(0), dtype))


def bits(p: Parameters) -> dict[str, bytes]:
    return {name: a.tobytes() for name, a in name_arrays(p).items()}


def gates_of(it: Layout) -> str:
    return "ifgo" if "f" in it.order else "igo"


@st.composite
def layers(draw: st.DrawFn, it: Layout) -> Parameters:
    """Whatever the layout has a place for; where it adds to a bias, numbers for which that is exact."""
    H, I = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    P = draw(st.sampled_from([0, 1, H])) if it.R else 0
    peepholes = bool(it.p) and (it is LAYOUTS["dl4j-graves"] or draw(st.booleans()))
    make = any_bits if not it.forget_bias else grid
    dtype = draw(st.sampled_from(DTYPES if make is any_bits else DTYPES[:3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return layer(make(rng, dtype), H, I, P, peepholes, gates_of(it))


# ---------------------------------------------------------------- there and back


@of_every_layout
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_layer_comes_back_to_the_last_bit(name: str, data: st.DataObject) -> None:
    p = data.draw(layers(LAYOUTS[name]))
    there = to_layout(p, name)
    assert bits(from_layout(there, name)) == bits(p)
    assert all(a.dtype == p.i.W.dtype for a in there.values())


@of_every_layout
def test_tensors_are_fresh_and_contiguous(name: str) -> None:
    p = layer(grid(np.random.default_rng(1), "float32"), gates=gates_of(LAYOUTS[name]), peepholes=name == "dl4j-graves")
    there = to_layout(p, name)
    back = from_layout(there, name)
    assert all(a.flags.c_contiguous for a in [*there.values(), *name_arrays(back).values()])
    assert not any(np.shares_memory(a, b) for a in there.values() for b in name_arrays(p).values())
    assert not any(np.shares_memory(a, b) for a in there.values() for b in name_arrays(back).values())


ORDINARY = [name for name, it in LAYOUTS.items() if "f" in it.order and name != "dl4j-graves"]


@pytest.mark.parametrize("source", ORDINARY)
def test_a_layer_of_one_framework_becomes_that_of_any_other(source: str) -> None:
    p = plain()
    tensors = to_layout(p, source)
    for target in ORDINARY:
        found = convert(tensors, source=source, target=target)
        assert {k: a.tobytes() for k, a in found.items()} == {k: a.tobytes() for k, a in to_layout(p, target).items()}


def test_a_layout_may_be_made_by_hand() -> None:
    p, it = plain(), replace(LAYOUTS["tf1"], forget_bias=0.0)
    assert bits(from_layout(to_layout(p, it), it)) == bits(p)
    assert np.array_equal(to_layout(p, it)["bias"][10:15], p.f.b)


# ---------------------------------------------------------------- what no golden vector pins


def same(found: dict[str, Array], expected: dict[str, Array]) -> bool:
    """The same names, shapes and numbers, to the last bit."""
    shown = ({name: (a.shape, a.tobytes()) for name, a in tensors.items()} for tensors in (found, expected))
    return next(shown) == next(shown)


@pytest.mark.parametrize("name", BY_HAND)
def test_a_layout_is_what_its_formulas_say(name: str) -> None:
    it = LAYOUTS[name]
    p = layer(grid(np.random.default_rng(2), "float32"), P=3 if it.R else 0, peepholes=bool(it.p))
    assert same(to_layout(p, name), BY_HAND[name](stacked(p)))


def test_coupled_gates_are_kept_as_tflite_keeps_them() -> None:
    p = layer(grid(np.random.default_rng(3), "float32"), P=3, gates="igo")
    assert same(to_layout(p, "tflite-cifg"), coupled_in_tflite(p.i, p.g, p.o, p.R))


def test_every_layout_is_pinned_by_a_vector_or_by_formulas() -> None:
    assert {name for name, it in LAYOUTS.items() if not it.verified} <= {*BY_HAND, "tflite-cifg"}


# ---------------------------------------------------------------- what is lost

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


def with_biases(one: float, other: float) -> dict[str, Array]:
    """PyTorch's tensors; the biases of one number of the input gate."""
    tensors = to_layout(plain(), "pytorch")
    tensors["bias_ih"][2], tensors["bias_hh"][2] = one, other
    return tensors


def warned(run: Callable[[], Any]) -> bool:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    found = {each.category for each in caught}
    assert found <= {LossyConversion, CancellingBiases}
    return LossyConversion in found


@given(one=FINITE, other=FINITE)
def test_adding_two_biases_warns_exactly_where_it_rounds(one: float, other: float) -> None:
    with np.errstate(over="ignore"):
        total = float(np.float32(one) + np.float32(other))
    rounds = not np.isfinite(total) or Fraction(one) + Fraction(other) != Fraction(total)
    assert warned(lambda: from_layout(with_biases(one, other), "pytorch")) == rounds


@given(number=FINITE | st.integers(-4096, 4096).map(lambda n: n / 1024))
def test_taking_off_a_forget_bias_warns_exactly_where_it_rounds(number: float) -> None:
    p = plain()
    p.f.b[0] = number
    less = float(np.float32(number) - np.float32(1))
    assert warned(lambda: to_layout(p, "tf1")) == (Fraction(number) - 1 != Fraction(less))


@given(number=FINITE | st.integers(-4096, 4096).map(lambda n: n / 1024))
def test_adding_a_forget_bias_warns_exactly_where_it_rounds(number: float) -> None:
    tensors = to_layout(plain(), "haiku")
    tensors["linear/b"][10] = number
    more = float(np.float32(number) + np.float32(1))
    assert warned(lambda: from_layout(tensors, "haiku")) == (Fraction(number) + 1 != Fraction(more))


ROUNDED = "is rounded to float32 in {} of 5 numbers; convert in a wider dtype to keep every bit"


def test_a_warning_says_what_is_rounded_and_how_often() -> None:
    with pytest.warns(LossyConversion, match=f"^the sum of the two biases of gate i {ROUNDED.format(1)}$"):
        from_layout(with_biases(1, 2**-30), "pytorch")
    p = plain()
    p.f.b[:3] = 2**-30
    said = (
        "the forget gate's bias less the 1.0 that is added when it runs is rounded to float32 in 3 of 5 numbers; conv"
    )
    with pytest.warns(LossyConversion, match=f"^{said}ert in a wider dtype to keep every bit$"):
        to_layout(p, "haiku")
    tensors = to_layout(plain(), "haiku")
    tensors["linear/b"][10] = 2**-30
    with pytest.warns(
        LossyConversion, match="^the forget gate's bias with the 1.0 that is added when it runs is round"
    ):
        from_layout(tensors, "haiku")


@pytest.mark.parametrize("dtype", [BFLOAT16, "float16"], ids=str)
def test_sixteen_bits_are_told_when_they_round(dtype: Any) -> None:
    tensors = {name: a.astype(dtype) for name, a in with_biases(1, 2**-12).items()}
    assert warned(lambda: from_layout(tensors, "pytorch"))
    tensors = {name: a.astype(dtype) for name, a in with_biases(1, 2**-6).items()}
    assert not warned(lambda: from_layout(tensors, "pytorch"))


@pytest.mark.parametrize("one", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_loses_nothing(one: float) -> None:
    assert not warned(lambda: from_layout(with_biases(one, 1), "pytorch"))


# ---------------------------------------------------------------- what is refused


def refusal(run: Callable[[], Any]) -> str:
    with pytest.raises((ValueError, TypeError)) as refused:
        run()
    return f"{refused.type.__name__}: {refused.value}"


def changed(name: str, **arrays: Any) -> dict[str, Any]:
    """A layer in that layout, some of it replaced, or taken out where it is None."""
    tensors: dict[str, Any] = to_layout(plain(), name) | arrays
    return {name: a for name, a in tensors.items() if a is not None}


def zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


P, PEEPHOLES, PROJECTED, COUPLED = (
    plain(),
    *(
        layer(grid(np.random.default_rng(4), "float32"), **of)
        for of in ({"peepholes": True}, {"P": 3}, {"gates": "igo"})
    ),
)

REFUSED: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: to_layout(P, "pytroch"),
        "ValueError: layout is 'pytroch', expected a key of LAYOUTS; the nearest are 'pytorch', 'lstmblock',",
    ),
    (
        lambda: from_layout({}, "ONNX"),
        "ValueError: layout is 'ONNX', expected a key of LAYOUTS; the nearest are 'onnx', 'nnx', 'onednn'",
    ),
    (
        lambda: from_layout(changed("onnx", R=None), "onnx"),
        "ValueError: R is missing, expected (D, 4H, P) in 'onnx'; add it",
    ),
    (
        lambda: from_layout(changed("pytorch", bias_hh=None), "pytorch"),
        "ValueError: bias_hh is missing, expected (4H) in 'pytorch'; zeros stand for a bias that is switched off",
    ),
    (
        lambda: from_layout(changed("tf1", w_f_diag=zeros(5)), "tf1"),
        "ValueError: w_i_diag is missing, expected (H) in 'tf1'; add it",
    ),
    (
        lambda: from_layout(changed("onnx", bias=zeros(5)), "onnx"),
        "ValueError: bias is given, expected only W, R, B, P in 'onnx'; leave it out",
    ),
    (
        lambda: from_layout(changed("keras", kernel=zeros(20, 2)), "keras"),
        "ValueError: kernel has shape (20, 2), expected (2, 20) in 'keras': (I, 4H) for H = 5, I = 2, P = 5; did you"
        " name the right layout?",
    ),
    (
        lambda: from_layout(changed("haiku", **{"linear/w": zeros(20, 7)}), "haiku"),
        "ValueError: linear/w has shape (20, 7), expected (7, 20) in 'haiku': (I, 4H) and (P, 4H) for H = 5, I = 2,"
        " P = 5; did you name the right layout?",
    ),
    (
        lambda: from_layout(changed("haiku", **{"linear/w": zeros(4, 20)}), "haiku"),
        "ValueError: linear/w has shape (4, 20), expected (4, 20) in 'haiku': (I, 4H) and (P, 4H) for H = 5, I = -1,"
        " P = 5; did you name the right layout?",
    ),
    (
        lambda: from_layout(changed("keras", bias=zeros(0)), "keras"),
        "ValueError: kernel has shape (2, 20), expected (40, 0) in 'keras': (I, 4H) for H = 0, I = 40, P = 0; did you"
        " name the right layout?",
    ),
    (
        lambda: from_layout(changed("keras", bias=[0.0] * 20), "keras"),
        "TypeError: bias is a list, expected a NumPy array; convert it first",
    ),
    (
        lambda: from_layout(changed("keras", bias=np.zeros(20)), "keras"),
        "TypeError: bias is float64, expected float32 like kernel; convert it first",
    ),
    (
        lambda: to_layout(PEEPHOLES, "keras"),
        "ValueError: i.p is given, expected None: 'keras' has no peepholes; they have a place in tf1, lstmblock,"
        " blocklstmv2, onnx, onednn, cntk, coreml, coreml-nn, tflite, dl4j-graves",
    ),
    (
        lambda: to_layout(P, "dl4j-graves"),
        "ValueError: i.p is None, expected (H,) numbers: 'dl4j-graves' always has peepholes; zeros change nothing",
    ),
    (
        lambda: to_layout(PROJECTED, "onnx"),
        "ValueError: R is given, expected None: 'onnx' has no projection; it has a place in pytorch, tf1, onednn,"
        " cudnn, paddle, mxnet, cntk, tflite, tflite-cifg",
    ),
    (
        lambda: to_layout(COUPLED, "pytorch"),
        "ValueError: f is None, expected a Gate: 'pytorch' has a forget gate; coupled gates have a place in"
        " tflite-cifg",
    ),
    (
        lambda: to_layout(P, "tflite-cifg"),
        "ValueError: f is given, expected None: 'tflite-cifg' is for coupled gates; choose a layout with a forget gate",
    ),
    (
        lambda: to_layout(PROJECTED, replace(LAYOUTS["keras"], framework="mine")),
        "ValueError: R is given, expected None: mine has no projection; it has a place in pytorch",
    ),
    (
        lambda: to_layout(PEEPHOLES._replace(f=P.f), "tf1"),
        "ValueError: f.p is missing, expected (H,) numbers; the gates i, f and o see c, or none does",
    ),
    (
        lambda: to_layout(P._replace(g=PEEPHOLES.i), "tf1"),
        "ValueError: g.p is given, expected None; the gates i, f and o see c, or none does",
    ),
    (
        lambda: to_layout(P._replace(o=P.o._replace(U=zeros(5, 3))), "tf1"),
        "ValueError: o.U has shape (5, 3), expected (5, 5) for H = 5, I = 2, P = 5",
    ),
    (
        lambda: to_layout(PROJECTED._replace(R=zeros(5, 3)), "tf1"),
        "ValueError: R has shape (5, 3), expected (5, 5) for H = 5, I = 2, P = 5",
    ),
    (
        lambda: to_layout(P._replace(o=P.o._replace(b=np.zeros(5))), "tf1"),
        "TypeError: o.b is float64, expected float32 like i.W; convert it first",
    ),
]


@pytest.mark.parametrize("run, sentence", REFUSED, ids=[sentence[:60] for _, sentence in REFUSED])
def test_what_does_not_fit_is_refused_in_a_sentence(run: Callable[[], Any], sentence: str) -> None:
    said = refusal(run)
    assert said.startswith(sentence)
    assert "\n" not in said


# ---------------------------------------------------------------- packed gates


def test_a_layer_without_a_forget_gate_is_packed_in_three_blocks() -> None:
    for order in map("".join, permutations("igo")):
        packed = pack(COUPLED, order)
        assert packed.W.shape == (15, 2) and packed.U.shape == (15, 5) and packed.b.shape == (15,)
        assert np.array_equal(packed.b, np.concatenate([getattr(COUPLED, letter).b for letter in order]))
        assert bits(unpack(packed, order)) == bits(COUPLED)


def test_an_order_of_four_may_name_the_forget_gate_that_is_absent() -> None:
    assert all(np.array_equal(*pair) for pair in zip(pack(COUPLED, "ofig"), pack(COUPLED, "oig"), strict=True))


def test_a_projected_layer_is_packed_without_its_projection() -> None:
    packed = pack(PROJECTED, "iofg")
    assert packed.U.shape == (20, 3)
    assert bits(unpack(packed, "iofg")) == bits(PROJECTED._replace(R=None))


@pytest.mark.parametrize(
    "run, order, letters",
    [
        (lambda order: pack(P, order), "igo", "ifgo"),
        (lambda order: pack(COUPLED, order), "ico", "igo"),
        (lambda order: unpack(Packed(zeros(15, 2), zeros(15, 5), zeros(15)), order), "ico", "igo"),
    ],
)
def test_an_order_of_other_letters_is_refused(run: Callable[[str], Any], order: str, letters: str) -> None:
    wanted = f"order is '{order}', expected a permutation of '{letters}'; write g for the candidate (often c)"
    assert refusal(lambda: run(order)) == f"ValueError: {wanted}"


# ---------------------------------------------------------------- the page


def test_the_page_of_the_layouts_is_fresh() -> None:
    fresh = "run `python tools/pages/layouts_page.py docs/layouts.md`"
    assert (ROOT / "docs" / "layouts.md").read_text(encoding="utf-8") == page(), fresh
    assert UNVERIFIED.keys() == {name for name, it in LAYOUTS.items() if not it.verified}
