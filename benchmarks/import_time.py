"""How long importing takes beside NumPy, and the command line beside Python: medians over processes, interleaved."""

import statistics
import subprocess
import sys
import time

STATEMENTS = ("pass", "import numpy", "import lstm_spec")
ROUNDS = 21


def seconds(statement: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - started


def main() -> None:
    found: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    for _ in range(ROUNDS):
        for statement in STATEMENTS:
            found[statement].append(seconds(statement))
    empty, numpy, ours = (statistics.median(found[statement]) for statement in STATEMENTS)
    print(f"import numpy      {numpy - empty:.3f} s")
    print(f"import lstm_spec  {ours - empty:.3f} s, {(ours - empty) / (numpy - empty):.2f} times as long")


if __name__ == "__main__":
    main()
