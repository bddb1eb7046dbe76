"""How fast the backends are: one layer, one thread, in one process. Compare ratios between machines, not seconds.

Each round asks every candidate once, in rotated order. A ratio is the median over rounds of the ratios within a round.
Without onnxruntime its column is left out. OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE must not be set, because they may
name an older machine than this one. Run it as python -m benchmarks.speed, from the repository.
"""

import os

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # before any of the libraries is loaded

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from backends.numpy import backend as numpy_backend
from benchmarks.measuring import ceiling, peak, products, ratio, seconds
from benchmarks.ways import candidates
from conformance.diagnosis.probes import make_probe

SIZES = (  # T, B, I, H
    (50, 1, 64, 64),
    (100, 32, 128, 256),
    (100, 64, 512, 512),
    (1000, 8, 64, 128),
    (1000, 1, 256, 256),
    (35, 20, 650, 650),
)
LONG = (10_000, 4, 16, 32)
SLACK = 1.25  # by how much a ratio may be above what was recorded; this much differs from one run to the next
AGAIN = 2  # times that a ratio above it is measured again, before it is believed
Row = dict[str, Any]


def measured(dtype: str, backward: bool, sizes: tuple[int, int, int, int], rounds: int) -> Row:
    """Times relative to torch.nn.LSTM, and NumPy's own."""
    problem, d = make_probe(0, sizes, dtype)
    asked = {way.name: way.both if backward else way.forward for way in candidates(problem, d)}
    spent = seconds({name: function for name, function in asked.items() if function}, rounds)
    ratios = {name: round(ratio(spent, name, "torch.nn.LSTM"), 3) for name in spent if name != "torch.nn.LSTM"}
    return {
        "dtype": dtype,
        "pass": "forward + backward" if backward else "forward",
        "T, B, I, H": list(sizes),
        "time / that of torch.nn.LSTM": ratios,
        "numpy, ms": round(1000 * median(spent["numpy"]), 3),
        "multiply-adds of the products": products(sizes, backward),
    }


def everything(dtypes: tuple[str, ...], rounds: int) -> Iterator[list[Row]]:
    """Table by table."""
    for dtype in dtypes:
        top = ceiling(dtype)
        for backward in (False, True):
            rows = [measured(dtype, backward, sizes, rounds) for sizes in SIZES]
            for row in rows:
                row["share of GEMM"] = round(row["multiply-adds of the products"] / row["numpy, ms"] * 1000 / top, 2)
            yield rows


def table(rows: list[Row]) -> Table:
    """Of one dtype and pass."""
    names = list(rows[0]["time / that of torch.nn.LSTM"])
    title = f"{rows[0]['dtype']}, {rows[0]['pass']}: time / that of torch.nn.LSTM"
    found = Table(title=title, box=None, title_justify="left")
    for column in ("T, B, I, H", *names, "numpy, ms", "share of GEMM"):
        found.add_column(column, justify="right")
    for row in rows:
        ratios = (f"{row['time / that of torch.nn.LSTM'][name]:.2f}" for name in names)
        sizes = ", ".join(map(str, row["T, B, I, H"]))
        found.add_row(sizes, *ratios, f"{row['numpy, ms']:.2f}", f"{row['share of GEMM']:.0%}")
    return found


def memory(sizes: tuple[int, int, int, int]) -> dict[str, Any]:
    """How much NumPy allocates at most, in units of T B H numbers; without the outputs."""
    T, B, _, H = sizes
    (problem, d), unit = make_probe(0, sizes, "float32"), T * B * H * 4
    forward = peak(lambda: numpy_backend.forward(problem)) - unit
    both = peak(lambda: numpy_backend.gradients(problem, d)) - problem.x.nbytes - unit
    return {
        "T, B, I, H": list(sizes),
        "forward": round(forward / unit, 2),
        "forward + backward": round(both / unit, 2),
    }


def machine() -> dict[str, str]:
    """What the ratios depend on. Raises click.UsageError where the BLAS was told to be another."""
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        if name in os.environ:
            raise click.UsageError(f"{name} is {os.environ[name]}; unset it for this command")
    import torch
    from threadpoolctl import threadpool_info

    (kernel,) = {one.get("architecture") or "unknown" for one in threadpool_info() if one["user_api"] == "blas"}
    return {"BLAS kernel": kernel, "numpy": np.__version__, "torch": torch.__version__}


