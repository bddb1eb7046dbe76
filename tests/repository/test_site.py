"""The site: it is built without a warning, its addresses stay, its links lead somewhere, and it needs no network."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from lstm_spec import CLAUSES, SPECIFICATION
from tests.helpers.root import ROOT
from tools.site import pages
from tools.site.anchors import read_addresses, read_list
from tools.site.bibliography import find_keys
from tools.site.notation import split_equations, write_tex
from tools.site.places import place_link, rewrite_links


@pytest.fixture(scope="session")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this version in a site that was built."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "tools.site", "--out", str(out), "--no-pdf"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out / "html" / SPECIFICATION


@cache
def read_page(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@cache
def read_ids(page: Path) -> frozenset[str]:
    return frozenset(str(tag["id"]) for tag in read_page(page).find_all(id=True))


def find_dead_links(page: Path) -> list[str]:
    links = [str(link["href"]) for link in read_page(page).find_all("a", href=True)]
    return [link for link in links if not urlsplit(link).scheme and is_dead(page, link)]


def is_dead(page: Path, link: str) -> bool:
    parts = urlsplit(link)
    target = (page.parent / unquote(parts.path)) if parts.path else page
    target = target / "index.html" if target.is_dir() else target
    if target.suffix == ".pdf":
        return False  # this site was built without it
    return not target.is_file() or bool(parts.fragment and unquote(parts.fragment) not in read_ids(target))


# ---------------------------------------------------------------- the site that is built


def test_no_published_address_is_gone(html: Path) -> None:
    assert set(read_list()) - read_addresses(html) == set()


def test_no_new_section_that_can_be_cited_is_left_out(html: Path) -> None:
    """`python -m tools.site.anchors` adds them."""
    assert {address for address in read_addresses(html) - set(read_list()) if "#" in address} == set()


def test_a_new_page_is_in_the_menu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("new.md", "why.md", "site/index.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# New\n\nwhy\n", encoding="utf-8")
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    assert pages.list_others() == "new"


def test_every_clause_has_its_address() -> None:
    assert {f"{id.split('-')[0].lower()}.html#{id}" for id in CLAUSES} <= set(read_list())


def test_no_link_is_dead(html: Path) -> None:
    dead = {page.name: links for page in html.rglob("*.html") if (links := find_dead_links(page))}
    assert dead == {}


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<p id="here"><a href="#here">a</a><a href="#gone">b</a><a href="gone.html">c</a></p>')
    assert find_dead_links(page) == ["#gone", "gone.html"]


LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


def test_nothing_is_loaded_from_the_network(html: Path) -> None:
    for page in html.rglob("*.html"):
        for name, attribute in LOADED.items():
            for tag in read_page(page).find_all(name, attrs={attribute: True}):
                passive = name == "link" and not {"stylesheet", "icon"} & {*tag.get_attribute_list("rel")}
                assert passive or not urlsplit(str(tag[attribute])).netloc, (page, tag)
    for sheet in html.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_the_equations_stand_on_the_first_page_with_links_to_their_clauses(html: Path) -> None:
    page = read_page(html / "index.html")
    links = [str(row.select("a[href]")[0]["href"]) for row in page.find_all("tr") if row.find("math")]
    assert links == [f"cell.html#CELL-{k}" for k in range(1, 7)]


def test_the_code_of_a_clause_is_that_of_the_file(html: Path) -> None:
    line = next(line for line in (ROOT / "lstm_spec/equations.py").read_text().splitlines() if "# CELL-5" in line)
    (section,) = read_page(html / "cell.html").select("section#CELL-5")
    assert line.strip() in section.get_text()


def test_a_formula_has_its_number_and_an_anchor(html: Path) -> None:
    numbered = read_page(html / "accuracy.html").select("#F16")
    assert [formula.get_text().rstrip().endswith("(F16)") for formula in numbered] == [True]
    assert numbered[0].select("math mtable")


def test_the_folder_of_the_version_is_where_the_first_page_leads(html: Path) -> None:
    assert f'url={SPECIFICATION}/"' in (html.parent / "index.html").read_text(encoding="utf-8")


# ---------------------------------------------------------------- what it is made of


@pytest.mark.parametrize(
    "equation, tex",
    [
        ("σ(z) = 1 / (1 + exp(−z))", r"\sigma(z) = \frac{1}{1 + \exp(-z)}"),
        ("c_t = f c_{t−1} + i g", r"c_t = f\,c_{t-1} + i\,g"),
        ("f = 1, i = 0", r"f = 1,\qquad i = 0"),
        ("i, f, o = max(0, min(1, α z + β))", r"i, f, o = \max(0, \min(1, \alpha\,z + \beta))"),
        ("dx_t = Σ_k W_kᵀ dz_k", r"\mathrm{d}x_t = \sum_k\,W_k^{\mathsf{T}}\,\mathrm{d}z_k"),
        ("s_0 = s_T of the last call", r"s_0 = s_T\ \text{of the last call}"),
    ],
)
def test_an_equation_is_written_in_tex(equation: str, tex: str) -> None:
    assert write_tex(equation) == tex


def test_no_sign_of_an_equation_is_left_as_it_was() -> None:
    """A sign that has no TeX here would be set in another font."""
    assert all(write_tex(clause.equation).isascii() for clause in CLAUSES.values())


def test_a_comma_in_a_pair_separates_no_equations() -> None:
    assert split_equations("s = (h, c), y = h") == ["s = (h, c)", "y = h"]


@pytest.mark.parametrize("source", sorted({clause.source for clause in CLAUSES.values() if clause.source}))
def test_every_source_of_a_clause_is_in_the_bibliography(source: str) -> None:
    assert len(find_keys(source)) == source.count("; ") + 1


def test_a_source_that_is_not_in_the_bibliography_is_named() -> None:
    with pytest.raises(LookupError, match=r"the source 'Nobody 1900, doi:10/1' fits no entry of references.bib"):
        find_keys("Nobody 1900, doi:10/1")


@pytest.mark.parametrize(
    "link, place",
    [
        ("spec.md#CELL-5", "/cell.md#CELL-5"),
        ("spec.md", "/spec.md"),
        ("why.md", "/why.md"),
        ("../README.md#the-six-equations", "/readme.md#the-six-equations"),
        ("cell.svg", "/cell.svg"),
        ("../lstm_spec/equations.py", "/source/lstm_spec/equations.py.md"),
        ("../examples", "/source/examples/index.md"),
        ("https://example.org/a.md", "https://example.org/a.md"),
    ],
)
def test_a_link_of_the_repository_leads_to_its_place_in_the_site(link: str, place: str) -> None:
    assert place_link(link, ROOT / "docs" / "accuracy.md") == place


def test_links_in_code_stay_as_they_are() -> None:
    text = "[a](why.md) `[b](why.md)`\n```text\n[c](why.md)\n```\n[d](why.md)"
    assert rewrite_links(text, ROOT / "docs" / "accuracy.md") == text.replace("[a](why", "[a](/why").replace(
        "[d](why", "[d](/why"
    )


def test_paper_has_everything_unfolded_and_no_link_that_leads_away() -> None:
    from tools.site.pdf import prepare_page

    html = '<details><p id="x">a</p></details><a href="#x">b</a><a href="#y">c</a><a href="z.html">d</a><a href="http://e">e</a>'
    soup = BeautifulSoup(prepare_page(html), "html.parser")
    assert soup.details is not None and soup.details.has_attr("open")
    assert [link["href"] for link in soup.find_all("a")] == ["#x", "http://e"] and soup.get_text() == "abcde"


@pytest.mark.parametrize(
    "text, marked",
    [
        ("h_{t−1} and dz_k", "h<t−1> and dz<k>"),
        ("d̂z_{t+1}, u_acc, eta_s", "d̂z<t+1>, u<acc>, eta<s>"),
        ("|c_0|, σ_max(U)", "|c<0>|, σ<max>(U)"),
        ("f^n (1 + u)^n", "f^n^ (1 + u)^n^"),
        ("hidden_size, weights_of_o, sm_90 and __init__ stay", "hidden_size, weights_of_o, sm_90 and __init__ stay"),
    ],
)
def test_indices_and_powers_in_text_are_set_below_and_above(text: str, marked: str) -> None:
    from docutils import nodes

    from tools.site.extension import raise_marks

    signs = {nodes.subscript: "<{}>", nodes.superscript: "^{}^"}
    parts = (signs.get(type(node), "{}").format(node.astext()) for node in raise_marks(text))
    assert "".join(parts) == marked


def test_what_scrolls_can_be_reached_by_keyboard_and_every_landmark_has_a_name(html: Path) -> None:
    for page in map(read_page, (html / "index.html", html / "accuracy.html", html / "layouts.html")):
        assert all(tag.has_attr("tabindex") for tag in page.select("pre, .table-wrapper, .equation"))
        assert all(tag.has_attr("aria-label") for tag in page.find_all("aside"))
        assert all(tag.has_attr("aria-level") for tag in page.select("[role=heading]"))


def test_a_search_looks_through_pages_and_not_through_source_code_and_tables_of_faults(html: Path) -> None:
    index = json.loads((html / "searchindex.js").read_text(encoding="utf-8").removeprefix("Search.setIndex(")[:-1])
    titles = dict(zip(index["docnames"], index["titles"], strict=True))
    left_out = {name for name, title in titles.items() if not title}
    assert left_out == {name for name in titles if name.startswith("source/")} | {"kill-matrix", "selftest"}


def test_every_page_has_one_title(html: Path) -> None:
    assert [page.name for page in html.rglob("*.html") if len(read_page(page).find_all("h1")) != 1] == []


def test_what_a_framework_answers_is_said_once_below_a_clause() -> None:
    from tools.site.clauses import list_other_answers

    said = list_other_answers("GRAD-3")
    assert said and len(said) == len(set(said))
