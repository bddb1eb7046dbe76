"""Makes every small mistake in three textbook LSTMs, judges each, and prints what came of them."""

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from conformance.files import write_whole
from tools.mutants.judging import judge_mutant
from tools.mutants.making import list_mutants
from tools.mutants.page import list_missed, summarize, write_page, write_table


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--every", default=1, show_default=True, help="Judge only every so many-th mutant; no page is written.")
@click.option("--jobs", default=2, show_default=True, help="Number of worker processes.")
def main(path: Path | None, every: int, jobs: int) -> None:
    """Print the table, and write the page to PATH. Exit status 1 if a mutant was missed."""
    mutants = list_mutants()[::every]
    with ProcessPoolExecutor(jobs) as pool:
        judged = pool.map(judge_mutant, mutants)
        found = list(track(judged, "mutants", len(mutants), console=Console(stderr=True)))
    results = list(zip(mutants, found, strict=True))
    click.echo(f"{write_table(results)}\n\n{summarize(results)}")
    if path and every == 1:
        write_whole(path, write_page(results).encode())
    sys.exit(bool(list_missed(results)))


if __name__ == "__main__":
    main()