def kernels_in(file: Path) -> dict[str, Any]:
    """What was recorded, by BLAS kernel. Raises click.UsageError for a file that --record did not write."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["kernels"]
    except (ValueError, KeyError, TypeError) as error:
        raise click.UsageError(f"{file} is no record of ratios ({error}); write one with --record") from error
    return found


def slower(rows: list[Row], recorded: list[Row], rounds: int) -> list[str]:
    """What takes longer beside torch.nn.LSTM than it did, measured again before it is said."""
    key = ("dtype", "pass", "T, B, I, H")
    before = {str([row[k] for k in key]): row["time / that of torch.nn.LSTM"]["numpy"] for row in recorded}
    found = []
    for row in rows:
        was, now = before[str([row[k] for k in key])], row["time / that of torch.nn.LSTM"]["numpy"]
        for _ in range(AGAIN):
            if now > SLACK * was:
                again = measured(row["dtype"], row["pass"] != "forward", tuple(row["T, B, I, H"]), rounds)
                now = min(now, again["time / that of torch.nn.LSTM"]["numpy"])
        if now > SLACK * was:
            found.append(f"{row['dtype']}, {row['pass']}, {row['T, B, I, H']}: {now:.2f}, was {was:.2f}")
    return found


def page(found: dict[str, Any]) -> str:
    """docs/speed.md."""
    lines = ["<!-- Generated by `make bench` (benchmarks/speed.py). Do not edit. -->", "# Speed", ""]
    lines += ["One layer, one thread, all candidates in one process.", ""]
    lines += ["Each ratio is a time divided by the time of torch.nn.LSTM.", ""]
    lines += ["![Time against T, B and H](speed.svg)", ""]
    for kernel, run in found.items():
        about = ", ".join(f"{name} {version}" for name, version in run["machine"].items() if name != "BLAS kernel")
        lines += [f"## OpenBLAS' kernel {kernel} ({about})", ""]
        for dtype, what in dict.fromkeys((row["dtype"], row["pass"]) for row in run["rows"]):
            rows = [row for row in run["rows"] if (row["dtype"], row["pass"]) == (dtype, what)]
            names = list(rows[0]["time / that of torch.nn.LSTM"])
            lines += [f"| {dtype}, {what}: T, B, I, H | {' | '.join(names)} | numpy, ms | share of GEMM |"]
            lines += ["|---" * (len(names) + 3) + "|"]
            for row in rows:
                ratios = " | ".join(f"{row['time / that of torch.nn.LSTM'][name]:.2f}" for name in names)
                sizes, share = ", ".join(map(str, row["T, B, I, H"])), f"{row['share of GEMM']:.0%}"
                lines += [f"| {sizes} | {ratios} | {row['numpy, ms']:.2f} | {share} |"]
            lines += [""]
        m = run["memory"]
        lines += [f"Besides inputs and outputs, NumPy needs at most {m['forward']:.2f} T B H numbers forward, and"]
        lines += [f"{m['forward + backward']:.1f} with the backward pass, at T, B, I, H = {m['T, B, I, H']}.", ""]
    return "\n".join(lines)


@click.command()
@click.option("--rounds", default=9, show_default=True)
@click.option("--dtype", "dtypes", multiple=True, default=("float32", "float64"), show_default=True)
@click.option("--record", type=click.Path(path_type=Path), help="Write the ratios there, beside other kernels'.")
@click.option("--guard", type=click.Path(path_type=Path, exists=True), help="Exit 1 if a ratio is above those there.")
@click.option("--page", "to", type=click.Path(path_type=Path), help="Write what is recorded there as a page.")
def main(rounds: int, dtypes: tuple[str, ...], record: Path | None, guard: Path | None, to: Path | None) -> None:
    """Print the tables."""
    console, about, rows = Console(width=150), machine(), []
    kernel = about["BLAS kernel"]
    recorded = kernels_in(guard) if guard else {}
    if guard and kernel not in recorded:
        raise click.UsageError(f"{guard} has no ratios of the kernel {kernel}, only of {', '.join(recorded)}; --record")
    console.print(f"NumPy {np.__version__}, BLAS kernel {kernel}, one thread", highlight=False)
    for part in everything(dtypes, rounds):
        console.print(table(part))
        rows += part
    needed = memory(LONG)
    console.print(f"T, B, I, H = {LONG}: beside inputs and outputs NumPy needs at most", highlight=False)
    console.print(
        f"{needed['forward']:.2f} T B H numbers forward, {needed['forward + backward']:.1f} with the backward pass",
        highlight=False,
    )
    if record:
        kernels = kernels_in(record) if record.exists() else {}
        kernels[kernel] = {"machine": about, "rows": rows, "memory": needed}
        text = json.dumps({"generated by": "benchmarks/speed.py", "kernels": kernels}, indent=1)
        record.write_text(text + "\n", encoding="utf-8")
        if to:
            to.write_text(page(kernels), encoding="utf-8")
    if guard:
        found = slower(rows, recorded[kernel]["rows"], rounds)
        for line in found:
            console.print(f"slower beside torch.nn.LSTM than recorded: {line}", highlight=False)
        raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
