"""`tunebook build`: make the site."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runner.cli._options import json_option, results_option


@click.command("build")
@results_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the site goes (default: public/ of the project).",
)
@click.option("--private", is_flag=True, help="Show host names and paths; the default publishes neither.")
@click.option("--sql", is_flag=True, help="Add DuckDB for the SQL page, 8 MB; fetched once from the npm registry.")
@json_option
def command(results: Path, out: Path | None, private: bool, sql: bool, as_json: bool) -> None:
    """Build the site from what was measured.

    Reads the snapshot, writes pages, charts and downloads to site/results/ and the whole site to public/. A site that
    stands is replaced only when the new one is whole.

    Title, logo, accent colour and address come from [site] in tunebook.toml; there `sql = true` stands for --sql.
    """
    from report.build import build_site
    from report.phrases import count
    from runner.errors import TunebookError
    from runner.events import emit, listening
    from runner.events.jsonl import JsonLines
    from runner.util.project import project_folder

    out = out and out.resolve()
    if as_json:
        with listening(JsonLines(sys.stdout)):
            try:
                build_site(results, project_folder(), out, private=private, sql=sql)
            except TunebookError as error:
                emit("end", exit_code=error.status)
                raise
            emit("end", exit_code=0)
        return
    built = build_site(results, project_folder(), out, private=private, sql=sql)
    counts = (count(built.campaigns, "campaign"), count(built.trials, "trial"), f"{built.failed} failed")
    click.echo(f"{built.out}: {count(built.pages, 'page')}, {', '.join(counts)}")
    click.echo(f"open {built.out / 'index.html'}, or run `tunebook serve`")


COMMAND: click.Command = command
