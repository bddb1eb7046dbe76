"""L5: mistakes in the kernels, one at a time: the suite refutes each on the emulated device, or the sanitizer stops it.

Usage: mutants.py FOLDER LIBASAN; the folder keeps what is compiled.
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from backends.cupy import kernels
from backends.cupy.backend import backend


class Mutant(NamedTuple):
    """A mistake: what it is, and the edit of the source that makes it."""

    name: str
    old: str
    new: str
    which: int = 0  # of the places where `old` stands


MUTANTS = (
    Mutant("a barrier is deleted", "    __syncthreads();\n", ""),
    Mutant("the tail is off by one", "if (k >= B * H) return;", "if (k > B * H) return;"),
    Mutant("the tail is off by one, backwards", "if (k >= B * H) return;", "if (k > B * H) return;", 1),
    Mutant("the tail is not masked", "if (k >= B * P) return;", ""),
    Mutant("a tail of columns is not masked", "threadIdx.y != 0 || column >= 4 * H", "threadIdx.y != 0"),
    Mutant("a wrong stride", "gates + (long long)b * 4 * H + j", "gates + (long long)b * 3 * H + j"),
    Mutant("a wrong stride of what is received", "received + (long long)b * 4 * H", "received + (long long)b * 4"),
    Mutant("rows are mixed", "int b = k / H, j = k % H;", "int b = k % B, j = k / B;"),
    Mutant("a float accumulator for doubles", "A sum = 0, seen = 0;", "float sum = 0; A seen = 0;"),
    Mutant("an output that is not written", "y[k] = ended ? A(0) : m;", "if (!ended) y[k] = m;"),
    Mutant("gate gradients that are not written", "z[0] = z[H] = z[2 * H] = z[3 * H] = A(0);", ";"),
    Mutant("the last to write wins", "of_b[threadIdx.y][threadIdx.x] = sum;", "of_b[1][threadIdx.x] = sum;"),
    Mutant("half of the rows is added up", "for (int y = 1; y < 8; ++y)", "for (int y = 1; y < 4; ++y)"),
    Mutant("the first row is left out", "for (int r = threadIdx.y;", "for (int r = threadIdx.y + 1;"),
    Mutant("outputs beyond a length", "y[k] = ended ? A(0) : m;", "y[k] = m;"),
    Mutant("one step too many", "ended = lengths && t >= lengths[b]", "ended = lengths && t > lengths[b]"),
    Mutant("the loss on the state at the last step", "(t == last ?", "(t == T - 1 ?"),
    Mutant("the cell state is not kept", "c_after[k] = ended ? c : after;", "c_after[k] = after;"),
    Mutant("the output gate sees the old cell", "zo += p[2 * H + j] * after;", "zo += p[2 * H + j] * c;"),
    Mutant("a gradient through the bound", "!is_inside(c_after[k], bound)", "false"),
    Mutant("a gradient through the bound of the projection", "!is_inside(h_after[k], bound)", "false"),
    Mutant("the bound of the projection is left out", "what & CLIPPED_H ?", "false ?"),
    Mutant("a hard sigmoid that is not cut off", "clip(alpha * z + beta, A(0), A(1))", "alpha * z + beta"),
    Mutant("the slope of a hard sigmoid where it is cut off", "v > A(0) && v < A(1) ? alpha : A(0)", "alpha"),
    Mutant(
        "the functions of candidate and output change places",
        "CANDIDATE = 10, OUTPUT = 12",
        "CANDIDATE = 12, OUTPUT = 10",
    ),
    Mutant("the slope of a relu is 1 everywhere", "which == RELU && !(v > A(0)) ? A(0) : A(1)", "A(1)"),
    Mutant("bfloat16 is cut off", "bits + 0x7fffu + ((bits >> 16) & 1u)", "bits"),
    Mutant("the peephole of a wrong gate", "(gate == 3 ? 2 : gate)", "(gate == 0 ? 1 : gate == 3 ? 2 : 0)"),
)


def edited(mutant: Mutant, source: str) -> str:
    """The source with the mistake. Raises AssertionError where the edit finds no such place."""
    parts = source.split(mutant.old)
    assert len(parts) > mutant.which + 1, f"{mutant.name}: {mutant.old!r} stands nowhere"
    before, after = mutant.old.join(parts[: mutant.which + 1]), mutant.old.join(parts[mutant.which + 1 :])
    return before + mutant.new + after


def judged(number: int) -> str:
    """What refutes it; nothing where nothing does."""
    import cupy

    from conformance.run.check import check

    source = edited(MUTANTS[number], kernels.read_source())
    kernels.read_source = lambda: source
    kernels.load_kernels().compile()  # one that does not compile is no mistake to be found
    print("compiles", file=sys.stderr)
    if "asan" in os.environ.get("LD_PRELOAD", ""):
        cupy.cuda.set_allocator(None)  # what the pool rounds up would hide what lies beyond
    first = ("combinations", "lengths", "values", "gradients")
    for dtypes in (("float32",), ("float64",), ("bfloat16",)):
        report = check(backend(), profile="quick", dtypes=dtypes, maxfail=1, diagnose=False, shrink=False, first=first)
        if report.failures:
            return report.failures[0].property.name
    return ""


def asked(number: int, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, for a wrong kernel may end it."""
    home = {"CUPY_CACHE_DIR": str(folder / str(number)), "HIPEMU_SEED": "1"}
    command = [sys.executable, __file__, str(number)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | home | environment, timeout=600)


def caught(number: int, folder: Path, sanitizer: str) -> str:
    """L2, L3 or nothing."""
    done = asked(number, folder)
    if "compiles" not in done.stderr:
        sys.exit(f"{MUTANTS[number].name}: does not compile\n{done.stderr}")
    if done.returncode or done.stdout.strip():
        return "L2"
    strict = {
        "HIPEMU_CXXFLAGS": "-g -O1 -fsanitize=address,undefined -fno-omit-frame-pointer",
        "LD_PRELOAD": sanitizer,
        "ASAN_OPTIONS": "detect_leaks=0",
        "CUPY_CACHE_DIR": str(folder / f"{number}-sanitized"),
    }
    done = asked(number, folder, **strict)
    return "L3" if "AddressSanitizer" in done.stderr else ""


def main(folder: Path, sanitizer: str) -> int:
    found = {mutant.name: caught(number, folder, sanitizer) for number, mutant in enumerate(MUTANTS)}
    missed, levels = [name for name, level in found.items() if not level], Counter(found.values())
    for name in missed:
        print(f"not caught: {name}")
    told = ", ".join(f"{levels[level]} at {level}" for level in ("L2", "L3"))
    print(f"{len(found) - len(missed)} of {len(found)} mistakes are caught: {told}")
    return 1 if missed else 0


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(judged(int(sys.argv[1])))
    else:
        sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
