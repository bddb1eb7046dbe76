"""The reports that `run` writes into files: JSON, JUnit's XML, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from conformance.cli.console import complain, describe_suite_error
from conformance.report.status import PASSED, SUITE_ERROR, UNWRITTEN, Unjudged

if TYPE_CHECKING:
    from conformance.report.report import Report

STDOUT = Path("-")
NAMES_OF_STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")  # descriptor 1 itself belongs to the targets
Render = Callable[["list[Report]", dict[str, Unjudged]], bytes]
Files = dict[str, Path]  # by option


def claim_files(given: dict[str, Path | None]) -> Files:
    """The files, by their options; each can be written, and holds no former report. Raises BadParameter."""
    files = {option: STDOUT if str(file) in NAMES_OF_STDOUT else file for option, file in given.items() if file}
    if len({*files.values()}) < len(files):
        raise click.BadParameter("two reports cannot be written to the same place", param_hint=" ".join(files))
    for option, file in files.items():
        try:
            _claim_file(file, STARTS[option])
        except OSError as error:
            reason = f"{file} cannot be written ({error.strerror}); name another one, in a folder that can be written"
            raise click.BadParameter(reason, param_hint=option) from error
    return files


def _claim_file(file: Path, start: bytes) -> None:
    import errno
    import os

    from conformance.files import remove_stale

    if file.is_dir():  # click takes an empty name for that of a file
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if file != STDOUT and (file.is_file() or not file.exists()):  # to try a pipe would end its reader
        file.open("a", encoding="utf-8").close()
        remove_stale(file, start)


def write_reports(files: Files, reports: list[Report], unjudged: dict[str, Unjudged], stdout: TextIO) -> int:
    """Write each of the files; PASSED, or why one could not be written."""
    status = PASSED
    for option, file in files.items():
        try:
            write_file(file, RENDER[option](reports, unjudged), stdout)
        except OSError as error:
            complain(f"{file} cannot be written ({error.strerror}), so there is no report for {option}")
            status = UNWRITTEN
        except Exception as error:  # one report never costs another one
            complain(f"suite error, please report it: no report for {option}: {describe_suite_error(error)}")
            status = status or SUITE_ERROR
    return status


def write_file(file: Path, content: bytes, stdout: TextIO) -> None:
    """Put the content into the file, whole or not at all; STDOUT is that stream. Raises OSError."""
    from conformance.files import write_whole

    if file != STDOUT:
        return write_whole(file, content)
    stdout.flush()
    stdout.buffer.write(content)
    stdout.buffer.flush()


def _render_json(reports: list[Report], unjudged: dict[str, Unjudged]) -> bytes:
    import json

    from conformance.report.json import as_json

    return f"{json.dumps(as_json(reports, unjudged), indent=1)}\n".encode()


def _render_junit(reports: list[Report], unjudged: dict[str, Unjudged]) -> bytes:
    from xml.dom.minidom import parseString

    from conformance.report.junit import as_junit

    raw = as_junit(reports, unjudged).tostring()  # type: ignore[no-untyped-call]
    return parseString(raw).toprettyxml(encoding="utf-8")


def _render_markdown(reports: list[Report], unjudged: dict[str, Unjudged]) -> bytes:
    from conformance.report.markdown import as_markdown

    return as_markdown(reports, unjudged).encode(errors="backslashreplace")


def _render_html(reports: list[Report], unjudged: dict[str, Unjudged]) -> bytes:
    from conformance.report.page.render import as_html

    return as_html(reports, unjudged).encode()


RENDER: dict[str, Render] = {
    "--json": _render_json,
    "--junit": _render_junit,
    "--markdown": _render_markdown,
    "--html": _render_html,
}
STARTS = {
    "--json": b"{",
    "--junit": b"<?xml",
    "--markdown": b"<!-- lstm-conform",
    "--html": b"<!doctype html><!-- lstm-conform",
    "--out": b"<svg",
}
