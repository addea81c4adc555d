"""`tunebook logs`: what engines and clients wrote, attempt by attempt."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from runner.cli._options import json_option, results_option

PAUSE = 0.25
"""Seconds between two looks of --follow."""


@click.command("logs")
@click.argument("name", required=False, metavar="[RUN|TRIAL|ATTEMPT|CAMPAIGN]")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run ends, or Ctrl-C.")
@click.option("--engine", is_flag=True, help="Only lines of engines.")
@click.option("--client", is_flag=True, help="Only lines of load generators.")
@results_option
@json_option
def command(name: str | None, follow: bool, engine: bool, client: bool, results: Path, as_json: bool) -> None:
    """Show the logs of a run, a trial or an attempt as one text; each line names its attempt and who wrote it.

    Ids may be shortened. The name of a campaign is its latest run, NAME#7 trial 7 of that; nothing is the latest run
    of all. Secrets are taken out, and control characters are shown, never sent to the terminal.

    \b
    tunebook logs quickstart --follow
    tunebook logs quickstart#7 --engine
    """
    from runner.domain.events import Event
    from runner.events.jsonl import JsonLines
    from runner.known import Known, find
    from runner.logs import CLIENT, ENGINE, SOURCES, merged

    known = Known(results)
    target = find(known, name)
    asked = tuple(source for source, wanted in ((ENGINE, engine), (CLIENT, client)) if wanted)
    sink = JsonLines(sys.stdout)
    status = 0
    try:
        for line in merged(known, target, follow=follow, wait=lambda: time.sleep(PAUSE), sources=asked or SOURCES):
            if as_json:
                data = {"attempt_id": line.attempt_id, "tag": line.tag, "source": line.source, "text": line.text}
                sink.handle(Event("line", line.run_id, data))
            else:
                click.echo(f"{line.tag:<12} {line.source:<8} | {line.text}")
    except KeyboardInterrupt:  # the usual end of --follow: no error, but the status says that it was cut short
        status = 130
    if as_json:
        sink.handle(Event("end", None, {"exit_code": status}))
    click.get_current_context().exit(status)


COMMAND: click.Command = command
