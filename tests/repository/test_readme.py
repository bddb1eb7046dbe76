"""The README is short and in order; what it shows, and the pages about use that it leads to, is run."""

import json
import os
import re
import subprocess
import sys
import tomllib
from html import unescape
from pathlib import Path

import pytest

import conformance.properties  # noqa: F401  fills the registry
from conformance.outcome import Outcome
from conformance.report.json import as_json
from conformance.report.stored.citation import write_paragraphs
from tests.helpers.environment import TORCH
from tests.helpers.pages import assert_shown, read_blocks
from tests.helpers.reports import make_report, make_verdict
from tests.helpers.root import ROOT
from tools.pages.failure_picture import COMMAND, draw_terminal, read_module, run_in_terminal

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ("judging.md", "reports.md", "python.md", "ci.md", "limits.md", "other-checks.md", "why.md", "site/cite.md")
TEXTS = [README, *((ROOT / "docs" / page).read_text(encoding="utf-8") for page in PAGES)]
ORDER = [
    "Who it is for",
    "Judge your LSTM",
    "What a failure looks like",
    "Compared with other checks",
    "The six equations",
    "More",
]
CONSOLES = [block for text in TEXTS for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL)]
SHOWN = [line[2:].split("#")[0].strip() for block in CONSOLES for line in block.splitlines()]
NAMED = [span for text in TEXTS for span in re.findall(r"`((?:make|lstm-conform|pip install) [^`\n]+)`", text)]
SYMBOLS = {r"\sigma": "σ", r"\tanh": "tanh", r"c_{t-1}": "c_{t−1}"}


def find_block(page: str, kind: str) -> str:
    """The only block of that kind on a page."""
    (block,) = (block for block in read_blocks(page) if block.kind == kind)
    return block.text


BACKEND, USE = find_block("judging.md", "python"), find_block("python.md", "python")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my_lstm.py").write_text(BACKEND, encoding="utf-8")
    (tmp_path / "my_model.py").write_text(read_module(), encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)


# ---------------------------------------------------------------- the README


def test_it_is_short_and_in_order() -> None:
    assert len(README.splitlines()) <= 150
    assert re.findall(r"(?m)^## (.*)$", README) == ORDER


def test_the_equations_are_those_of_the_clauses() -> None:
    from lstm_spec import CLAUSES

    rows = re.findall(r"\| \[(CELL-\d)\]\(docs/spec\.md#\1\) \| .* \| \$(.*)\$ \|", README)
    assert [name for name, _ in rows] == [f"CELL-{k}" for k in range(1, 7)]
    for name, equation in rows:
        for written, symbol in SYMBOLS.items():
            equation = equation.replace(written, symbol)
        assert equation == CLAUSES[name].equation


def test_every_extra_and_every_adapter_that_it_names_exists() -> None:
    from lstm_spec.frameworks import ADAPTERS

    table = re.findall(r"(?m)^\| .* \| `lstm-conform (\w+) (\S+)` \| (.*) \|$", README)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {extra.strip("`") for *_, extra in table if extra.startswith("`")} <= set(extras)
    assert {target.partition(":")[0] for command, target, _ in table if command == "run"} == {*ADAPTERS, "my_lstm"}


def test_the_tests_command_is_named() -> None:
    assert "`make test`" in README and "(CONTRIBUTING.md)" in README


# ---------------------------------------------------------------- commands


@pytest.mark.parametrize("command", sorted({*SHOWN, *NAMED}))
def test_every_command_line_is_one_that_exists(command: str, folder: Path) -> None:
    program, *words = command.split()
    assert program in ("make", "pip", "lstm-conform", "pytest", "python"), command
    if program == "make":
        targets = re.findall(r"(?m)^([\w-]+):|^\$\(BIN\)/.*", (ROOT / "Makefile").read_text(encoding="utf-8"))
        assert words[0] in targets, command
    if program == "python" or (program == "lstm-conform" and not words[0].startswith("-")):
        first = str(ROOT / words[0]) if program == "python" else words[0]
        done = run(folder, program, first, "--help")
        assert done.returncode == 0, command
        assert all(re.search(rf"(^|\s){word}\b", done.stdout) for word in words if word.startswith("-")), command


