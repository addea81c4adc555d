"""`tunebook run`: execute campaign files."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from runner.cli._options import json_option, results_option
from runner.cli._session import listening_to_signals, progress
from runner.errors import TunebookError, UsageError
from runner.util.redact import redact
from runner.util.visible import visible_lines

if TYPE_CHECKING:
    from runner.batch import Batch, FileEnd, Loaded


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    from runner.domain.units import parse_duration

    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("run")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--again", is_flag=True, help="Start the next series of a finished campaign.")
@click.option("--due", is_flag=True, help="Only what is unfinished, or whose `every` has passed.")
@click.option("--matching", is_flag=True, help="Skip campaigns for other hardware than this machine's.")
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Only the campaign of this name; may be repeated. `best`: measure nothing but how much load the winner of a "
    "finished campaign holds within its SLOs.",
)
@click.option("--retry-failed", is_flag=True, help="First try each failed trial of the latest series once more.")
@click.option("--max-trials", type=click.IntRange(min=0), metavar="N", help="At most N new trials of each campaign.")
@click.option(
    "--budget", callback=_seconds, metavar="TIME", help="Start no attempt after this time, such as 8h, over all files."
)
@click.option(
    "--slots",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Up to N attempts of a search at a time, each on GPUs or pinned CPUs of its own. Confirming goes one by one.",
)
@click.option(
    "--executor",
    default="local",
    metavar="NAME",
    show_default=True,
    help="Where attempts run: `local`, this machine; `ray`, the machines of a Ray cluster.",
)
@click.option(
    "--address", metavar="HOST:PORT", help="Head of the Ray cluster (default: $RAY_ADDRESS). None is ever started."
)
@click.option("--build", is_flag=True, help="Build the site at the end, whatever failed.")
@click.option(
    "--summary",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append the closing table to FILE as Markdown ($GITHUB_STEP_SUMMARY gets it by itself).",
)
@results_option
@json_option
def command(
    paths: tuple[Path, ...],
    again: bool,
    due: bool,
    matching: bool,
    only: tuple[str, ...],
    retry_failed: bool,
    max_trials: int | None,
    budget: float | None,
    slots: int,
    executor: str,
    address: str | None,
    build: bool,
    summary: Path | None,
    results: Path,
    as_json: bool,
) -> None:
    """Run campaign files, or every campaign of a folder, in order.

    An unfinished campaign goes on where its records stop; a finished one says so. What is wrong with one file does not
    stop the rest; the worst exit status counts. Ctrl-C or SIGTERM ends cleanly with status 130: run again to resume.
    The second signal ends the engines at once.
    """
    from runner.batch import Batch, Wanted, picked, shared
    from runner.campaign.load import load_all
    from runner.cli._main import translated
    from runner.events import emit

    if again and retry_failed:
        raise UsageError(
            "--again starts a new series, --retry-failed goes on with the last one", hint="give one of them"
        )
    if "best" in only and (due or retry_failed or max_trials is not None):
        raise UsageError("--only best measures one attempt of each file", hint="leave out --due and the like")
    require_address_fits(executor, address)
    stop = Event()
    status = 3  # what a program reads when our own bug ends us
    with progress(as_json), listening_to_signals(stop):
        try:
            files, best = picked(load_all(paths), only)
            for sentence in shared(files):
                emit("warning", message=sentence)
            wanted = Wanted(again, due, matching, max_trials, budget, retry_failed, best, slots, executor, address)
            status = run_and_close(
                Batch(results, wanted, stop.is_set, translated), files, build=build, summary=summary, as_json=as_json
            )
        except TunebookError as error:
            status = error.status
            raise
        finally:
            if as_json:
                emit("end", exit_code=status)
    click.get_current_context().exit(status)


def require_address_fits(executor: str, address: str | None) -> None:
    """Raises UnknownMember, and UsageError for options that would mean nothing."""
    from runner.executors import executors

    away = executors.get(executor).away
    if address is not None and not away:
        raise UsageError(f"--executor {executor} runs on this machine and asks no --address", hint="add --executor ray")


def run_and_close(batch: Batch, files: Sequence[Loaded], *, build: bool, summary: Path | None, as_json: bool) -> int:
    """Run the files, then build, print and summarize what came of them, also when our own bug ends the runs."""
    ends: list[FileEnd] = []
    status = 3
    try:
        for end in batch.ends(files):
            ends.append(end)
            tell(end, batch.results, alone=len(files) == 1, as_json=as_json)
        status = worst(*(end.exit_code for end in ends))
    finally:
        if batch.stop():
            status = 130  # whoever ends us does not want to wait for a site
        elif build:
            status = worst(status, build_site(batch.results, as_json))
        status = worst(status, close(ends, status, summary, as_json))
    return status


def tell(end: FileEnd, results: Path, *, alone: bool, as_json: bool) -> None:
    """What came of a file, when it is known. Of many files only those that ran tell their story; the table says the
    rest."""
    from runner.batch import FileOutcome
    from runner.cli._summary import summary
    from runner.cli._table import as_plain
    from runner.events import emit

    if end.error is not None:
        report_error(end.error, as_json)
    if as_json:
        emit("file_ended", end.result.run_id if end.result else None, **as_plain(end))
    elif end.result is not None and end.outcome is not FileOutcome.NOT_DUE and (alone or end.result.run_id):
        click.echo(summary(end.result, results))


def build_site(results: Path, as_json: bool) -> int:
    """Through the command of that name, which is not in this package. Its exit status."""
    from runner.cli._root import root
    from runner.events import emit
    from runner.store.reader import snapshot_path

    if not snapshot_path(results).exists():
        emit("notice", message="no site was built: nothing is in the store yet")
        return 0
    context = click.get_current_context()
    command = root.get_command(context, "build")
    assert command is not None, "the distribution has a command `build`"
    try:
        # A run that speaks JSON hears of the site by its event; the words for people go beside it.
        with redirect_stdout(sys.stderr if as_json else sys.stdout):
            command.main(["--results", str(results)], prog_name="tunebook build", standalone_mode=False)
    except (TunebookError, OSError) as error:
        return report_error(error, as_json)
    return 0


def close(ends: Sequence[FileEnd], status: int, summary: Path | None, as_json: bool) -> int:
    """The closing table, on stdout and where CI reads it. The exit status of writing it."""
    from runner.cli._table import append_summaries, show, worth_a_table

    if not as_json and worth_a_table(ends):
        show(ends, status)
    step = os.environ.get("GITHUB_STEP_SUMMARY")
    try:
        append_summaries([path for path in (summary, step and Path(step)) if path], ends, status)
    except OSError as error:
        return report_error(error, as_json)
    return 0


def worst(*codes: int) -> int:
    """Of several files the worst status counts: an interruption, then any error, then `the answer is no`."""
    order = [0, 6, 1, 7, 10, 11, 12, 13, 14, 4, 5, 2, 3, 130]
    return max(codes, key=lambda code: order.index(code) if code in order else len(order), default=0)


def report_error(error: TunebookError | OSError, as_json: bool) -> int:
    """Say it, and give its exit status. An OSError that is no known trouble of a folder or disk is raised again."""
    from runner.cli._main import translated
    from runner.events import emit

    known = translated(error) if isinstance(error, OSError) else error
    if known is None:
        raise error
    for problem in known.problems():
        if as_json:
            emit("error", slug=problem.slug, what=problem.what, where=str(problem.where or ""), hint=problem.hint)
        for line in problem.lines():
            click.echo(visible_lines(redact(line)), err=True)
    return known.status


COMMAND: click.Command = command
