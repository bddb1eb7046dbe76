"""Whatever cites the project says the version and the day of lstm_spec/version.py; nothing else says them by hand."""

import html
import json
import re
from datetime import date

import pytest
import yaml

from lstm_spec import version
from tests.helpers.root import ROOT
from tools.pages.citation import MESSAGE, read_project, write_bibtex, write_cff, write_zenodo


@pytest.mark.parametrize("name, write", [("CITATION.cff", write_cff), (".zenodo.json", write_zenodo)])
def test_a_file_is_fresh(name: str, write: object) -> None:
    assert callable(write)
    assert (ROOT / name).read_text(encoding="utf-8") == write(), "run `make docs`"


def test_both_files_say_version_and_day_and_lack_the_identifier_only() -> None:
    cff, zenodo = yaml.safe_load(write_cff()), json.loads(write_zenodo())
    assert cff["version"] == zenodo["version"] == version.SUITE
    assert cff["date-released"] == zenodo["publication_date"] == version.SUITE_DATE
    assert not {"doi", "identifiers"} & {*cff, *zenodo}
    assert all(cff.values()) and all(zenodo.values())


SAME = {  # a field of CITATION.cff, and that of .zenodo.json
    "title": "title",
    "type": "upload_type",
    "authors": "creators",
    "version": "version",
    "date-released": "publication_date",
    "license": "license",
    "keywords": "keywords",
}


def test_zenodo_is_told_what_the_citation_says_field_by_field() -> None:
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    zenodo = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    told = {name: zenodo.pop(other) for name, other in SAME.items()}
    assert told == {name: cff.pop(name) for name in SAME}
    abstract = html.escape(cff.pop("abstract"), quote=False)
    assert zenodo == {"description": f"<p>{abstract}</p>", "access_right": "open", "language": "eng"}
    assert cff == {"cff-version": "1.2.0", "message": MESSAGE}  # what Zenodo has no field for


@pytest.mark.parametrize("day", [version.SUITE_DATE, version.SPECIFICATION_DATE])
def test_a_day_is_a_day(day: str) -> None:
    assert date.fromisoformat(day).isoformat() == day


def test_the_version_of_the_package_is_read_from_the_module() -> None:
    assert read_project()["dynamic"] == ["version"] and "version" not in read_project()


def test_no_module_has_the_version_of_the_specification_by_hand() -> None:
    packages = [
        page for name in ("lstm_spec", "conformance", "backends", "tools") for page in (ROOT / name).rglob("*.py")
    ]
    said = re.compile(rf"Specification {re.escape(version.SPECIFICATION)}")
    assert [page for page in packages if said.search(page.read_text(encoding="utf-8"))] == []


def test_the_bibtex_has_the_version_and_balanced_braces() -> None:
    text = write_bibtex()
    assert f"LSTM Specification {version.SPECIFICATION}" in text and text.count("{") == text.count("}")