def test_no_fault_of_the_backend_is_found_by_quick(folder: Path) -> None:
    assert len(BACKEND.splitlines()) < 40
    done = run(folder, "lstm-conform", "run", "my_lstm.py", "--profile", "quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no fault found by quick (forward only)" in " ".join(done.stdout.split())


@pytest.mark.soak
@pytest.mark.parametrize("options", [(), ("--dtype", "float32")], ids=" ".join)
def test_the_backend_conforms_forward_only(folder: Path, options: tuple[str, ...]) -> None:
    done = run(folder, "lstm-conform", "run", "my_lstm:BACKEND", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "conforms to LSTM Specification 1.0 (forward only)" in done.stdout


def test_the_check_in_python_passes(folder: Path) -> None:
    done = run(folder, sys.executable, "-c", USE)
    assert done.returncode == 0, done.stderr


def test_the_line_for_pytest_runs(folder: Path) -> None:
    done = run(folder, *next(c for c in SHOWN if c.startswith("pytest")).split(), "-q")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)


def test_every_page_with_a_block_that_can_be_run_is_one_whose_blocks_are() -> None:
    tested = {*PAGES, "your-weights.md", "spec.md"}  # the last is generated from the code
    pages = (path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))
    kinds = {page: {block.kind for block in read_blocks(page)} for page in pages if not page.startswith("findings/")}
    assert {page for page in kinds if kinds[page] - {"math", "text"}} - tested == set()


# ---------------------------------------------------------------- what is printed


def test_the_paragraph_for_a_paper_is_the_one_that_is_printed() -> None:
    (shown,) = (block.text for block in read_blocks("site/cite.md") if block.kind == "text")
    report = json.loads(json.dumps(as_json([make_report(make_verdict(Outcome.HOLDS))], {})))
    report["targets"][0] |= {
        "name": "numpy",
        "version": "2.4.6",
        "conclusion": "conforms",
        "statement": "conforms to LSTM Specification 1.0 at float32 (relative)",
        "profile": "standard",
        "largest": dict.fromkeys(("forward", "backward"), dict.fromkeys("TBIHL", 1)),
    }
    pattern = re.escape(" ".join(shown.split()).replace(", … .", "…").replace(" .", ".")).replace("…", ".*")
    assert re.fullmatch(pattern, write_paragraphs(report | {"suite": "0.1.0"}, "0"))


def test_the_refutation_shown_is_the_one_that_is_printed(folder: Path) -> None:
    target = "fault:swaps_input_and_forget_gates"
    done = run(folder, "lstm-conform", "run", target, "--profile", "quick", "--maxfail", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    (shown,) = (block.text for block in read_blocks("reports.md") if block.text.startswith("REFUTED"))
    assert_shown(shown, done.stdout)  # the figures depend on how far shrinking came in its time


def test_the_statement_shown_for_numpy_names_its_dtypes_and_grades() -> None:
    from conformance.targets.resolve import resolve
    from lstm_spec.accuracy import DEFAULT_GRADES

    about = resolve("numpy").description
    grades = DEFAULT_GRADES | dict(about.grades)
    statement = f"1.0 at {', '.join(f'{dtype} ({grades[dtype]})' for dtype in about.dtypes)}\n"
    assert any(statement in block.text for block in read_blocks("reports.md"))


def read_picture(drawn: str) -> list[str]:
    """The words of a terminal that was drawn, in which every number is 0; clauses keep theirs."""
    texts = [unescape(text) for text in re.findall(r"<text[^>]*>(.*?)</text>", drawn)]
    words = " ".join(texts).split()
    return [word if re.fullmatch(r"[A-Z]+-\d+", word) else re.sub(r"\S*\d\S*", "0", word) for word in words]


@pytest.mark.skipif(not TORCH, reason="TORCH=none")
def test_the_failure_that_is_drawn_is_the_one_that_is_printed(folder: Path) -> None:
    drawn = (ROOT / "docs" / "failure.svg").read_text(encoding="utf-8")
    assert f"$ {COMMAND}".split()[1:] == next(line for line in SHOWN if "torch:" in line).split()
    assert read_picture(drawn) == read_picture(draw_terminal(run_in_terminal(folder))), "run `make failure`"
    assert {"REFUTED", "likely", "cause"} <= set(read_picture(drawn))


@pytest.mark.skipif(not TORCH, reason="TORCH=none")
def test_without_its_mistake_the_module_of_torch_holds(folder: Path) -> None:
    wrong = read_module()
    mended = wrong.replace("h = o.sigmoid() * c\n", "h = o.sigmoid() * c.tanh()\n")
    assert mended != wrong
    (folder / "my_model.py").write_text(mended, encoding="utf-8")
    asked = ("--profile", "quick", "--examples", "1", "--clause", "CELL-1", "--clause", "MOD-*")
    done = run(folder, "lstm-conform", "run", "torch:my_model.py:MyLSTM", *asked)
    assert done.returncode == 0, done.stdout + done.stderr
