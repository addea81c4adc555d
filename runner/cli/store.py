"""`tunebook store`: records in, checks, copies out."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli._options import json_option, results_option

DOUBLED = (
    "several machines searched {name}: a number of a trial stands for several configurations there, and a link to it "
    "leads to the first; give each machine campaigns of its own"
)


@click.group("store", no_args_is_help=True)
def command() -> None:
    """Look after the store: ingest, merge, archive, verify, rebuild, snapshot, export, rescore."""


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
    if not waiting:
        _publish_snapshot(results)


def _publish_snapshot(results: Path) -> None:
    from runner.store.snapshot import snapshot_if_older, snapshot_is_behind

    if snapshot_is_behind(results) and not snapshot_if_older(results, 0.0):
        click.echo("warning: another program holds the store: the snapshot is the old one", err=True)


@command.command("merge")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--dry-run", is_flag=True, help="Say what would be taken, and take nothing.")
@results_option
@json_option
def merge_command(paths: tuple[str, ...], dry_run: bool, results: Path, as_json: bool) -> None:
    """Take in what other machines measured, and publish the snapshot.

    PATH is a results folder, a folder of records, one record, or a store.duckdb or snapshot.duckdb without its records;
    or s3://BUCKET/KEY of one of them, with the package s3fs beside tunebook. Each record is copied as it was sealed,
    under its own id: order does not matter, and again takes nothing. Name the records where you can: a run goes on from
    records, and only a record can be judged by new rules.

    A record that was changed after it was sealed, or that stands here with other content, is refused by name and all
    others are taken: exit status 5. What is not finished there is never taken. A campaign that runs here has to end
    first: exit status 7.

    \b
    tunebook store merge hosts/*
    tunebook store merge --dry-run /mnt/gpu-a/results /mnt/gpu-b/snapshot.duckdb s3://lab/gpu-c/results
    """
    from runner.cli._merged import as_plain, as_text
    from runner.cli._session import closing, progress
    from runner.errors import StoreDamaged
    from runner.events import emit
    from runner.merge import merge

    with progress(as_json), closing(as_json) as end:
        done = merge(results, paths, dry_run=dry_run)
        end.update(new=done.new, dry_run=dry_run, doubled=list(done.doubled))
        for one in done.sources:
            if as_json:
                emit("merged", None, **as_plain(one))
            else:
                click.echo(as_text(one, dry_run))
        if done.ingested is not None:
            for warning in done.ingested.warnings:
                click.echo(f"warning: {warning}", err=True)
            _publish_snapshot(results)
        for name in done.doubled:
            click.echo(f"warning: {DOUBLED.format(name=name)}", err=True)
        if not as_json:
            click.echo(f"{done.new} new records" + (": a dry run, nothing was taken" if dry_run else ""))
        if done.refused:
            count = sum(len(one.refused) for one in done.sources)
            records = "1 record" if count == 1 else f"{count} records"
            were = "was" if count == 1 else "were"
            raise StoreDamaged(
                f"{records} {were} refused; all others were taken" if not dry_run else f"{records} would be refused",
                hint="they are named above; copy them again from where they were sealed, or ask there: `store verify`",
            )


@command.command("archive")
@click.option("--older", required=True, metavar="AGE", help="Attempts that ended longer ago: 90d, 12h.")
@click.option("--to", metavar="PATH", help="A folder, or s3://BUCKET/KEY [default: archive/ in the results folder].")
@click.option("--dry-run", is_flag=True, help="Say what would be moved, and move nothing.")
@results_option
@json_option
def archive_command(older: str, to: str | None, dry_run: bool, results: Path, as_json: bool) -> None:
    """Move request rows and logs of old attempts out of their records, to another disk or an object store.

    What is measured stays: facts, telemetry, hashes, every row of the store; pages and scores do not change. A record
    says where its files lie: `store verify` checks them there, `logs` and requests('<attempt_id>') read them in an
    archive that is a folder. A file that is copied back into its record is there again.

    Left alone: attempts that are not in the store, those of a campaign that runs here, and those of the best and the
    default trials, which pages name. Each file is removed here when its copy was read back with the same hash.
    A record that is not what was sealed is named and stays as it is: exit status 5.

    \b
    tunebook store archive --older 90d --to /mnt/slow/tunebook --dry-run
    tunebook store archive --older 90d --to s3://lab/archive        (with the package s3fs beside tunebook)
    """
    from datetime import UTC, datetime

    from runner.archive import archive
    from runner.cli._archived import as_plain, as_text
    from runner.cli._session import closing, progress
    from runner.domain.units import parse_duration
    from runner.errors import StoreDamaged, UsageError

    try:
        seconds = parse_duration(older)
    except ValueError as error:
        raise UsageError(f"--older: {error}", hint="such as 90d, 36h") from None
    with progress(as_json), closing(as_json) as end:
        done = archive(results, seconds, to, datetime.now(UTC), dry_run=dry_run)
        end.update(as_plain(done), dry_run=dry_run)
        if not as_json:
            click.echo(as_text(done, older, dry_run))
        if done.refused:
            raise StoreDamaged("; ".join(done.refused), hint="they are as they were; `tunebook store verify` says more")


@command.command("verify")
@results_option
def verify_command(results: Path) -> None:
    """Check every byte of every record, every row, every trigger, and records against rows. Changes nothing.

    What `store archive` moved is checked in the archive, where that can be reached. Each finding says what to do. Exit
    status 5 when something is damaged; pending records and an archive out of reach are no damage.
    """
    from runner.archive import place_of
    from runner.store.verify import verify

    seen = verify(results, place_of)
    for finding in seen.findings:
        click.echo(f"{finding.kind}: {finding.what}\n  hint: {finding.todo}")
    if not seen.records and not seen.tables and not seen.findings:
        click.echo(f"no records and no store in {results}")
        return
    verdict = "damaged" if seen.damaged else "whole"
    away = f"; {seen.checked} of {seen.archived} archived files checked" if seen.archived else ""
    click.echo(f"{verdict}: {seen.records} records, {seen.rows} rows in {seen.tables} tables{away}")
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
@click.option("--llm-d", "reports", is_flag=True, help="An llm-d Benchmark Report v0.2 for each measured level.")
@click.option("--campaign", "names", multiple=True, metavar="NAME", help="Of the last two: only this one. Repeatable.")
@results_option
def export_command(target: Path, publishing: bool, reports: bool, names: tuple[str, ...], results: Path) -> None:
    """Write every view of the snapshot to DIR as CSV and Parquet, and all of them as tunebook.duckdb.

    Nothing is left out or renamed: hosts and paths stand there as they are. `build` makes the downloads that may be
    published.

    With --publish DIR gets what may be committed and published: the sealed facts, with hosts as aliases and paths as
    placeholders, without request rows, logs and samples. `store ingest DIR` reads it back, `make site-demo` builds a
    site of it.

    With --llm-d DIR gets a report (YAML) for each level that was answered, of every attempt that was measured and not
    withdrawn. Flags and environment stand in it as the engine got them.
    """
    from runner.errors import UsageError
    from runner.reports import write_reports
    from runner.store.export import export
    from runner.store.publish import publish

    if publishing and reports:
        raise UsageError("--publish and --llm-d are two exports", hint="give each a folder of its own")
    if names and not (publishing or reports):
        raise UsageError(
            "--campaign is for --publish and --llm-d", hint="`tunebook sql` selects rows of the other export"
        )
    if reports:
        count = write_reports(results, target, names)
        click.echo(f"{count} report{'' if count == 1 else 's'} in {target}")
        return
    if not publishing:
        written = export(results, target)
        click.echo(f"{len(written)} files in {target}")
        return
    made = publish(results, target, names)
    for name, records in made.campaigns.items():
        click.echo(f"{name}: {records} records")
    click.echo(f"{target}: {made.size / 1000:.0f} kB; left out: {', '.join(made.left_out)}")
    click.echo("read it before you commit it: a description or a comment says what its author wrote")


@command.command("rescore")
@click.argument("campaigns", nargs=-1, metavar="[CAMPAIGN]...")
@click.option("--objective", metavar="METRIC[@LEVEL][:GOAL]", help="Such as output_throughput@c=8. Default: as it was.")
@click.option("--slo", "slos", multiple=True, metavar="METRIC=LIMIT[:hard]", help="Replaces all SLOs. Repeatable.")
@click.option("--no-slo", is_flag=True, help="Without any SLO.")
@click.option(
    "--rules", "file", type=click.Path(path_type=Path), metavar="FILE", help="YAML: objective:, slo:, or both."
)
@results_option
@json_option
def rescore_command(
    campaigns: tuple[str, ...],
    objective: str | None,
    slos: tuple[str, ...],
    no_slo: bool,
    file: Path | None,
    results: Path,
    as_json: bool,
) -> None:
    """Judge everything that was measured by another objective or other SLOs. Nothing is measured again.

    The new scores stand beside the old ones, of all runs of the campaigns named (default: all). Pages and views go on
    with each campaign's own rules; to change those, change the file and run it. Who wins under the new rules is told
    here, and `tunebook sql` finds the scores by the rules_id. A campaign that is running now has to end first: exit
    status 7.

    \b
    tunebook store rescore llama3-chat --objective request_throughput@goodput --slo ttft_p99=500ms:hard
    tunebook store rescore --slo ttft_p99=1s:hard --slo tpot_p50=40ms:weight=2
    """
    from runner.campaign.files import read_text
    from runner.campaign.other_rules import OtherRules, from_words
    from runner.cli._rescored import as_plain, as_text
    from runner.cli._session import closing, progress
    from runner.errors import UsageError
    from runner.events import emit
    from runner.rescore import rescore

    if sum((file is not None, bool(objective or slos or no_slo))) != 1 or (slos and no_slo):
        raise UsageError(
            "say by which rules: --objective and --slo, or --rules FILE",
            hint="--slo METRIC=LIMIT and --no-slo exclude each other; `--help` has examples",
        )
    with progress(as_json), closing(as_json):
        rules = OtherRules(read_text(file), str(file)) if file else from_words(objective, slos, no_slo)
        done = rescore(results, campaigns, rules)
        if as_json:
            for one in done:
                emit("rescored", None, **as_plain(one))
        else:
            click.echo(as_text(done))
        _take_in(results, as_json)


def _take_in(results: Path, as_json: bool) -> None:
    from runner.store.ingest import ingest
    from runner.store.snapshot import snapshot

    taken = ingest(results)
    for warning in taken.warnings:
        click.echo(f"warning: {warning}", err=True)
    if taken.pending == taken.damaged:
        snapshot(results)
    if not as_json:
        click.echo("scores of other rules: SELECT * FROM scores WHERE rules_id = '...' (`tunebook sql`)")


COMMAND: click.Command = command
