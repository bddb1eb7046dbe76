"""Checks the CuPy backend without a GPU, level by level (docs/gpu.md), and prints what each level saw.

It needs Linux on x86-64 with g++, and a network for the wheels. It makes everything in `--folder`. The exit status is 1
if a level breaks.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent.parent
GPU = ROOT / "tools" / "gpu"
CUPY = "cupy-cuda13x>=14.0.1,!=14.1.0"
NVRTC = ("nvidia-cuda-nvrtc==13.*", "nvidia-cuda-runtime==13.*", "nvidia-cuda-crt==13.*")
SANITIZE = "-g -O1 -fsanitize=address,undefined -fno-omit-frame-pointer"


DTYPES = tuple(f"--dtype={dtype}" for dtype in ("float32", "float64", "bfloat16", "float16"))


class Broken(Exception):
    """A level does not hold; the text is what the command printed."""


class Ground(NamedTuple):
    """The folder where everything is made, and whether the check is full."""

    folder: Path
    full: bool

    @property
    def seeds(self) -> range:
        return range(4 if self.full else 1)

    def said(self, *command: str | Path, **environment: str) -> str:
        """What a command printed last. Raises Broken where it fails."""
        return (self.printed(*command, **environment) or [""])[-1]

    def printed(self, *command: str | Path, **environment: str) -> list[str]:
        """What a command printed, line by line. Raises Broken where it fails."""
        done = subprocess.run(
            list(map(str, command)), cwd=ROOT, capture_output=True, text=True, env=os.environ | environment
        )
        if done.returncode:
            raise Broken("\n".join((done.stdout + done.stderr).strip().splitlines()[-12:]))
        return done.stdout.strip().splitlines()

    def emulated(self) -> Path:
        """Python with the real CuPy on the CPU."""
        home = self.folder / "hip"
        made, sources = home / "made", (ROOT / "tools" / "hip_on_cpu").rglob("*.*")
        if not made.exists() or made.stat().st_mtime < max(path.stat().st_mtime for path in sources):
            self.said("sh", "-c", f"bash tools/hip_on_cpu/build.sh {home}")
            self.said(home / "venv/bin/pip", "install", "-q", "-c", "constraints.txt", "-e", ".[conformance]")
            self.said(home / "python", "tools/hip_on_cpu/smoke.py")
            made.touch()
        return home / "python"

    def cuda(self) -> Path:
        """Python with CuPy's CUDA wheel and NVIDIA's compiler, without a driver."""
        home = self.folder / "cuda"
        if not (home / "made").exists():
            self.said(sys.executable, "-m", "venv", home)
            self.said(home / "bin/pip", "install", "-q", "-c", "constraints.txt", "-e", ".[conformance]", CUPY, *NVRTC)
            (home / "made").touch()
        return home / "bin/python"


def unavailable(ground: Ground) -> str:
    """L0: the CUDA wheel imports; without a usable GPU it raises a typed error with a remedy."""
    return ground.said(ground.cuda(), GPU / "unavailable.py")


def strict(ground: Ground) -> str:
    """L1: the array code never mixes arrays of two devices (array-api-strict)."""
    ground.said(ground.cuda(), "-m", "pip", "install", "-q", "array-api-strict>=2.4")
    return ground.said(ground.cuda(), GPU / "strict.py")


def suite(ground: Ground) -> str:
    """L2: the real CuPy on the CPU conforms, in any order of threads and blocks."""
    python, profile = ground.emulated(), "standard" if ground.full else "quick"
    for seed in ground.seeds:
        judge: tuple[str | Path, ...] = (
            python,
            "-m",
            "lstm_conform",
            "run",
            "cupy",
            "--profile",
            profile,
            "--jobs",
            "2",
            *DTYPES,
        )
        said = ground.printed(*judge, HIPEMU_SEED=str(seed), HIPEMU_STRICT="1")
    (counts,) = (line.strip() for line in said if " holds" in line and "examples in" in line)
    return f"{profile}, {len(ground.seeds)} order(s) of threads; {counts}"


def sanitized(ground: Ground) -> str:
    """L3: no kernel reads or writes out of bounds (AddressSanitizer)."""
    library = ground.said("g++", "-print-file-name=libasan.so")
    environment = {
        "HIPEMU_CXXFLAGS": SANITIZE,
        "LD_PRELOAD": library,
        "ASAN_OPTIONS": "detect_leaks=0",
        "CUPY_CACHE_DIR": str(ground.folder / "sanitized"),
    }
    return ground.said(ground.emulated(), GPU / "kernels.py", **environment)


def compiled(ground: Ground) -> str:
    """L4: NVRTC compiles every kernel, ours and CuPy's, for the real targets; ours spill no register."""
    sources = ground.folder / "sources"
    saved = {"CUPY_CACHE_SAVE_CUDA_SOURCE": "1", "CUPY_CACHE_DIR": str(sources)}
    ground.said(ground.emulated(), GPU / "kernels.py", **saved)
    targets = ("75", "80", "90", "100") if ground.full else ("80", "90")
    return ground.said(ground.cuda(), GPU / "compiled.py", sources, *targets)


