"""The ladder of evidence for the CuPy backend where there is no GPU (docs/gpu.md): climbs it, and prints what was seen.

Needs Linux on x86-64 with g++, and network for the wheels; everything is made in `--folder`. Exit status 1 if a rung
breaks.
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
    """A rung that does not hold, with what was printed."""


class Ground(NamedTuple):
    """Where it is made, and how thoroughly."""

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
    """L0: the CUDA wheel imports; that it cannot be used is said, typed and with a remedy."""
    return ground.said(ground.cuda(), GPU / "unavailable.py")


def strict(ground: Ground) -> str:
    """L1: the array code never mixes arrays of two devices (array-api-strict)."""
    ground.said(ground.cuda(), "-m", "pip", "install", "-q", "array-api-strict>=2.4")
    return ground.said(ground.cuda(), GPU / "strict.py")


def suite(ground: Ground) -> str:
    """L2: the real CuPy on the CPU conforms, whatever the order of threads and blocks."""
    python, profile = ground.emulated(), "standard" if ground.full else "quick"
    for seed in ground.seeds:
        judge = (python, "-m", "lstm_conform", "run", "cupy", "--profile", profile, "--jobs", "2", *DTYPES)
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
    """L4: NVRTC compiles every kernel, ours and those that CuPy makes, for the real targets; ours spill no register."""
    sources = ground.folder / "sources"
    saved = {"CUPY_CACHE_SAVE_CUDA_SOURCE": "1", "CUPY_CACHE_DIR": str(sources)}
    ground.said(ground.emulated(), GPU / "kernels.py", **saved)
    targets = ("75", "80", "90", "100") if ground.full else ("80", "90")
    return ground.said(ground.cuda(), GPU / "compiled.py", sources, *targets)


def mutants(ground: Ground) -> str:
    """L5: mistakes planted in the kernels are refuted, or stopped by the sanitizer."""
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
# The CuPy backend, and what is known of it without a GPU

No figure below was measured on a GPU: the machine had none. What was done instead is a ladder; each rung shows
something that those below cannot.

| level | shows | seen |
|---|---|---|
{rows}

| claim | highest level reached |
|---|---|
| it imports with CUDA's wheel; a machine without a GPU gets a reason and a remedy | L0 |
| its array code uses one library alone | L1, L2 |
| it conforms at float64, float32, float16 and bfloat16, with every feature | L2: the real CuPy, its device emulated |
| no kernel reads or writes out of bounds | L3 |
| its kernels compile for NVIDIA's architectures, without spilling registers | L4 |
| the checks of L2 and L3 see mistakes in kernels | L5 |
| what a GPU rounds otherwise: `-ftz`, fused multiply-add, cuBLAS's order of adding up, TF32 | none: it needs L6 |
| races between blocks, asynchrony, streams | none: it needs L6 |
| speed | none: it needs L6 |

L6 is a GPU: `make gpu-run` judges the backend at every dtype with TF32 off and on, compares it with torch on the same
device, times it beside cuDNN, and writes one JSON file. That command was rehearsed on the emulated device alone
(`tools/gpu/run.py --rehearse`).
"""


@click.command()
@click.argument("levels", nargs=-1, type=click.Choice(list(LEVELS)))
@click.option("--folder", type=click.Path(path_type=Path), default=ROOT / ".gpu", help="Where everything is made.")
@click.option("--full", is_flag=True, help="Four orders of threads at `standard`, all architectures.")
@click.option("--page", type=click.Path(path_type=Path), help="Write it there, too, if no rung breaks.")
def main(levels: tuple[str, ...], folder: Path, full: bool, page: Path | None) -> None:
    """Climb these levels, or all."""
    console, ground, broken = Console(width=150), Ground(folder.resolve(), full), False
    rows = []
    folder.mkdir(parents=True, exist_ok=True)
    table = Table("level", "shows", "seen", "seconds", box=None)
    for level in levels or LEVELS:
        started, about = time.perf_counter(), (LEVELS[level].__doc__ or "").removeprefix(f"{level}: ")
        try:
            seen = LEVELS[level](ground)
        except Broken as error:
            broken, seen = True, f"[red]BROKEN[/]\n{error}"
        table.add_row(level, about, seen, f"{time.perf_counter() - started:.0f}")
        rows.append(f"| {level} | {about} | {seen} |")
    console.print(table, highlight=False)
    if page and not broken:
        page.write_text(PAGE.format(rows="\n".join(rows)), encoding="utf-8")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
