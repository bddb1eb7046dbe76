"""What is wrong with the gradients of one step is found from them; what is right has nothing."""

import pytest

from conformance.diagnosis.experiments.laboratory import Laboratory
from conformance.diagnosis.experiments.term import find_term
from conformance.targets.border import guard_backend
from tests.planted.backward import BACK, CARRY, FOUND, RUN, IN_c, IN_h, dB, dF, dG, dI, dO, dU, dW, dX
from tests.planted.edits import Edit, textbook
from tools.checks.right.backends import RIGHT
from tools.mutants.making import build_backend, find_textbook

CLIPPED = (FOUND, f"return y, h_last, c_last, *(np.clip(d, -0.8, 0.8) for d in ({FOUND[25:]}))")
SHORT = ("in reversed(range(len(x))):", "in reversed(range(max(0, len(x) - 17), len(x))):")
TAPE = "i, f, o, g, s, z, h_before, c_before = steps[t]"
IN_REVERSE = "in reversed(range(len(x))):"


def cut_where(holds: str, *states: str) -> Edit:
    """Nothing is passed back of these states from the steps t of T of which this holds."""
    cut = "".join(f"\n        {k} = {k} * (not ({holds}))" for k in states)
    return CARRY, CARRY.rstrip() + cut.replace("T", "len(x)") + "\n"


PLANTED: tuple[tuple[str, tuple[Edit, ...]], ...] = (
    ("the gradient of the forget gate lacks the factor 1−f", ((dF, "df = dc * c_before * f"),)),
    ("the gradient of the forget gate has the factor i instead of f", ((dF, dF + " / f * i"),)),
    ("the gradient of the input gate is 2 times what it should be", ((dI, "di = 2 * dc * g * sigmoid_slope(i)"),)),
    (
        "the gradient of the candidate has the factor (1 − 0.5 g²) instead of 1−g²",
        ((dG, dG.replace("tanh_slope(g)", "(1 - g * g / 2)")),),
    ),
    ("the gradient of the forget gate is c · f · 1−f, whatever the cotangents are", ((dF, dF.replace("dc * ", "")),)),
    ("the gradient of the output gate has the wrong sign", ((dO, dO.replace("dh", "-dh")),)),
    ("what reaches the cell state lacks the factor o", ((IN_c, "dc = dc + dh * tanh_slope(s)"),)),
    (
        "what reaches the cell state has the factor (1 + tanh(c′)²) instead of",
        ((IN_c, IN_c.replace("tanh_slope(s)", "(1 + s * s)")),),
    ),
    ("the initial cell state c_0 has the factor i instead of f", ((CARRY, CARRY.replace("* f", "* i")),)),
    ("the gradient of U_f is z_f h′", ((dU, "dU += dz.T @ y[t]"),)),
    ("the gradient of W is divided by the number of samples", ((dW, "dW += dz.T @ x[t] / len(h)"),)),
    ("the gradient of h_0 is 0.5 U_iᵀ z_i + 0.5 U_fᵀ z_f", ((BACK, "        dh = dz @ U / 2\n"),)),
    ("the gradient of b_i is 3 z_i", ((dB, "db += 3 * dz.sum(axis=0)"),)),
    ("the gradient of x is −W_iᵀ z_i", ((dX, "dx[t] = -dz @ W"),)),
    (
        "every gradient is clipped to [−0.8, 0.8]",
        (CLIPPED,),
    ),
    (
        "reaches the last 17 steps only",
        (SHORT,),
    ),
    ("the forget gate has c_T, the cell state after the last step", ((dF, "df = dc * c_last * sigmoid_slope(f)"),)),
    ("the cell state before it is that of c′ times f of step t−1", ((CARRY, CARRY.replace("f", "steps[t - 1][1]")),)),
    ("the gradients of h_0 and c_0 are exchanged", ((FOUND, FOUND.replace("dh, dc", "dc, dh")),)),
    ("the gradient of h′ is 0.5 times what it should be", ((IN_h, "dh = (dh + dy[t]) / 2"),)),
    ("nothing reaches the cell state from h′", ((IN_c, "pass"),)),
    ("the output gate has the factor tanh(c) instead of tanh(c′)", ((dO, dO.replace("s *", "np.tanh(c_before) *")),)),
    ("the candidate has the factor (1 − g · o) instead of 1−g²", ((dG, "dg = dc * i * (1 - g * o)"),)),
    (
        "what reaches the cell state has o · 1−tanh²(c′) added, whatever the cotangents are",
        ((IN_c, "dc = dc + dh * o * tanh_slope(s) + o * tanh_slope(s)"),),
    ),
    ("the gradient of W in 4 steps is z[0] x[0];", ((dW, "dW = dz.T @ x[t]"),)),
    ("the gradient of U in 4 steps is z[0] h_0 + z[1] h[0] + z[2] h[1];", ((dU, f"{dU} * (t < 3)"),)),
    ("the gradient of x in 4 steps is x[3] from z[0] + x[0] from z[1]", ((dX, "dx[t - 1] = dz @ W"),)),
    (
        "the gradient of b leaves out the samples 0, 1, 2, 3, 4, 5, 6, 7 of 10",
        ((dB, "db += dz[len(dz) // 9 * 8 :].sum(axis=0)"),),
    ),
    (
        "where B = H; with other sizes it does not answer",
        ((dB, "db += dz.reshape(len(h), 4, -1).sum(axis=2).T.ravel()"),),
    ),
    (
        "is cut every 5 steps: there nothing flows back to the steps before",
        (cut_where("t and t % 5 == 0", "dh", "dc"),),
    ),
    ("is cut every 40 steps, counted from the end: there", (cut_where("t and (T - t) % 40 == 0", "dh", "dc"),)),
    ("does not flow back through the hidden state from step to step", (cut_where("t", "dh"),)),
    ("does not flow back through the cell state from any step, not even", (cut_where("t >= 0", "dc"),)),
    ("the gradient of the initial hidden state is zero (only there", (cut_where("t == 0", "dh"),)),
    ("the gradients leave out step 0", ((IN_REVERSE, "in reversed(range(1, len(x))):"),)),
    ("the gradients leave out step T − 1", ((IN_REVERSE, "in reversed(range(len(x) - 1)):"),)),
    ("what was kept of the forward pass is that of step T−1", ((TAPE, TAPE.replace("[t]", "[-1]")),)),
    ("what was kept of the forward pass is that of step t−1", ((TAPE, TAPE.replace("[t]", "[t - 1]")),)),
    ("the value of the forget gate is that of step 0", ((dF, f"f = steps[0][1]; {dF}"),)),
    ("begins with the initial cell state taken as zero", ((RUN, RUN.replace("h, c,", "h, 0 * c,")),)),
    ("the gradient of U is zero (only at the first step)", ((dU, f"{dU} * (t > 0)"),)),
    ("the gradient of the forget gate is zero (only at the first step)", ((dF, f"{dF} * (t > 0)"),)),
    (
        "the gradient of h that a step passes back is clipped to [−0.1, 0.1]",
        ((BACK, f"{BACK}        dh = dh.clip(-0.1, 0.1)\n"),),
    ),
    (
        "before its function is clipped to [−0.05, 0.05] at each step",
        ((dW, f"dz = dz.clip(-0.05, 0.05)\n        {dW}"),),
    ),
    (
        "what reaches the hidden state is clipped to [−0.2, 0.2] at each step",
        ((IN_h, "dh = (dh + dy[t]).clip(-0.2, 0.2)"),),
    ),
    (
        "what reaches the cell state is clipped to [−0.1, 0.1] at each step",
        ((IN_c, f"{IN_c}; dc = dc.clip(-0.1, 0.1)"),),
    ),
    ("with one sample, the gradient of W is zero", ((dW, "dW += dz[:, :].T @ x[t][1:] if len(h) > 1 else 0"),)),
    ("from h_T, each is zero (only there,", (("    for t in reversed", "    dh = 0 * dh\n    for t in reversed"),)),
)
OVER_UNITS = "db += dz.reshape(len(h), 4, -1).sum(axis=2).T.ravel() if len(h) > 1 else 0"
OF_LATER = ((dF, "df = dc * c_last * sigmoid_slope(f)"), (dI, "di = dc * o * sigmoid_slope(i)"))
PAIR = ((dF, "df = dc * c_before * f"), (dB, "db += dz.mean(axis=0)"))


