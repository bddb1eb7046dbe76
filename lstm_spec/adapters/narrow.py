"""A backend of 16 bits that computes in float32 inside."""

from dataclasses import replace

from lstm_spec.contract import Backend
from lstm_spec.storage import NARROW, compute_wide, is_narrow
from lstm_spec.types import Feature


def wide_inside(backend: Backend) -> Backend:
    """The backend with two more dtypes, bfloat16 and float16: computed in float32, rounded when returned (ACC-4).

    It claims both dtypes at grade "wide", and if it claims float32, bfloat16 weights beside states of float32 (ACC-5).
    """
    about = backend.description
    mixed = {Feature.BFLOAT16_WEIGHTS} if "float32" in about.dtypes else set()
    claims = replace(
        about,
        dtypes=(*about.dtypes, *(dtype for dtype in NARROW if dtype not in about.dtypes)),
        features=about.features | mixed,
        grades={**dict.fromkeys(NARROW, "wide"), **about.grades},
    )
    return replace(compute_wide(backend, is_narrow), description=claims)
