"""The report as a page: what comes first, that everything is there, and that a target writes only text into it."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

import conformance.properties  # noqa: F401  fills the registry
from conformance.cases.save import save_case
from conformance.diagnosis.experiments.diagnose import Row
from conformance.diagnosis.experiments.laboratory import Finding
from conformance.faults.catalogue import FAULTS
from conformance.outcome import Difference, Errored, Outcome, Refuted
from conformance.property import PROPERTIES
from conformance.report.deviations import Deviation
from conformance.report.markdown import list_families
from conformance.report.page.render import MOST_SHOWN, as_html
from conformance.report.page.rows import list_clause_rows
from conformance.report.report import Report
from conformance.report.roots import Cause, key_of
from conformance.report.status import FAILED, UNUSABLE, WRONG_OPTION, Unjudged
from conformance.run.judge import judge_property
from conformance.run.profiles import PROFILES
from conformance.targets.origin import Origin
from lstm_spec.clauses import Level
from lstm_spec.contract import DTYPES
from tests.helpers.messages import EQUATIONS, HOSTILE
from tests.helpers.reports import make_report, make_verdict
from tests.helpers.specimens import said, target

VOID = {"meta", "input", "path", "rect", "br"}
SHOULD = next(prop for prop in PROPERTIES if prop.level is Level.SHOULD)


class Reader(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.unclosed: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.unclosed += [tag] if tag not in VOID else []

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def list_values(self, name: str, tag: str = "") -> list[str]:
        return [str(attrs[name]) for t, attrs in self.elements if name in attrs and t == (tag or t)]


def refuted() -> Report:
    found = make_verdict(Outcome.REFUTED)
    assert found.refutation
    found.refutation.difference = Difference("y", {"t": 0}, 0.5, 1e-7, 0.75)
    others = [make_verdict(Outcome.HOLDS, "", PROPERTIES[1]), make_verdict(Outcome.NOT_CLAIMED, "no", PROPERTIES[2])]
    rows = (
        Row("when", "answers", Finding("only where H > 3", True, (("H = 3", "right"),))),
        Row("where", "answers", None),
    )
    cause = Cause("The gates are swapped", rows=rows)
    return make_report(found, *others, make_verdict(Outcome.REFUTED, "x", SHOULD), cause=cause)


def test_first_comes_the_statement_then_what_failed_then_what_was_asked() -> None:
    report = refuted()
    seen = Reader(as_html([report], {})).text
    heads = ("Warnings", "Clause by clause", "Form by dtype", "What was not asked")
    places = [seen.rindex(part) for part in ("mine 2.0", report.statement[1:], "The gates are swapped", *heads)]
    assert places == sorted(places)
    assert all(text in seen for text in ("0.5", "0.75", "± 1e-7", "2.5e6", "only where H > 3"))


def test_every_verdict_is_on_the_page_in_words() -> None:
    page = Reader(as_html([refuted()], {})).text
    for prop in (*PROPERTIES[:3], SHOULD):
        assert prop.sentence in page
    assert "refuted, a SHOULD" in page and "holds" in page and "no (float32): 1 property" in page


def test_a_failure_counts_at_the_clause_that_its_likely_cause_breaks() -> None:
    found = next(prop for prop in PROPERTIES if {"CELL-2", "CELL-6"} <= set(prop.clauses))
    report = make_report(make_verdict(Outcome.REFUTED, prop=found), cause=Cause("h = o c", clause="CELL-6"))
    outcomes = {row.clause.id: row.cells[0].text for row in list_clause_rows(report)["CELL"]}
    assert outcomes["CELL-6"] == "refuted" and outcomes["CELL-2"] == "not decided"
    assert list_families(report, report.verdicts[0]) == {"CELL"}


def test_what_the_cause_reproduces_counts_at_its_clause_at_every_dtype() -> None:
    about = [prop for prop in PROPERTIES if {"CELL-2", "CELL-6"} <= set(prop.clauses)]
    verdicts = [replace(make_verdict(Outcome.REFUTED, prop=p), dtype=d) for d in ("float32", "float64") for p in about]
    known = {(prop.name, "float32"): prop is not about[-1] for prop in about}
    report = make_report(*verdicts, cause=Cause("h = o c", True, "CELL-6", known))
    cells = {row.clause.id: [cell.text for cell in row.cells] for row in list_clause_rows(report)["CELL"]}
    assert cells["CELL-6"] == [f"{len(about)} of {len(about)} refuted"] * 2
    assert cells["CELL-2"] == ["refuted"] * 2  # by the property that the cause does not reproduce


def test_indices_stand_below_the_line_and_powers_above() -> None:
    page = as_html([make_report(*(make_verdict(Outcome.HOLDS, prop=prop) for prop in PROPERTIES))], {})
    for equation in ("c<sub>t</sub> = f c<sub>t−1</sub> + i g", "U<sub>k</sub>ᵀ", "= f<sup>n</sup>"):
        assert equation in page
    assert not re.search(r"[_^][{\w]", "".join(re.findall(r'<span class="equation">(.*?)</span>', page)))


def test_one_example_is_no_examples() -> None:
    assert "1 verdict from 0 examples in" in as_html([make_report(make_verdict(Outcome.HOLDS))], {})


def test_every_anchor_resolves_and_every_id_is_there_once() -> None:
    read = Reader(as_html([refuted(), refuted(), make_report()], {"zzz": Unjudged("is nowhere", UNUSABLE)}))
    ids = read.list_values("id")
    assert len({*ids}) == len(ids) > 20 and read.unclosed == []
    links = read.list_values("href") + [f"#{id}" for id in read.list_values("aria-labelledby")]
    assert {link[1:] for link in links} | {*read.list_values("data-for")} <= {*ids} and len(links) > 20


def test_everything_is_in_the_file_and_only_our_script_may_run() -> None:
    page = as_html([refuted()], {})
    read, (script,) = Reader(page), re.findall("<script>(.*?)</script>", page, re.S)
    assert not read.list_values("src") and all(link.startswith("#") for link in read.list_values("href"))
    policy = next(content for content in read.list_values("content", "meta") if "default-src 'none'" in content)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert not re.search(r"https?://", page)


def test_a_table_has_a_caption_and_heads_with_a_scope() -> None:
    page = as_html([refuted()], {})
    assert page.count("<table") == page.count("<caption>") > 2
    assert all("scope" in attrs for tag, attrs in Reader(page).elements if tag == "th")


# ---------------------------------------------------------------- what a target says is text


def say_everywhere(text: str) -> str:
    """A page on which a target says that wherever it can."""
    raised = replace(make_verdict(Outcome.ERRORED, text), error=Errored(text, message=text))
    wrong = replace(make_verdict(Outcome.REFUTED, text), refutation=Refuted(text), dtype="float64")
    assert wrong.refutation
    wrong.refutation.difference = Difference(text, {text: 0}, 0.5, float("nan"), float("inf"))
    suite, unclaimed = make_verdict(Outcome.SUITE_ERROR, text), make_verdict(Outcome.NOT_CLAIMED, text, PROPERTIES[1])
    deviation = Deviation("CELL-1", text, text, Outcome.REFUTED, Path("x"), expires=date(2999, 1, 1))
    cause = Cause(text, rows=(Row("when", text, Finding(text, True)),))
    report = make_report(
        raised, wrong, suite, unclaimed, name=text, version=text, device=text, cause=cause, mishaps=[text]
    )
    about = replace(report.findings.description, grades={"float32": text})
    findings = replace(report.findings, deviations=(deviation,), complaints=(text,), unread=(text,), description=about)
    used = replace(raised, used={text: [1] + 10 * [0]}, dtype="float16")
    findings.verdicts.append(used)
    return as_html([replace(report, findings=findings)], {text: Unjudged(text, UNUSABLE)})


@pytest.mark.parametrize("text", [*HOSTILE, "{{ 7 * 7 }} {% raw %}", "\" id='x' a=x", "</title></script></style>-->"])
def test_what_a_target_says_is_no_markup(text: str) -> None:
    page = say_everywhere(text)
    read, plain = Reader(page), Reader(say_everywhere("plain"))
    assert [(tag, [*attrs]) for tag, attrs in read.elements] == [(tag, [*attrs]) for tag, attrs in plain.elements]
    for name in ("id", "class", "href", "d", "for", "data-for"):
        assert read.list_values(name) == plain.list_values(name)
    assert all(c.isprintable() or c == "\n" for c in page) and "49 " not in read.text


def test_texts_and_failures_without_end_are_cut() -> None:
    many = [
        make_verdict(Outcome.ERRORED, f"{k} {'<' * 10**6}", prop) for k, prop in enumerate(PROPERTIES[: MOST_SHOWN + 5])
    ]
    page = as_html([make_report(*many)], {})
    assert "And 5 more" in page and len(page) < 2_000_000


# ---------------------------------------------------------------- the command line


@pytest.mark.usefixtures("elsewhere")
def test_the_command_line_writes_it_over_an_old_one_and_over_nothing_else() -> None:
    file = Path("report.html")
    wrong = target("swaps_input_and_forget_gates")
    asked = ("run", wrong, "numpy", "zzz", *EQUATIONS, "--no-isolate", "--html", str(file))
    assert said(*asked)[0] == FAILED
    read = Reader(file.read_text(encoding="utf-8"))
    assert "swaps_input_and_forget_gates" in read.text and "numpy" in read.text and "'zzz' is not" in read.text
    assert [attrs for tag, attrs in read.elements if tag == "svg"]
    assert said("run", "numpy", "--clause", "NOPE-1", "--html", str(file))[0] == WRONG_OPTION and not file.exists()
    file.write_text("<!doctype html><p>My page", encoding="utf-8")
    status, text = said(*asked)
    assert status == WRONG_OPTION and "it is there, and no former report" in text
    assert file.read_text(encoding="utf-8") == "<!doctype html><p>My page"


def test_a_page_on_which_every_property_is_refuted_at_every_dtype_is_below_a_megabyte(tmp_path: Path) -> None:
    long = next(prop for prop in PROPERTIES if prop.name == "a_long_sequence_is_read_to_its_end")
    backend = FAULTS["swaps_input_and_forget_gates"].backend()
    found = judge_property(long, backend, "float32", PROFILES["standard"], shrink=False)
    path = save_case(tmp_path, backend, found, Origin("mine", 0))
    verdicts = [replace(found, property=prop, dtype=dtype) for prop in PROPERTIES for dtype in DTYPES]
    cases = {key_of(verdict): path for verdict in verdicts}
    apart = Cause("x" * 500, reproduced=dict.fromkeys(cases, False))
    page = as_html([make_report(*verdicts, cause=apart, cases=cases)], {})
    assert page.count("<figure") > 10 and len(page.encode()) < 1_000_000
