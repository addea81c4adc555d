"""`tunebook status`: what runs on this machine, and how the last run ended."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runner.cli._options import json_option, results_option


@click.command("status")
@results_option
@json_option
def command(results: Path, as_json: bool) -> None:
    """Show what runs here: campaign, trial n of m, phase, last progress, records that wait, and who holds the store.

    A run whose process is gone is called dead: `tunebook reap` ends what it left. When nothing runs, the end of the
    last run is told. Disturbs nothing, and may be called at any time.
    """
    from datetime import UTC, datetime

    from runner.cli._status import events, text
    from runner.events.jsonl import JsonLines
    from runner.status import look

    seen = look(results, datetime.now(UTC))
    if not as_json:
        click.echo(text(seen, results))
        return
    sink = JsonLines(sys.stdout)
    for event in events(seen):
        sink.handle(event)


COMMAND: click.Command = command
