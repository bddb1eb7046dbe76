"""Compares runs by one tolerance, as is usual, and by derived bounds: what each says of right answers and of faults.

`python -m benchmarks.free_runs` prints the figures of section 1 of docs/accuracy.md; it needs torch.
"""

from collections.abc import Callable

import click
import numpy as np
import torch

from backends.numpy.backend import BACKEND
from conformance import judge
from lstm_spec import Answer, Array, Gate, Parameters, Problem, State, pack
from lstm_spec.types import each_array

RTOL, ATOL = 1.3e-6, 1e-5  # the defaults of torch.testing.assert_close at float32
LOST = (1e-3, 5e-6)  # the bias that a fault drops
SCALES = (0.1, 0.5, 1.0)
Draw = Callable[..., Array]


def draw_problem(seed: int, scale: float, T: int, B: int = 1, I: int = 4, H: int = 32) -> Problem:
    """A problem in float32 whose weights, inputs and states are normal; the weights have the scale."""
    normal: Draw = np.random.default_rng(seed).standard_normal

    def gate() -> Gate:
        W, U, b = normal((H, I)), normal((H, H)), normal(H)
        return Gate(*(np.float32(scale) * a.astype(np.float32) for a in (W, U, b)))

    x, h, c = (normal(shape).astype(np.float32) for shape in ((T, B, I), (1, B, H), (1, B, H)))
    return Problem(((Parameters(gate(), gate(), gate(), gate()),),), x, State(np.tanh(h), c))


def widen_problem(problem: Problem) -> Problem:
    """The same problem in float64."""
    h, c = (a.astype(np.float64) for a in problem.state)
    layer = each_array(lambda a: a.astype(np.float64), problem.layer)
    return Problem(((layer,),), problem.x.astype(np.float64), State(h, c))


def lose_bias(problem: Problem, lost: float) -> Problem:
    """The problem that a backend solves which drops a recurrent bias."""
    layer = each_array(lambda a: a - np.float32(lost) if a.ndim == 1 else a, problem.layer)
    return Problem(((layer,),), problem.x, problem.state)


def make_module(problem: Problem) -> torch.nn.LSTM:
    """A torch.nn.LSTM with the weights of a problem."""
    packed = pack(problem.layer, "ifgo")
    module = torch.nn.LSTM(problem.x.shape[2], problem.layer.g.b.size)
    weights = (packed.W, packed.U, packed.b, np.zeros_like(packed.b))
    with torch.no_grad():
        for parameter, weight in zip(module.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
    return module


def is_close(got: Answer, wanted: Answer) -> bool:
    """Whether assert_close takes one for the other."""
    pairs = zip((got.y, *got.state), (wanted.y, *wanted.state), strict=True)
    return all(np.allclose(a, b, RTOL, ATOL) for a, b in pairs)


def compare_answers(seed: int, scale: float) -> list[tuple[bool, bool]]:
    """Whether a tolerance, and whether the bounds refuse a right answer and that of each fault, after 50 steps."""
    problem = draw_problem(seed, scale, T=50, B=4)
    reference = BACKEND.forward(widen_problem(problem))
    answers = [BACKEND.forward(one) for one in (problem, *(lose_bias(problem, lost) for lost in LOST))]
    return [(not is_close(answer, reference), not judge(problem, answer).grade) for answer in answers]


def measure_chaos(T: int, scale: float) -> tuple[float, float]:
    """How far float32 and float64 are apart after T steps, and the error of float32 in units of its bound."""
    problem = draw_problem(0, scale, T)
    narrow, wide = BACKEND.forward(problem), BACKEND.forward(widen_problem(problem))
    return float(np.abs(narrow.y - wide.y).max()), judge(problem, narrow).ratio


def measure_kernels(T: int, scale: float) -> float:
    """How far PyTorch's kernels for training and for inference are apart after T steps."""
    problem = draw_problem(0, scale, T)
    module, x = make_module(problem), torch.from_numpy(problem.x)
    state = tuple(torch.from_numpy(a) for a in problem.state)
    trained = module(x, state)[0].detach()
    with torch.no_grad():
        inferred = module(x, state)[0]
    return float((trained - inferred).abs().max())


@click.command()
@click.option("--problems", type=click.IntRange(1), default=200, show_default=True)
def main(problems: int) -> None:
    """Print the figures."""
    apart, ratio = measure_chaos(10_000, 5)
    click.echo(f"T = 10,000, scale 5: float32 and float64 are {apart:.1f} apart; error/bound of float32: {ratio:.2f}")
    click.echo(f"T = 500, scale 5: PyTorch's kernels are {measure_kernels(500, 5):.2g} apart")
    lost = " | ".join(f"a bias of {bias:.0e} lost" for bias in LOST)
    click.echo(f"\n| refused by | scale | right answers | {lost} |\n|---|---|---|{'---|' * len(LOST)}")
    for scale in SCALES:
        shares = np.mean([compare_answers(seed, scale) for seed in range(problems)], axis=0)
        for name, refused in zip(("`assert_close`", "bounds"), shares.T, strict=True):
            click.echo(f"| {name} | {scale} | {' | '.join(f'{share:.0%}' for share in refused)} |")


if __name__ == "__main__":
    main()