def mutants(ground: Ground) -> str:
    """L5: the suite refutes faults planted in the kernels, or the sanitizer stops them."""
    library = ground.said("g++", "-print-file-name=libasan.so")
    return ground.said(ground.emulated(), GPU / "mutants.py", ground.folder / "mutants", library)


LEVELS: dict[str, Callable[[Ground], str]] = {
    "L0": unavailable,
    "L1": strict,
    "L2": suite,
    "L3": sanitized,
    "L4": compiled,
    "L5": mutants,
}


PAGE = """<!-- Generated by `make gpu-check` (tools/gpu/check.py). Do not edit. -->
# The CuPy backend, and what is known about it without a GPU

No figure below was measured on a GPU, because the machine had none. Instead there is a ladder of checks. Each level
shows something that the levels before it cannot show.

| level | shows | seen |
|---|---|---|
{rows}

| claim | highest level reached |
|---|---|
| it imports with CUDA's wheel; on a machine without a GPU the error has a reason and a remedy | L0 |
| its array code uses only one library | L1, L2 |
| it conforms at float64, float32, float16 and bfloat16, with every feature | L2: the real CuPy on an emulated device |
| no kernel reads or writes out of bounds | L3 |
| its kernels compile for NVIDIA's architectures, without spilling registers | L4 |
| the checks of L2 and L3 find faults in kernels | L5 |
| what a GPU rounds differently: `-ftz`, fused multiply-add, cuBLAS's order of addition, TF32 | none: it needs L6 |
| races between blocks, asynchrony, streams | none: it needs L6 |
| speed | none: it needs L6 |

L6 is a GPU. `make gpu-run` judges the backend at every dtype with TF32 off and on, compares it with torch on the same
device, measures its time beside cuDNN, and writes one JSON file. That command was rehearsed only on the emulated device
(`tools/gpu/run.py --rehearse`).
"""


def read_rows(page: Path) -> dict[str, str]:
    """What a page says of each level; nothing if there is no page."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return {line[2:4]: line for line in text.splitlines() if line[2:4] in LEVELS}


@click.command()
@click.argument("levels", nargs=-1, type=click.Choice(list(LEVELS)))
@click.option("--folder", type=click.Path(path_type=Path), default=ROOT / ".gpu", help="Where to make everything.")
@click.option("--full", is_flag=True, help="Try four orders of threads at `standard`, and all architectures.")
@click.option("--page", type=click.Path(path_type=Path), help="Put what was seen into this page, if no level breaks.")
def main(levels: tuple[str, ...], folder: Path, full: bool, page: Path | None) -> None:
    """Check these levels, or all of them. The page keeps what it says of the others."""
    console, ground, broken = Console(width=150), Ground(folder.resolve(), full), False
    rows = {}
    folder.mkdir(parents=True, exist_ok=True)
    table = Table("level", "shows", "seen", "seconds", box=None)
    for level in levels or LEVELS:
        started, about = time.perf_counter(), (LEVELS[level].__doc__ or "").removeprefix(f"{level}: ")
        try:
            seen = LEVELS[level](ground)
        except Broken as error:
            broken, seen = True, f"[red]BROKEN[/]\n{error}"
        table.add_row(level, about, seen, f"{time.perf_counter() - started:.0f}")
        rows[level] = f"| {level} | {about} | {seen} |"
    console.print(table, highlight=False)
    if page and not broken:
        rows = read_rows(page) | rows
        page.write_text(PAGE.format(rows="\n".join(rows[level] for level in LEVELS if level in rows)), encoding="utf-8")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
