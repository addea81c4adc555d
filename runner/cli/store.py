"""`tunebook store`: records in, checks, copies out."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli._options import results_option


@click.group("store", no_args_is_help=True)
def command() -> None:
    """Look after the store of results: ingest, verify, rebuild, snapshot, export."""


@command.command("ingest")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="[FOLDER]", required=False)
@results_option
def ingest_command(folder: Path | None, results: Path) -> None:
    """Take sealed records that are not yet in the store in, and publish the snapshot.

    Runs do this by themselves. Records that have to wait (another program holds the store) and records that are
    damaged are a warning, no error; the snapshot then holds all the others.

    FOLDER has results that somebody published (`store export --publish`). They get a results folder of their own:

    \b
    tunebook store ingest campaigns/published --results /tmp/published
    tunebook build --results /tmp/published
    """
    from runner.store.ingest import ingest
    from runner.store.publish import unpack
    from runner.store.record import record_folders
    from runner.store.snapshot import snapshot_if_older, snapshot_is_behind

    if folder is not None:
        read = unpack(folder, results)
        click.echo(f"{folder}: {sum(read.campaigns.values())} published records of {', '.join(read.campaigns)}")
    done = ingest(results)
    for warning in done.warnings:
        click.echo(f"warning: {warning}", err=True)
    waiting = done.pending - done.damaged
    left = (f", {waiting} pending" if waiting else "") + (f", {done.damaged} not taken in" if done.damaged else "")
    if not record_folders(results):
        click.echo(f"no sealed records in {results}")
        return
    click.echo(f"{done.new} new records{left}")
    if not waiting and snapshot_is_behind(results) and not snapshot_if_older(results, 0.0):
        click.echo("warning: another program holds the store: the snapshot is the old one", err=True)


@command.command("verify")
@results_option
def verify_command(results: Path) -> None:
    """Check every byte of every record, every row, every trigger, and records against rows. Changes nothing.

    Each finding says what to do. Exit status 5 when something is damaged; pending records are no damage.
    """
    from runner.store.verify import verify

    seen = verify(results)
    for finding in seen.findings:
        click.echo(f"{finding.kind}: {finding.what}\n  hint: {finding.todo}")
    if not seen.records and not seen.tables and not seen.findings:
        click.echo(f"no records and no store in {results}")
        return
    verdict = "damaged" if seen.damaged else "whole"
    click.echo(f"{verdict}: {seen.records} records, {seen.rows} rows in {seen.tables} tables")
    if seen.damaged:
        raise click.exceptions.Exit(5)


@command.command("rebuild")
@click.option("--drop-missing", is_flag=True, help="Also when records that the store took in are gone.")
@results_option
def rebuild_command(drop_missing: bool, results: Path) -> None:
    """Make the store anew from the sealed records; the old file is kept as store.duckdb.old."""
    from runner.store.rebuild import rebuild
    from runner.store.snapshot import snapshot

    made = rebuild(results, drop_missing=drop_missing)
    for warning in made.ingested.warnings:
        click.echo(f"warning: {warning}", err=True)
    snapshot(results)
    kept = f"; the old file is {made.old}" if made.old else ""
    left = f", {made.ingested.damaged} not taken in" if made.ingested.damaged else ""
    click.echo(f"store of {made.ingested.new} records{left}{kept}")


@command.command("snapshot")
@results_option
def snapshot_command(results: Path) -> None:
    """Publish snapshot.duckdb, the read-only copy that `sql`, `build` and DuckDB clients read."""
    from runner.store.snapshot import snapshot

    click.echo(snapshot(results))


@command.command("export")
@click.argument("target", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--publish", "publishing", is_flag=True, help="What may leave: records with aliases for hosts, no paths.")
@click.option("--campaign", "names", multiple=True, metavar="NAME", help="With --publish: only this one. Repeatable.")
@results_option
def export_command(target: Path, publishing: bool, names: tuple[str, ...], results: Path) -> None:
    """Write every view of the snapshot to DIR as CSV and Parquet, and all of them as tunebook.duckdb.

    Nothing is left out or renamed: hosts and paths stand there as they are. `build` makes the downloads that may be
    published.

    With --publish DIR gets what may be committed and published: the sealed facts, with hosts as aliases and paths as
    placeholders, without request rows, logs and samples. `store ingest DIR` reads it back, `make site-demo` builds a
    site of it.
    """
    from runner.errors import UsageError
    from runner.store.export import export
    from runner.store.publish import publish

    if names and not publishing:
        raise UsageError("--campaign is for --publish", hint="`tunebook sql` selects rows of the other export")
    if not publishing:
        written = export(results, target)
        click.echo(f"{len(written)} files in {target}")
        return
    made = publish(results, target, names)
    for name, records in made.campaigns.items():
        click.echo(f"{name}: {records} records")
    click.echo(f"{target}: {made.size / 1000:.0f} kB; left out: {', '.join(made.left_out)}")
    click.echo("read it before you commit it: a description or a comment says what its author wrote")


COMMAND: click.Command = command
