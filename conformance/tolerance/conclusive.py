"""When a bound has grown too wide to say anything."""

from lstm_spec import ErrorModel

CONCLUSIVE = 1e-2  # a free-running error above this says nothing, unless so much is lost in a few roundings
ROUNDINGS = 2.0**6  # so many


def largest_conclusive_error(model: ErrorModel) -> float:
    """The largest error of h in a free run that still says something."""
    return max(CONCLUSIVE, ROUNDINGS * largest_roundoff(model))


def largest_roundoff(model: ErrorModel) -> float:
    """The largest relative error of a single rounding."""
    return max(model.u, model.u_h, model.u_c)
