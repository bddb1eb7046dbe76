"""Looks for false alarms: every property on every backend that is known to be right, over a hard mix.

The backends are those of this project and those of tools/checks/right, which are built in other ways; each also claims
less than it can. The runs are dealt out to pieces. A piece is saved as a file, and files are added up and printed: the
mix that came out, error/bound per output, form and dtype (maximum and median over comparisons), and every alarm.

    python -m tools.checks.soak                        all pieces, added up
    python -m tools.checks.soak --piece 3 --of 40      one piece
    python -m tools.checks.soak --add soak/*.json      the sum of pieces; --page docs/soak.md writes the page
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.progress import track

from conformance.assertions.comparison import recorded_ratios
from conformance.files import write_whole
from conformance.outcome import Outcome
from conformance.problems.form import form_of
from conformance.problems.question import problem_of
from conformance.property import PROPERTIES
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.targets.resolve import TargetError, resolve
from conformance.verdict import Verdict
from lstm_spec import Backend, BackendUnavailable, Problem
from tools.checks.right.backends import RIGHT
from tools.checks.right.restricted import AS_A_MODULE, RESTRICTIONS
from tools.checks.soaked import DTYPES, WANTED, Soaked, add_up, load_soaked, print_soaked, save_soaked, write_page

OURS = ("numpy", "torch")


class Run(NamedTuple):
    """One backend at one dtype."""

    target: str  # one of OURS or RIGHT
    restriction: str  # one of RESTRICTIONS
    dtype: str
    examples: int
    seed: int

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.target, self.restriction, self.dtype, f"seed {self.seed}")))


def list_runs(examples: int, seed: int, targets: tuple[str, ...] = ()) -> list[Run]:
    """Each target at each dtype, and each restriction of it at one of them in turn."""
    runs = []
    for n, target in enumerate(targets or (*OURS, *RIGHT)):
        dtypes = DTYPES[2:] if target == "rounded" else DTYPES[:2] if target == "by tanh" else DTYPES
        runs += [Run(target, "", dtype, examples, seed) for dtype in dtypes]
        for k, restriction in enumerate(name for name in RESTRICTIONS if name):
            runs.append(Run(target, restriction, dtypes[(n + k + seed) % len(dtypes)], examples, seed))
    return runs


@click.command()
@click.argument("targets", nargs=-1)
@click.option("--examples", default=85, show_default=True, help="Of each property of the core in each run.")
@click.option("--seed", default=1, show_default=True)
@click.option("--piece", type=click.IntRange(1), help="Only this piece.")
@click.option("--of", "pieces", default=40, show_default=True, type=click.IntRange(1), help="Number of pieces.")
@click.option("--jobs", default=2, show_default=True, help="Number of processes, each with one piece at a time.")
@click.option("--out", default="soak", show_default=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--resume", is_flag=True, help="Leave out the pieces that --out has already.")
@click.option("--add", "is_sum", is_flag=True, help="Run nothing: the arguments are files to add up.")
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), help="Write the table to this file as well.")
def main(
    targets: tuple[str, ...],
    examples: int,
    seed: int,
    piece: int | None,
    pieces: int,
    jobs: int,
    out: Path,
    resume: bool,
    is_sum: bool,
    page: Path | None,
) -> None:
    """Exit 1 if anything was refuted or went wrong; with --add and for all pieces also if the mix is too easy."""
    console = Console(width=150)
    if is_sum:
        finish(console, [Path(name) for name in targets], True, page)
    out.mkdir(parents=True, exist_ok=True)
    runs = list_runs(examples, seed, targets)
    wanted = range(1, pieces + 1) if piece is None else (piece,)
    paths = {k: out / f"seed-{seed}-piece-{k}-of-{pieces}.json" for k in wanted}
    todo = [k for k in wanted if not (resume and paths[k].exists())]
    doing = do_pieces([(runs[k - 1 :: pieces], paths[k]) for k in todo], jobs)
    for _ in track(doing, "soak", len(todo), console=console, disable=not console.is_terminal):
        pass
    finish(console, list(paths.values()), piece is None, page)


def finish(console: Console, paths: list[Path], whole: bool, page: Path | None) -> None:
    """Print the sum of the files, write the page if there is to be one, and exit."""
    soaked = add_up(map(load_soaked, paths))
    print_soaked(console, soaked)
    if page:
        write_whole(page, write_page(soaked).encode())
    sys.exit(bool(soaked.alarms) or not soaked.examples or (whole and not soaked.is_mixed))


def do_pieces(pieces: list[tuple[list[Run], Path]], jobs: int) -> Iterator[Path]:
    """Do the pieces, each in a process of its own if there are to be several at a time; their files."""
    if min(jobs, len(pieces)) < 2:
        yield from (soak_piece(*piece) for piece in pieces)
        return
    with ProcessPoolExecutor(jobs, max_tasks_per_child=1) as pool:
        for done in as_completed([pool.submit(soak_piece, *piece) for piece in pieces]):
            yield done.result()


def soak_piece(runs: list[Run], path: Path) -> Path:
    """Do these runs, and save what came of them; the file."""
    save_soaked(add_up(map(soak, runs)), path)
    return path


def soak(run: Run) -> Soaked:
    """What comes of one run; a target that cannot be used here is left out, with the reason."""
    try:
        backend = RESTRICTIONS[run.restriction](make_target(run.target))
    except (TargetError, BackendUnavailable) as error:
        return Soaked([run.name], left_out=[f"{run.name}: {error}"])
    found = Soaked([run.name])
    for verdict in judge(backend, run, found):
        found.examples += verdict.examples
        found.inconclusive += verdict.inconclusive
        line = f"{run.name} {verdict.property.name}: {verdict.outcome}: {verdict.detail}"
        if verdict.outcome is Outcome.INCONCLUSIVE:
            found.silent.append(line)
        elif verdict.outcome not in (Outcome.HOLDS, Outcome.NOT_CLAIMED):
            found.alarms.append(f"{line} {describe_difference(verdict)}".rstrip())
    return found


def make_target(name: str) -> Backend:
    """The backend of that name. Raises TargetError or BackendUnavailable."""
    return RIGHT[name]() if name in RIGHT else resolve(name)


def judge(backend: Backend, run: Run, found: Soaked) -> Iterator[Verdict]:
    """The verdict about each property; its examples and comparisons are counted in `found`."""
    few = max(1, run.examples // 4)  # of what is not in the core, where sizes are smaller
    known = PROFILES["soak"]
    profile = replace(
        known, examples=run.examples, long_examples=run.examples, beyond_core_examples=few, narrow_share=1
    )
    with recorded_ratios() as ratios:
        form = "plain"

        def drain() -> None:
            for quantity, values in ratios.items():
                for value in values:
                    found.note_ratio(f"{quantity.partition(' of ')[0]}|{form}|{run.dtype}", value)
            ratios.clear()

        def observe(example: Any) -> None:
            nonlocal form
            drain()
            problem = problem_of(example)
            form = name_form(problem)
            found.shares.update(list_kinds(problem))

        is_module = run.restriction == AS_A_MODULE
        for prop in (prop for prop in PROPERTIES if (prop.family == "modules") == is_module):
            yield judge_property(prop, backend, run.dtype, profile, run.seed, observe)
            drain()


def describe_difference(verdict: Verdict) -> str:
    """Where it is, and by how much."""
    if verdict.refutation is None or verdict.refutation.difference is None:
        return ""
    return str(verdict.refutation.difference)


def name_form(problem: Problem) -> str:
    """What is claimed besides the core; "several" if that is more than one thing."""
    features = sorted(form_of(problem).features)
    names = {name.replace("full ", "").replace("zero ", "") for name in features}
    return "plain" if not names else names.pop() if len(names) == 1 else "several"


def list_kinds(problem: Problem) -> list[str]:
    """Which of the hard kinds the problem is."""
    T, B, _, H = problem.sizes
    gates = [gate for gate in problem.layer[:4] if gate is not None]
    scale = max(float(np.std(a.astype(np.float64))) for gate in gates for a in (gate.W, gate.U))
    saturated = np.mean([np.mean(np.abs(gate.b.astype(np.float64)) >= 12) for gate in gates]) >= 0.1
    found = (T >= 200, H >= 64 and B == 1, scale >= 5, saturated)
    return [name for name, is_so in zip(WANTED, found, strict=True) if is_so]


if __name__ == "__main__":
    main()