def test_a_mistake_of_one_step_is_named_with_one_of_samples_that_only_some_sizes_allow() -> None:
    edits = ((dF, "df = dc * c_before * f"), (dB, OVER_UNITS))
    found = find_term(Laboratory(guard_backend(textbook(*edits)), "float32", backward=True, seconds=60))
    assert found is not None and found.is_certain
    assert "the forget gate lacks the factor 1−f" in found.sentence and "where B = H" in found.sentence


@pytest.mark.parametrize(("sentence", "edits"), PLANTED)
def test_the_mistake_is_named(sentence: str, edits: tuple[Edit, ...]) -> None:
    found = find_term(Laboratory(guard_backend(textbook(*edits)), "float32", backward=True, seconds=60))
    assert found is not None and found.is_certain and sentence in found.sentence


@pytest.mark.parametrize(
    ("edits", "sentences"),
    [
        (PAIR, ("the forget gate lacks the factor 1−f", "the gradient of b is divided by the number of samples")),
        (
            OF_LATER,
            ("the input gate has the factor o instead of g", "at every step, the gradient of the forget gate has c_T"),
        ),
    ],
)
def test_both_of_two_mistakes_are_named(edits: tuple[Edit, ...], sentences: tuple[str, ...]) -> None:
    found = find_term(Laboratory(textbook(*edits), "float64", backward=True, seconds=60))
    assert found is not None and found.is_certain
    assert all(sentence in found.sentence for sentence in sentences)


@pytest.mark.parametrize("name", ["wide", "fused", "reversed", "kahan", "by tanh"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_right_implementation_of_odd_construction_has_no_other_gradient(name: str, dtype: str) -> None:
    assert find_term(Laboratory(RIGHT[name](), dtype, backward=True, seconds=60)) is None


def test_what_is_no_product_stays_unknown() -> None:
    found = find_term(Laboratory(textbook((dG, dG + " * np.cos(x[t][:, :1])")), "float32", backward=True, seconds=60))
    assert found is not None and not found.is_certain
    assert "the gradient of the candidate is not that of the equations; its formula is unknown" in found.sentence


def test_a_product_that_fails_over_several_steps_is_not_certain() -> None:
    last = (dF, "df = dc * (c_last + (t > 0) * np.cos(c_last)) * sigmoid_slope(f)")
    found = find_term(Laboratory(textbook(last), "float32", backward=True, seconds=60))
    assert found is not None and not found.is_certain
    assert "the forget gate has the factor c′ instead of c" in found.sentence


def test_a_buffer_that_later_steps_write_over_is_named_with_what_else_is_wrong() -> None:
    plain = find_textbook("plain")
    text = plain.text.replace("s = np.tanh(c)", "s = c").replace("zg @ Ug + zo @ Uo", "zg @ Ug + zf @ Uo")
    found = find_term(Laboratory(guard_backend(build_backend(plain, text)), "float32", seconds=60))
    assert found is not None and found.is_certain
    for words in ("the hidden state is h′ = o c′", "U_gᵀ z_g + U_oᵀ z_f", "has c′ of step T−1"):
        assert words in found.sentence
