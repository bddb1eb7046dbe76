"""The error model: how far one rounded operation of an implementation may be off, and its named grades (ACC-...).

The derivation of tolerances from it is in docs/accuracy.md. Units: u is a unit roundoff, relative.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class ErrorModel:
    """The accuracy that every elementary operation of an implementation has to keep."""

    u: float  # roundoff of one elementwise operation
    u_acc: float  # roundoff of the accumulator of a dot product
    eta: float  # absolute slack of one operation: the smallest normal number
    r_s: float = 10.0  # relative error of sigmoid, in u
    r_t: float = 14.0  # relative error of tanh, in u
    s_abs: float = 0.0  # absolute error of sigmoid, in u
    t_abs: float = 0.0  # absolute error of tanh, in u
    pre: int = 0  # extra roundings of finished partial pre-activations
    u_h: float = 0.0  # extra storage rounding of h each step; storage flushes, too: one more eta
    u_c: float = 0.0  # likewise of c
    wide_h: float = 0.0  # the h and c used inside may be wider than the ones returned, relative
    wide_d: float = 0.0  # likewise the gradients
    acc_steps: bool = False  # parameter gradients accumulated over T in precision u


_U = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
_ETA = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-14, "bfloat16": 2.0**-126}


def _relative(dtype: str) -> ErrorModel:
    return ErrorModel(_U[dtype], _U[dtype], _ETA[dtype])


def _absolute(dtype: str) -> ErrorModel:
    return replace(_relative(dtype), s_abs=ErrorModel.r_t / 2, t_abs=14.0)  # σ(z) = 1/2 + tanh(z/2) / 2 of any tanh


def _op_by_op(dtype: str) -> ErrorModel:
    return ErrorModel(_U[dtype], _U["float32"], _ETA[dtype], r_s=6.0, r_t=3.0, pre=3, acc_steps=True)


def _wide(dtype: str) -> ErrorModel:
    v, u = _U[dtype], _U["float32"]
    return ErrorModel(u, u, _ETA[dtype], u_h=v, wide_h=v, wide_d=v)


GRADES: dict[tuple[str, str], ErrorModel] = {
    ("relative", "float32"): _relative("float32"),  # ACC-1
    ("relative", "float64"): _relative("float64"),  # ACC-1
    ("absolute", "float32"): _absolute("float32"),  # ACC-2
    ("absolute", "float64"): _absolute("float64"),  # ACC-2
    ("op-by-op", "bfloat16"): _op_by_op("bfloat16"),  # ACC-3
    ("op-by-op", "float16"): _op_by_op("float16"),  # ACC-3
    ("wide", "bfloat16"): _wide("bfloat16"),  # ACC-4
    ("wide", "float16"): _wide("float16"),  # ACC-4
}
# for a backend that names none
DEFAULT_GRADES = {"float32": "relative", "float64": "relative", "bfloat16": "op-by-op", "float16": "op-by-op"}


def error_model(grade: str | ErrorModel, dtype: str) -> ErrorModel:
    """The error model of a named grade at a dtype. A grade that is a model already is returned unchanged.

    Raises ValueError if the grade is not defined at that dtype.
    """
    if isinstance(grade, ErrorModel):
        return grade
    if (grade, dtype) not in GRADES:
        known = ", ".join(sorted(name for name, at in GRADES if at == dtype)) or "none yet"
        raise ValueError(
            f"grade {grade!r} is not defined at {dtype}, expected one of: {known}; "
            "name one of them in Description.grades"
        )
    return GRADES[grade, dtype]
