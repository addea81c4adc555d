"""`tunebook sql`: a question to the snapshot."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runner.cli._options import results_option


@click.command("sql")
@click.argument("query")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "parquet"]),
    default="table",
    show_default=True,
    help="How to write the answer.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to FILE.")
@results_option
def command(query: str, form: str, out: Path | None, results: Path) -> None:
    """Ask the results a QUERY in SQL (`-` reads it from standard input).

    The views are described in site/reference/tables.md: campaigns, runs, trials, attempts, levels, metrics, failures,
    best, comparisons, ... The snapshot is read, nothing can be changed; its age goes to stderr.

    \b
    tunebook sql "SELECT number, status, score, unit FROM trials ORDER BY number"
    """
    from runner.store.query import answer, snapshot_age_text

    text = sys.stdin.read() if query == "-" else query
    rows = answer(results, text, form, out)
    where = f"; written to {out}" if out else ""
    click.echo(f"{rows} row{'' if rows == 1 else 's'} from {snapshot_age_text(results)}{where}", err=True)


COMMAND: click.Command = command
