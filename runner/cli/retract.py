"""`tunebook retract`: withdraw wrong results."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli._options import results_option


@click.command("retract")
@click.argument("what", metavar="ATTEMPT|TRIAL|RUN")
@click.option("--reason", required=True, metavar="TEXT", help="Why. It stands on the published pages.")
@click.option("--by", default="", metavar="NAME", help="Who. It stands on the published pages; default: nobody.")
@results_option
def command(what: str, reason: str, by: str, results: Path) -> None:
    """Withdraw wrong results: one attempt, all of a trial, or all of a run.

    WHAT is an id, an abbreviation of one that means only one thing, or NAME#7 for trial 7 of campaign NAME. Nothing
    is deleted: views, scores and comparisons leave the attempts out, pages show them struck through with the reason,
    and the next `run` of the campaign measures the trial again. What is withdrawn already stays as it is.

    \b
    tunebook retract llama3-chat#7 --reason "another job ran on the machine"
    """
    from runner.retract import retract

    done = retract(results, what, reason, by)
    for attempt, fact in done.before:
        who = f" by {fact.by}" if fact.by else ""
        click.echo(f"withdrawn before: attempt {attempt.attempt_id}, {fact.retracted_utc[:10]}{who}: {fact.reason}")
    for attempt in done.new:
        click.echo(f"withdrawn: attempt {attempt.attempt_id}, trial {attempt.number}, {attempt.role}")
    if not done.target.attempts:
        click.echo(f"{done.target.label} has no sealed attempt: there is nothing to withdraw")
    elif not done.new:
        click.echo(f"{done.target.label}: already withdrawn, nothing to do")
    else:
        count = f"{len(done.new)} attempt{'s'[: len(done.new) > 1]}"
        click.echo(f"{done.target.label}: {count} withdrawn; `tunebook run` measures it again")
        _into_store(results)
    if done.target.open_run:
        click.echo("warning: this run has no end yet: what it seals from now on is not withdrawn", err=True)


def _into_store(results: Path) -> None:
    """The records are sealed, whatever comes of this."""
    from runner.errors import NoSpace, StoreError, Unwritable
    from runner.store.ingest import ingest
    from runner.store.snapshot import snapshot

    try:
        taken = ingest(results)
        for warning in taken.warnings:
            click.echo(f"warning: {warning}", err=True)
        if taken.pending == taken.damaged:
            snapshot(results)
    except (StoreError, NoSpace, Unwritable) as error:
        what = f"warning: sealed, but not yet in the store: {error.what}; `tunebook store ingest` takes it in"
        click.echo(what, err=True)


COMMAND: click.Command = command
