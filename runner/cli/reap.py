"""`tunebook reap`: clean up after a runner that died."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli._options import results_option


@click.command("reap")
@results_option
def command(results: Path) -> None:
    """End engines whose runner died, and seal their attempts as interrupted.

    Only what a running file of this host names is ended; living runners are left alone. `run` does this by itself
    before it starts.
    """
    from runner.crosscheck import FOLDER
    from runner.deployers import deployers
    from runner.reap import reap, sweep
    from runner.running_file import read_running, runner_lives

    for one in (*reap(results), *reap(results / FOLDER)):
        if one.trouble:
            click.echo(f"left: attempt {one.attempt_id} of {one.campaign}: {one.trouble}", err=True)
            continue
        record = "sealed as interrupted" if one.sealed else "was sealed already"
        click.echo(f"attempt {one.attempt_id} of {one.campaign}: {record}")
        for line in one.ended:
            click.echo(f"  ended {line}")
    for line in sweep(deployers.names()):
        click.echo(f"ended {line}, which no running file of these results names")
    for facts in (*read_running(results), *read_running(results / FOLDER)):
        whose = "on another host" if runner_lives(facts) is None else f"runs in process {facts['pid']}"
        click.echo(f"left alone: attempt {facts['attempt_id']} of {facts.get('campaign', '?')} {whose}")


COMMAND: click.Command = command
