"""JSON reports read from files of other people."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from conformance.files import read_whole
from conformance.report.json import JSON_VERSION
from conformance.text import LONGEST_NAME, clean_line, quote_value

LARGEST_FILE = 2**26  # bytes; of a target there is about 1 MiB
LONGEST_NUMBER = 18  # digits of an integer
LONGEST_MISFIT = 300  # characters
Data = dict[str, Any]
REMEDY = "name a file that `lstm-conform run --json` wrote"


class ReportError(ValueError):
    """The file is no report; the message is one sentence, fit for a terminal."""

    def __init__(self, sentence: str) -> None:
        super().__init__(clean_line(sentence))


def read_report(path: Path) -> Data:
    """The report in a file, of the form of schema.json. Raises ReportError."""
    try:
        raw = read_whole(path, LARGEST_FILE)
        found = json.loads(raw.decode("utf-8-sig"), parse_int=_read_integer, parse_constant=_refuse_constant)
    except OSError as error:
        raise ReportError(f"{path} cannot be read ({error.strerror}); {REMEDY}") from error
    except RecursionError as error:
        raise ReportError(f"{path} has lists in lists without end; {REMEDY}") from error
    except ValueError as error:
        raise ReportError(f"{path} is not JSON ({error}); {REMEDY}") from error
    version = found.get("version") if isinstance(found, dict) else None
    if type(version) is int and version != JSON_VERSION:
        raise ReportError(f"{path} is a report of version {version}, expected {JSON_VERSION}; write it anew with `run`")
    if misfit := find_misfit(found):
        raise ReportError(f"{path} is no report: {misfit}; {REMEDY}")
    report: Data = found
    return report


def find_misfit(found: Any) -> str:
    """What of the data is not as schema.json describes it, and where; empty if all is."""
    from jsonschema import Draft202012Validator

    schema = json.loads((files("conformance.report") / "schema.json").read_text(encoding="utf-8"))
    misfit = next(Draft202012Validator(schema).iter_errors(found), None)
    return (
        f"at {clean_line(misfit.json_path, LONGEST_NAME)}, {clean_line(misfit.message, LONGEST_MISFIT)}"
        if misfit
        else ""
    )


def _read_integer(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(f"it has an integer of {len(digits):,} digits, expected at most {LONGEST_NUMBER}")
    return int(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it has {quote_value(name)} as a number")
