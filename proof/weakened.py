"""Twelve formulas, each a little weaker than the one that is proved: with each of them the proof must fail.

After proof/build.sh: `python -m proof.weakened`. Exit status 1 if one of them can be proved as well.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

HERE = Path(__file__).parent


class Weakened(NamedTuple):
    what: str
    file: str
    old: str
    new: str

    def text(self) -> str:
        """The file with the weaker formula."""
        text = (HERE / f"{self.file}.v").read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file}.v holds {self.old!r} {text.count(self.old)} times, expected once")
        return text.replace(self.old, self.new)


WEAKENED = (
    Weakened("F5 with the slope at the centre", "Activations", "Rmax (Rabs a - da) 0.", "Rabs a."),
    Weakened("F5 without d in r u (|v| + d)", "CellStep", "r * u * (Rabs v + Rmin (L * da) 2)", "r * u * Rabs v"),
    Weakened("F5 with eta for 2 eta", "CellStep", "ab * u + 2 * eta.", "ab * u + eta."),
    Weakened(
        "F4 with n eta for 2 n eta", "DotProducts", "nc * u_acc * S + 2 * nc * eta.", "nc * u_acc * S + nc * eta."
    ),
    Weakened(
        "F6 without E(i) E(g)",
        "CellStep",
        "(Rabs g * di + i * dg + di * dg)\n  + u",
        "(Rabs g * di + i * dg)\n  + u",
    ),
    Weakened("F6 without E(f) E(c)", "CellStep", "(f + df) * E + df * Rabs c", "f * E + df * Rabs c"),
    Weakened("F6 with eta for 2 eta", "CellStep", "di * dg)) + 2 * eta.", "di * dg)) + eta."),
    Weakened("F7 without (1 + u)", "CellStep", "(Rabs cn + e) * (1 + u).", "(Rabs cn + e)."),
    Weakened("F9 without E(o) E(tanh c)", "CellStep", "do * (Rabs tau + dt) + o * dt.", "do * Rabs tau + o * dt."),
    Weakened("F12 without the rounding of y*y", "Products", " + u * (Rabs y + dy) * (1 + Rabs y + dy)", ""),
    Weakened("F14 with m = 2 for 4", "Backward", "(omt r, omt_d r)] 4 w ETA.", "(omt r, omt_d r)] 2 w ETA."),
    Weakened("F14 without 4 eta", "Backward", " * (1 + w) + 4 * ETA.", " * (1 + w)."),
)


def outcome(weakened: Weakened) -> str:
    """The file in which the proof fails, or "" if it does not.

    Raises RuntimeError if Coq does not understand the formula, which would prove nothing.
    """
    with TemporaryDirectory() as folder:
        for compiled in (HERE / "build").glob("*.vo"):
            shutil.copy(compiled, folder)
        names = file_names()
        for name in names[names.index(weakened.file) :]:
            text = weakened.text() if name == weakened.file else (HERE / f"{name}.v").read_text()
            (Path(folder) / f"{name}.v").write_text(text)
            command = ["coqc", "-q", "-w", "none", "-Q", ".", "LSTM", f"{name}.v"]
            run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            if "Syntax error" in run.stderr or "was not found" in run.stderr:
                raise RuntimeError(f"{weakened.what}: {run.stderr}")
            if run.returncode:
                return f"{name}.v"
    return ""


def file_names() -> list[str]:
    """In the order in which build.sh compiles them."""
    found = re.search(r'^FILES="([^"]*)"$', (HERE / "build.sh").read_text(), flags=re.MULTILINE)
    assert found, "build.sh no longer lists its FILES"
    return found[1].split()


def main() -> None:
    if not (HERE / "build" / f"{file_names()[-1]}.vo").exists():
        sys.exit("proof/build/ holds no compiled proofs; run proof/build.sh first")
    proved = 0
    for weakened in WEAKENED:
        file = outcome(weakened)
        proved += not file
        print(f"{weakened.what:34}{f'fails in {file}' if file else 'IS PROVED AS WELL'}", flush=True)
    sys.exit(1 if proved else 0)


if __name__ == "__main__":
    main()
