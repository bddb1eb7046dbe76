"""What the pages say of each family of clauses: its title, what it is about, and how implementations differ."""

from typing import NamedTuple


class Family(NamedTuple):
    """The texts on one family of clauses, as Markdown."""

    title: str
    introduction: str
    differences: str = ""  # what is known of implementations, besides the verdicts on frameworks


FAMILIES = {
    "ACT": Family(
        "Activations",
        "The two functions through which everything in the cell passes, and what they do far from zero.",
        "Keras 2 and Keras 3 also offer a hard sigmoid, with the slopes 1/5 and 1/6. That is another function, with clauses of its own"
        " (VAR-10). Some libraries compute σ from tanh; then small values of σ have fewer right digits, and the grade is"
        " `absolute` (ACC-2).",
    ),
    "CELL": Family(
        "The cell",
        "One step of the standard LSTM: four gates read the input and the short-term memory, and two equations make"
        " the new memories. In CELL-1 to CELL-4, x is the input of step t and h the hidden state before it, h_{t−1}."
        " All products of two vectors are elementwise.",
        "The equations are the same everywhere, but the weights are stored differently: the order of the gates, which axis they"
        " are stacked along, one bias or two, and whether 1 is added to the forget gate's bias at run time."
        " [Layouts](/layouts.md) has the details for each framework.",
    ),
    "SEQ": Family(
        "Sequences",
        "How steps become a sequence: what is carried from one to the next, what is returned, and where it starts.",
        "Most libraries return (h, c); those of JAX, and the cells of TensorFlow 1, return (c, h).",
    ),
    "NET": Family(
        "Batches, units, layers",
        "What holds if there is more than one sample, more than one unit or more than one layer.",
        "PyTorch, ONNX and cuDNN have two biases for each gate, which are added. Keras, Flax and MLX have one.",
    ),
    "LEN": Family(
        "Lengths",
        "Sequences of different lengths in one batch: what lies beyond the end of a sequence has no influence.",
        "Where a step is masked by a choice between two results after both were computed, the derivative of the one that is"
        " not chosen is 0 times whatever was there: a NaN in the padding then spoils gradients (LEN-5).",
    ),
    "DIR": Family(
        "Directions",
        "Reading backwards, alone or beside the forward direction.",
    ),
    "VAR": Family(
        "Variants",
        "Cells that differ from the standard one: peepholes, coupled gates, no forget gate, the cell of 1997, projection, bounds and other"
        " activations. A variant binds only those who offer it.",
        "WebNN's output gate sees the old cell state (against VAR-2). TensorFlow's LSTMBlockCell bounds the cell state to 3 unless"
        " told otherwise. ONNX's `clip` bounds pre-activations, which is another variant and not in this specification."
        " TensorFlow Lite keeps the forget gate when gates are coupled, so there i = 1 − f.",
    ),
    "NUM": Family(
        "NaN, infinities, zeros",
        "What happens to numbers that are not finite, and to the sign of zero.",
    ),
    "SHAPE": Family(
        "Shapes and dtypes",
        "The shapes and dtypes of everything that is returned, down to sizes of one and of zero.",
    ),
    "GRAD": Family(
        "Gradients",
        "The derivative of a loss with respect to everything that was read: full back-propagation through time."
        " A cotangent dq is the derivative of the loss with respect to q. What has no index is of step t; in GRAD-6 it is of step 1."
        " At the last step, the given cotangents of h_T and c_T stand in the place of what a next step would send back.",
        "Frameworks with automatic differentiation have these gradients if the forward pass is right. The fused kernels have"
        " gradients written by hand, and there mistakes occur.",
    ),
    "FLOW": Family(
        "Gradient flow",
        "Why an LSTM can learn what lies far back: how the gradient travels along the cell, and how it travels in nets"
        " that forget. [Why the LSTM remembers](/why.md) tells the story.",
    ),
    "ACC": Family(
        "Accuracy",
        "How far rounding may lead away from the equations. [Accuracy](/accuracy.md) derives the bounds, and"
        " [Conformance](/conformance.md) says what the grades mean.",
    ),
    "CONTRACT": Family(
        "The contract",
        "What a caller may rely on besides the numbers: inputs stay as they are, and the same call gets the same answer.",
    ),
    "MOD": Family(
        "Modules",
        "An LSTM that is built once with its parameters and called many times, as frameworks offer it: what it keeps"
        " between calls, and what it must not keep.",
    ),
}
