"""Each clause: its id, its level as in BCP 14, one normative sentence, its source. Ids are stable and never reused."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How binding a clause is: as in BCP 14, or not at all."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"
    NOTE = "note"  # a fact that follows from the definitions, or compares; it asks nothing of an implementation


@dataclass(frozen=True)
class Clause:
    """One normative sentence. `equation`, if there is one, uses the letters of `lstm_spec.types`."""

    id: str
    level: Level
    sentence: str
    equation: str = ""
    source: str = ""


MUST, SHOULD, MAY, NOTE = Level
_1997 = "Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735"
_2000 = "Gers, Schmidhuber & Cummins 2000, doi:10.1162/089976600300015015"
_1990 = "Elman 1990, doi:10.1207/s15516709cog1402_1"
_1994 = "Bengio, Simard & Frasconi 1994, doi:10.1109/72.279181"
_2005 = "Graves & Schmidhuber 2005, doi:10.1016/j.neunet.2005.06.042"
_2013 = "Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063"
_PEEPHOLES = "Gers, Schraudolph & Schmidhuber 2002, jmlr.org/papers/v3/gers02a.html"
_BOTH = "Schuster & Paliwal 1997, doi:10.1109/78.650093; Graves & Schmidhuber 2005, doi:10.1016/j.neunet.2005.06.042"
_PROJECTION = "Sak, Senior & Beaufays 2014, doi:10.21437/Interspeech.2014-80"
_ODYSSEY = "Greff et al. 2017, doi:10.1109/TNNLS.2016.2582924"
_1990_TRUNCATED = "Williams & Peng 1990, doi:10.1162/neco.1990.2.4.490"
_ONNX = "ONNX operator LSTM, onnx.ai/onnx/operators/onnx__LSTM.html"
_HARD = "ONNX operator HardSigmoid, onnx.ai/onnx/operators/onnx__HardSigmoid.html"
_PYTORCH = "Paszke et al. 2019, arXiv:1912.01703"
_TYING = "Press & Wolf 2017, arXiv:1608.05859"
_DROPOUT = "Srivastava et al. 2014, jmlr.org/papers/v15/srivastava14a.html"
_2002 = "Higham 2002, Accuracy and Stability of Numerical Algorithms, 2nd ed."

_TABLE = (
    Clause("ACT-1", MUST, "The gate activation is the logistic function, everywhere on the real line.", "σ(z) = 1 / (1 + exp(−z))", _1997),
    Clause("ACT-2", MUST, "The candidate and the cell state are squashed by the hyperbolic tangent, everywhere on the real line.", "tanh(z)", _2000),
    Clause("ACT-3", MUST, "Pre-activations of any finite size give finite gates, states and gradients; far from zero a gate is 1 or 0, as nearly as its grade demands."),
    Clause("ACT-4", SHOULD, "Finite input raises no floating-point warning (overflow, invalid, division by zero)."),
    Clause("CELL-1", MUST, "The input gate decides, from the input and the short-term memory, how much of the candidate is added to the long-term memory.", "i = σ(W_i x + U_i h + b_i)", _1997),
    Clause("CELL-2", MUST, "The forget gate decides, from the input and the short-term memory, what is removed from the long-term memory.", "f = σ(W_f x + U_f h + b_f)", _2000),
    Clause("CELL-3", MUST, "The candidate is what the input and the short-term memory offer to the long-term memory.", "g = tanh(W_g x + U_g h + b_g)", _1997),
    Clause("CELL-4", MUST, "The output gate decides, from the input and the short-term memory, how much of the long-term memory is shown.", "o = σ(W_o x + U_o h + b_o)", _1997),
    Clause("CELL-5", MUST, "The long-term memory keeps what the forget gate leaves of it, and adds what the input gate lets in; nothing else changes or bounds it.", "c_t = f c_{t−1} + i g", _2000),
    Clause("CELL-6", MUST, "The short-term memory is what the output gate shows of the squashed long-term memory.", "h_t = o tanh(c_t)", _1997),
    Clause("SEQ-1", MUST, "A sequence is read step by step, in order; each step starts from the state that the step before left; no state is reset, cut or skipped.", "s_t = cell(x_t, s_{t−1})", _1997),
    Clause("SEQ-2", MUST, "The output of a step is its hidden state.", "y_t = h_t"),
    Clause("SEQ-3", MUST, "The returned state is the state after the last step; its h equals the last output to the last bit.", "h_T = y_T"),
    Clause("SEQ-4", MUST, "A sequence starts from the given initial state, both h and c; a sequence may be continued from a returned state.", "s_0 = (h_0, c_0)"),
    Clause("SEQ-5", MUST, "A step depends only on its input and the two memories it was given; what comes later changes nothing before it."),
    Clause("NET-1", MUST, "The samples of a batch do not influence each other, and their order does not matter."),
    Clause("NET-2", MUST, "Units and inputs have no order: permuting them with their weights permutes the answer."),
    Clause("NET-3", MUST, "At each step a layer reads what the layer below returned, of every direction; the outputs of the last layer are the answer."),
    Clause("NET-4", MUST, "The states of a stack are ordered by layer, and within a layer forward before reverse; each has its own place.", "k = layer · D + direction"),
    Clause("NET-5", MUST, "The gradient of a layer's outputs is the sum of the gradients of all that read them: the loss, the layer's own next step, and every direction of the layer above."),
    Clause("NET-6", MUST, "A feature that is offered is not ignored: turning it on changes the answer."),
    Clause("NET-7", MAY, "What goes beyond the LSTM may be offered, and no clause is about it: dropout, layer normalisation, layers of different widths. Where the clauses are to hold, it is off."),
    Clause("NET-8", MAY, "An implementation may keep its own order of states and its own number of biases (b is their sum), and may treat an omitted state as zero; in these clauses both states are given, by name, and each gate has one bias."),
    Clause("LEN-1", MUST, "A sequence is read up to its length and no further; what stands beyond it, including NaN and infinity, influences nothing."),
    Clause("LEN-2", MUST, "Outputs beyond a length are exactly zero."),
    Clause("LEN-3", MUST, "The final state of a sequence is the state after its own last step; the final state of a sequence of length 0 is its initial state."),
    Clause("LEN-4", MUST, "Any lengths from 1 to T may occur, in any order, and lengths of 0 as well if they are offered."),
    Clause("LEN-5", MUST, "The gradient of an input beyond a length is exactly zero, and the cotangent of an output there is ignored."),
    Clause("LEN-6", MUST, "The cotangents of a final state enter at the sequence's own last step; for a sequence of length 0 they are the gradients of its initial state."),
    Clause("LEN-7", SHOULD, "Lengths that do not fit are refused with an exception: too few, too many, a negative one, one above T, one that is not whole."),
    Clause("DIR-1", MUST, "A reverse direction reads from the last step within the length to the first; what stands beyond the length stays where it is.", source=_BOTH),
    Clause("DIR-2", MUST, "In either direction, an output stands at the step of its input."),
    Clause("DIR-3", MUST, "The final state of a reverse direction is the state after the first step in time, which it reads last."),
    Clause("DIR-4", MUST, "Each of the two directions has its own parameters and states; their outputs stand side by side, forward before reverse.", source=_BOTH),
    Clause("VAR-1", MUST, "With peepholes, the input and the forget gate also see the cell state before the step.", "z_i = W_i x + U_i h + b_i + p_i c_{t−1}", _PEEPHOLES),
    Clause("VAR-2", MUST, "With peepholes, the output gate also sees the cell state after the step; if that state is bounded, it sees the bounded one.", "z_o = W_o x + U_o h + b_o + p_o c_t", _PEEPHOLES),
    Clause("VAR-3", MUST, "With coupled gates, the forget gate is what the input gate leaves.", "f = 1 − i", _ODYSSEY),
    Clause("VAR-4", MUST, "With a projection, the hidden state is a linear map of what the output gate shows, without a bias; the cell state is not projected.", "h_t = R (o tanh(c_t))", _PROJECTION),
    Clause("VAR-5", MUST, "With clipping, the cell state is bounded after every step, and the bounded one is shown and carried on; the bound is the nearest number of the dtype.", "c_t = min(max(f c_{t−1} + i g, −k), k)", _PROJECTION),
    Clause("VAR-6", MUST, "The derivative of the bound is 1 inside and 0 outside; on the edge it may be anything between.", "1 where |f c_{t−1} + i g| < k, else 0"),
    Clause("VAR-7", MUST, "Without a forget gate nothing is forgotten.", "c_t = c_{t−1} + i g", _1997),
    Clause("VAR-8", MUST, "The cell of 1997, simplified (its gates do not read each other), squashes the candidate to (−2, 2) and the cell state to (−1, 1).", "g = 4σ(z) − 2 = 2 tanh(z/2), h_t = o (2σ(c_t) − 1) = o tanh(c_t/2)", _1997),
    Clause("VAR-9", MAY, "The gradient of 1997, cut off at the gates, may be offered under a separate name; it is the gradient of no function, and no other clause is about it.", source=_1997),
    Clause("VAR-10", MUST, "With configured activations, all gates pass the function that is configured: the logistic function, or a line that is cut off at 0 and 1, with the configured slope and offset.", "i, f, o = max(0, min(1, α z + β))", _HARD),
    Clause("VAR-11", MUST, "With configured activations, the candidate and the cell state pass the functions that are configured for each: tanh, max(z, 0), or none.", "g = φ(z_g), h_t = o ψ(c_t)", f"{_ODYSSEY}; {_ONNX}"),
    Clause("VAR-12", MUST, "The derivative of a function that is made of lines is the slope of its line; at a kink it may be anything between the slopes of the two.", "α where 0 < α z + β < 1, else 0"),
    Clause("VAR-13", MUST, "With clipping of the projection, the hidden state is bounded after every step, and the bounded one is the output and is read at the next step; the bound is the nearest number of the dtype.", "h_t = min(max(R (o tanh(c_t)), −k), k)", _PROJECTION),
    Clause("VAR-14", MUST, "The derivative of the bound on the projection is 1 inside and 0 outside; on the edge it may be anything between.", "1 where |R (o tanh(c_t))| < k, else 0"),
    Clause("NUM-1", MUST, "A NaN or an infinity in an input, an initial state or a cotangent affects no other sample, but for the parameter gradients, which are sums over samples. In an input it affects nothing before its step; in a cotangent, nothing after it."),
    Clause("NUM-2", SHOULD, "A NaN that is given, in whatever array, gives a NaN in every output and in every gradient that it enters."),
    Clause("NUM-3", MAY, "The sign of a zero is not specified."),
    Clause("SHAPE-1", MUST, "y is (T, B, D·P); the returned h and c have the shapes of the given ones."),
    Clause("SHAPE-2", MUST, "Every output has the dtype of the initial states."),
    Clause("SHAPE-3", MUST, "Every gradient has the shape and the dtype of what it belongs to."),
    Clause("SHAPE-4", MUST, "A single step, a single sample, a single input and a single unit are enough, separately and combined; no axis is dropped."),
    Clause("SHAPE-5", MUST, "An empty sequence, if it is offered, has an empty y, and its final state is its initial state."),
    Clause("SHAPE-6", MUST, "An empty batch, if it is offered, has empty outputs and zero parameter gradients."),
    Clause("GRAD-1", MUST, "The gradient enters the cell state through the output and along the cell.", "dc_t = dh_t o (1 − tanh²(c_t)) + f_{t+1} dc_{t+1}", _2005),
    Clause("GRAD-2", MUST, "The gate gradients are the derivatives of the equations.", "dz_i = dc g i(1−i), dz_f = dc c_{t−1} f(1−f), dz_g = dc i (1−g²), dz_o = dh tanh(c) o(1−o)", _2005),
    Clause("GRAD-3", MUST, "The gradient is propagated through every step, along both memories, and never cut off.", "dh_{t−1} = dy_{t−1} + Σ_k U_kᵀ dz_k", _2005),
    Clause("GRAD-4", MUST, "The gradients of the parameters are summed over steps and batch; they are not averaged, and not carried over from an earlier call.", "dW_k = Σ dz_k xᵀ, dU_k = Σ dz_k h_{t−1}ᵀ, db_k = Σ dz_k", _2005),
    Clause("GRAD-5", MUST, "The gradient of an input is the sum of what the gates of its step pass back to it.", "dx_t = Σ_k W_kᵀ dz_k", _2005),
    Clause("GRAD-6", MUST, "The initial state has a gradient, as every other state has.", "dh_0 = Σ_k U_kᵀ dz_k, dc_0 = f_1 dc_1", _2005),
    Clause("GRAD-7", MUST, "Gradients are linear in the cotangents of y, h_T and c_T; each of the three counts."),
    Clause("GRAD-8", MUST, "The pass that is differentiated computes the same LSTM as the forward pass, and returns its answer."),
    Clause("FLOW-1", MUST, "Along the cell alone, with the gates taken as given, the gradient is the product of the forget gates, at every lag.", "∂c_T/∂c_0 = Π_t f_t", f"{_1997}; {_2000}"),
    Clause("FLOW-2", MUST, "With f = 1 and i = 0, the cell state and its gradient along the cell are carried unchanged for any number of steps. The logistic function comes as near to 1 and 0 as one likes; where it rounds to them, nothing is lost.", "c_T = c_0, ∂c_T/∂c_0 = 1", f"{_1997}; {_2000}"),
    Clause("FLOW-3", MUST, "With a constant forget gate below one, the gradient along the cell decays at exactly the rate of that gate: after n steps, by its n-th power.", "∂c_n/∂c_0 = f^n", _2000),
    Clause("FLOW-4", NOTE, "A net without state that is given a bag of steps does not see their order.", "y = tanh(W Σ_t x_t + b)", _1990),
    Clause("FLOW-5", NOTE, "A recurrent net without gates has one memory, and overwrites it at every step.", "h_t = tanh(W x_t + U h_{t−1} + b)", _1990),
    Clause("FLOW-6", NOTE, "The gradient of a recurrent net without gates is a product with U at every step: it vanishes if the largest singular value of U is below 1, and can explode only if that is above 1.", "‖∂h_t/∂h_k‖₂ ≤ (γ σ_max(U))^{t−k}, γ = 1", f"{_1994}; {_2013}"),
    Clause("FLOW-7", NOTE, "Through both memories, the gradient of an LSTM is the product of its steps' Jacobians; in it, FLOW-1 is the path along the cell.", "∂(h_t, c_t)/∂(h_k, c_k) = Π_j ∂(h_j, c_j)/∂(h_{j−1}, c_{j−1})", _2005),
    Clause("ACC-1", MUST, "At grade relative, every operation keeps its relative accuracy: σ within 10 roundoffs, tanh within 14.", source=_2002),
    Clause("ACC-2", MAY, "At grade absolute, σ and tanh may in addition be off by 7 and 14 roundoffs in absolute terms.", source=_2002),
    Clause("ACC-3", MAY, "With 16 bits, at grade op-by-op, every operation is rounded to 16 bits, and products are summed in float32; σ is within 6 roundoffs, tanh within 3.", source=_2002),
    Clause("ACC-4", MAY, "With 16 bits, at grade wide, everything is as ACC-1 demands for float32, and only what is returned is rounded.", source=_2002),
    Clause("ACC-5", MUST, "If bfloat16 weights are offered, x and all parameters may be bfloat16 beside states of float32. They are read as they are; states, sums and cotangents keep the accuracy of float32, and a gradient is rounded once, to the dtype of what it belongs to.", source=_2002),
    Clause("CONTRACT-1", MUST, "A call leaves its inputs unchanged."),
    Clause("CONTRACT-2", MUST, "The same call gives the same answer, to the last bit unless the implementation says that it is not deterministic; one call leaves no trace in the next. Inputs are read anew in every call, and an answer never changes afterwards, whatever is called or written into the inputs."),
    Clause("CONTRACT-3", SHOULD, "Arrays whose shapes do not fit together are refused with an exception; cotangents are among them."),
    Clause("CONTRACT-4", MUST, "Inputs are read as they are, whether they may be written or not, whatever their strides and addresses, and also if they share memory with each other or with an earlier answer."),
    Clause("MOD-1", MUST, "A module is built once and called often, with any T, B and lengths; each answer, and each gradient, is that of a new module with the same parameters. Modules share nothing unless they are tied, and an answer never changes afterwards.", source=_PYTORCH),
    Clause("MOD-2", MUST, "Parameters that are changed in place act at the next call, forward and backward.", source=_PYTORCH),
    Clause("MOD-3", MUST, "A state that is left out is zero, and lengths that are left out are full, whatever was given before.", "h_0 = c_0 = 0", _ONNX),
    Clause("MOD-4", MUST, "A bias that is left out is zero, also after parameters were changed.", "b = 0", _ONNX),
    Clause("MOD-5", MUST, "A kept state continues the sequence, step by step or in parts, as if it were whole; a reset forgets it, and a new module has none: then the state is zero.", "s_0 = s_T of the last call", _1990_TRUNCATED),
    Clause("MOD-6", MUST, "Parameters that are saved and restored are the same to the last bit, whatever the other module had before.", source=_PYTORCH),
    Clause("MOD-7", MUST, "A copy has parameters and a kept state of its own, equal at first. Modules that are tied have one set of parameters, and stay tied.", source=_TYING),
    Clause("MOD-8", MUST, "If only some gradients are wanted, they are the same as among all of them.", source=_PYTORCH),
    Clause("MOD-9", MUST, "In evaluation, the same call gives the same answer, whatever training did before, as long as the parameters are the same.", source=_DROPOUT),
    Clause("MOD-10", MUST, "Calls leave the parameters as they are, to the last bit."),
)  # fmt: skip

CHOICES: dict[str, tuple[str, ...]] = {  # where implementations differ, and the clauses that say what holds here
    "an empty sequence": ("SHAPE-5", "LEN-3"),
    "an empty batch": ("SHAPE-6",),
    "one unit, one input": ("SHAPE-4",),
    "NaN": ("NUM-1", "NUM-2"),
    "padding": ("LEN-1",),
    "infinities": ("NUM-1", "ACT-3"),
    "the logistic function far from 0": ("ACT-1", "ACT-3", "ACT-4"),
    "the sign of zero": ("NUM-3",),
    "reverse with lengths": ("DIR-1",),
    "alignment of reverse outputs": ("DIR-2",),
    "outputs beyond a length": ("LEN-2",),
    "the state of a finished sequence": ("LEN-3",),
    "the final state in reverse": ("DIR-3",),
    "the output of two directions": ("DIR-4",),
    "the place of a state in a stack": ("NET-4",),
    "projection": ("VAR-4",),
    "the peephole of the output gate": ("VAR-2",),
    "a bound on the cell state": ("VAR-5", "VAR-6"),
    "coupled gates": ("VAR-3",),
    "configured activations": ("VAR-10", "VAR-11", "VAR-12"),
    "a bound on the projection": ("VAR-13", "VAR-14"),
    "two biases": ("NET-8",),
    "what gradients are summed over": ("GRAD-4",),
    "gradients at masked inputs": ("LEN-5",),
    "the truncated gradient of 1997": ("VAR-9",),
    "dropout": ("NET-7",),
    "the order of h and c": ("NET-8",),
    "an omitted initial state": ("NET-8", "MOD-3"),
    "an omitted bias": ("MOD-4",),
    "a state that is kept between calls": ("MOD-5",),
    "which lengths": ("LEN-4", "LEN-7"),
    "layer normalisation": ("NET-7",),
}

CLAUSES: dict[str, Clause] = {clause.id: clause for clause in _TABLE}
