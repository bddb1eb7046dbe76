"""Mistakes of a line or two in the text of `planted_textbook`: its back-propagation. The forward pass is right."""

from tests.planted.edits import LOW, Edit, edit
from tests.planted.entry import Planted

FOUND = "return y, h_last, c_last, dx, dh, dc, dW, dU, db"
BACK = "        dh = dz @ U\n"
CARRY = "        dc = dc * f\n"
IN_h, IN_c = "dh = dh + dy[t]", "dc = dc + dh * o * tanh_slope(s)"
dI, dF, dO, dG = (
    "di = dc * g * sigmoid_slope(i)",
    "df = dc * c_before * sigmoid_slope(f)",
    "do = dh * s * sigmoid_slope(o)",
    "dg = dc * i * tanh_slope(g)",
)
dW, dU, dB, dX = "dW += dz.T @ x[t]", "dU += dz.T @ h_before", "db += dz.sum(axis=0)", "dx[t] = dz @ W"
SLOPE_S, SLOPE_T = "return s * (1 - s)", "return 1 - y * y"
RUN = "y, h_last, c_last, steps = forward(x, h, c, W, U, b)"


def _wrong(name: str, edits: Edit | list[Edit], *means: str, family: str = "gradient", error: str = "") -> Planted:
    return edit(name, family, edits, *means, error=error)


def _at_the_end(line: str) -> Edit:
    return FOUND, f"{line}\n    {FOUND}"


def _cut_every(k: int) -> Edit:
    return CARRY, f"{CARRY}        dh, dc = (dh, dc) if t == 0 or t % {k} else (dh * 0, dc * 0)\n"


def _from(steps: str) -> Edit:
    return "for t in reversed(range(len(x))):", f"for t in reversed({steps}):"


BLOCKS = "U = np.split(dU, 4)"

CHAIN = (
    _wrong("has 1 - y for the slope of tanh", (SLOPE_T, "return 1 - y"), "takes_the_slope_of_tanh_as_one_minus_y"),
    _wrong(
        "has 1 - tanh(c) at the cell",
        (IN_c, "dc = dc + dh * o * (1 - s)"),
        "takes_the_slope_of_the_squashed_cell_as_one_minus_y",
    ),
    _wrong("has 1 - g at the candidate", (dG, "dg = dc * i * (1 - g)")),
    _wrong("forgets the slope at the cell", (IN_c, "dc = dc + dh * o")),
    _wrong("forgets the slope of the candidate", (dG, "dg = dc * i")),
    _wrong("has s for the slope of σ", (SLOPE_S, "return s"), "takes_the_slope_of_sigmoid_as_itself"),
    _wrong("has 1 - s for the slope of σ", (SLOPE_S, "return 1 - s")),
    _wrong("has the new c for the forget gate", (dF, "df = dc * c_last * sigmoid_slope(f)")),
    _wrong("has f for i in the slope of i", (dI, "di = dc * g * sigmoid_slope(f)")),
    _wrong("swaps g and i", [(dI, dI.replace("g", "i", 1).replace("si", "si")), (dG, dG.replace("* i", "* g"))]),
    _wrong("gives the forget gate nothing", (dF, "df = 0 * dc"), "holds_the_forget_gate_constant"),
    _wrong("gives the input gate nothing", (dI, "di = 0 * dc")),
    _wrong("has c for tanh(c) at the output gate", (dO, "do = dh * np.arctanh(s) * sigmoid_slope(o)")),
    _wrong("leaves o out at the cell", (IN_c, "dc = dc + dh * tanh_slope(s)")),
    _wrong(
        "has exp(z)/(1 + exp(z))² for the slope of σ",
        [
            (SLOPE_S, "return np.exp(s) / (1 + np.exp(s)) ** 2"),
            (dI, dI.replace("(i)", "(z[:, :h.shape[1]])")),
            (dF, dF.replace("(f)", "(z[:, h.shape[1]:2 * h.shape[1]])")),
            (dO, dO.replace("(o)", "(z[:, 2 * h.shape[1]:3 * h.shape[1]])")),
        ],
        "overflows_in_the_slope_of_the_sigmoid",
        family="overflow",
    ),
    _wrong(
        "has exp(-z)/(1 + exp(-z))² for the slope of σ",
        [
            (SLOPE_S, "return np.exp(-s) / (1 + np.exp(-s)) ** 2"),
            (dI, dI.replace("(i)", "(z[:, :h.shape[1]])")),
            (dF, dF.replace("(f)", "(z[:, h.shape[1]:2 * h.shape[1]])")),
            (dO, dO.replace("(o)", "(z[:, 2 * h.shape[1]:3 * h.shape[1]])")),
        ],
        family="overflow",
    ),
)

THROUGH_TIME = (
    _wrong("forgets the path through c", (CARRY, "        dc = dc * 0\n"), "drops_the_path_through_the_cell_state"),
    _wrong("forgets the path through h", (BACK, "        dh = dh * 0\n"), "drops_the_path_through_the_hidden_state"),
    _wrong("forgets f on the path through c", (CARRY, "")),
    _wrong(
        "multiplies by U the wrong way",
        (BACK, "        dh = sum(d @ u.T for d, u in zip(np.split(dz, 4, 1), np.split(U, 4)))\n"),
    ),
    _wrong("cuts off every step", _cut_every(1), "truncates_the_gradient_after_1_steps"),
    _wrong("cuts off every 50 steps", _cut_every(50), "truncates_the_gradient_after_50_steps"),
    _wrong("cuts off every 100 steps", _cut_every(100), "truncates_the_gradient_after_100_steps"),
    _wrong("cuts off every 35 steps", _cut_every(35)),
    _wrong("stops 100 steps from the end", _from("range(max(0, len(x) - 100), len(x))")),
    _wrong("stops before the first step", _from("range(1, len(x))")),
    _wrong("starts one step early", _from("range(len(x) - 1)")),
)

ENDS = (
    _wrong("forgets dh_T", (RUN, f"{RUN}\n    dh = 0 * dh"), "ignores_the_gradient_of_the_final_hidden_state"),
    _wrong("forgets dc_T", (RUN, f"{RUN}\n    dc = 0 * dc"), "ignores_the_gradient_of_the_final_cell_state"),
    _wrong("forgets both", (RUN, f"{RUN}\n    dh, dc = 0 * dh, 0 * dc")),
    _wrong(
        "reads the last dy alone",
        (IN_h, "dh = dh + dy[t] * (t == len(x) - 1)"),
        "ignores_the_gradient_of_all_outputs_but_the_last",
    ),
    _wrong("overwrites dh with dy", (IN_h, "dh = dy[t]")),
    _wrong("reads dy one step late", (IN_h, "dh = dh + dy[t - 1]")),
    _wrong("returns no dh_0", _at_the_end("dh = 0 * dh"), "leaves_out_the_gradient_of_the_initial_hidden_state"),
    _wrong("returns no dc_0", _at_the_end("dc = 0 * dc")),
    _wrong(
        "returns dc before its f",
        (CARRY, "        dc = dc * (f if t else 1)\n"),
        "leaves_the_forget_gate_out_of_the_initial_cell_gradient",
    ),
    _wrong("swaps dh_0 and dc_0", (FOUND, FOUND.replace("dh, dc", "dc, dh"))),
    _wrong(
        "starts from zero in the gradient pass",
        (RUN, RUN.replace("x, h, c", "x, 0 * h, 0 * c")),
        "differentiates_an_lstm_without_initial_state",
        family="pass",
    ),
)

SUMS = (
    _wrong("forgets db_o", _at_the_end("np.split(db, 4)[2][:] = 0"), "leaves_out_the_gradient_of_one_bias"),
    _wrong("forgets dU", (dU, "pass"), "leaves_out_the_gradient_of_the_recurrent_weights"),
    _wrong("forgets dx_1", _at_the_end("dx[0] = 0"), "leaves_out_the_input_gradient_of_the_first_step"),
    _wrong(
        "has dW_i for dW_f",
        _at_the_end("np.split(dW, 4)[1][:] = np.split(dW, 4)[0]"),
        "gives_one_gate_the_gradient_of_another",
    ),
    _wrong(
        "divides by the batch",
        _at_the_end("dW, dU, db = (d / x.shape[1] for d in (dW, dU, db))"),
        "averages_the_parameter_gradients_over_the_batch",
    ),
    _wrong("averages db over the batch", (dB, "db += dz.mean(axis=0)")),
    _wrong("divides by the steps", _at_the_end("dW, dU, db = (d / len(x) for d in (dW, dU, db))")),
    _wrong(
        "transposes dU",
        _at_the_end("dU = np.concatenate([d.T for d in np.split(dU, 4)])"),
        "transposes_the_gradient_of_the_recurrent_weights",
    ),
    _wrong(
        "leaves the last step out of dU",
        (dU, f"if t < len(x) - 1:\n            {dU}"),
        "misses_the_last_step_in_the_recurrent_weights",
    ),
    _wrong("leaves the first step out of dU", (dU, f"if t:\n            {dU}")),
    _wrong("has the new h in dU", (dU, "dU += dz.T @ y[t]")),
    _wrong("keeps the last dW", (dW, "dW = dz.T @ x[t]")),
    _wrong("sums one sample alone in db", (dB, "db += dz[0]")),
    _wrong("packs dz in another order", ("[di, df, do, dg]", "[di, df, dg, do]")),
    _wrong("has the next step's x in dW", (dW, "dW += dz.T @ x[t - 1]")),
    _wrong("adds dx up", (dX, "dx[t] = dz @ W + dx[(t + 1) % len(x)]")),
    _wrong(
        "clips everything at 1",
        (FOUND, "return y, h_last, c_last, *(np.clip(d, -1, 1) for d in (dx, dh, dc, dW, dU, db))"),
        "clips_the_gradient",
    ),
    _wrong("clips the parameters' gradients at 5", _at_the_end("[np.clip(d, -5, 5, out=d) for d in (dW, dU, db)]")),
    _wrong(
        "stores dz in float16",
        (dW, f"dz = dz.astype('f2').astype(x.dtype)\n        {dW}"),
        family="precision",
        error=LOW,
    ),
)

BACKWARD = (*CHAIN, *THROUGH_TIME, *ENDS, *SUMS)
