"""`tunebook run`: execute campaign files."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

import click

from runner.cli._options import json_option, results_option
from runner.errors import CampaignError, TunebookError
from runner.util.redact import redact
from runner.util.visible import visible_lines


@click.command("run")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--again", is_flag=True, help="Start the next series of a finished campaign.")
@click.option("--max-trials", type=click.IntRange(min=0), metavar="N", help="At most N new trials in this run.")
@results_option
@json_option
def command(paths: tuple[Path, ...], again: bool, max_trials: int | None, results: Path, as_json: bool) -> None:
    """Run campaign files, or every campaign of a folder, in order.

    An unfinished campaign goes on where its records stop; a finished one says so. Ctrl-C or SIGTERM ends cleanly
    with status 130: run again to resume. The second signal ends the engines at once.
    """
    from runner.campaign.load import load_all
    from runner.cli._summary import summary
    from runner.events import emit
    from runner.run_campaign import run_campaign
    from runner.util.project import project_folder

    stop = Event()
    status = 3  # what a program reads when our own bug ends us
    with progress(as_json), listening_to_signals(stop):
        try:
            status = 0
            for path, loaded in load_all(paths):
                try:
                    if isinstance(loaded, CampaignError):
                        raise loaded
                    result = run_campaign(
                        path,
                        results,
                        project_folder(path.parent),
                        again=again,
                        max_trials=max_trials,
                        stop=stop.is_set,
                    )
                    code = result.exit_code
                    if not as_json:
                        click.echo(summary(result, results))
                except (TunebookError, OSError) as error:
                    code = report_error(error, as_json)
                status = worst(status, code)
                if stop.is_set():
                    status = 130
                    break
        except BaseException:
            status = 3
            raise
        finally:
            if as_json:
                emit("end", exit_code=status)
    click.get_current_context().exit(status)


def worst(first: int, second: int) -> int:
    """Of several files the worst status counts: an interruption, then any error, then `the answer is no`."""
    order = [0, 6, 1, 7, 10, 11, 12, 13, 14, 4, 5, 2, 3, 130]
    return max(first, second, key=lambda code: order.index(code) if code in order else len(order))


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


@contextmanager
def progress(as_json: bool) -> Iterator[None]:
    """JSON lines on stdout, a live display on a terminal, or plain lines; the last two on stderr."""
    from runner.events import listening
    from runner.events.console import Plain, Terminal
    from runner.events.jsonl import JsonLines

    with ExitStack() as stack:
        if as_json:
            stack.enter_context(listening(JsonLines(sys.stdout)))
        elif sys.stderr.isatty():
            stack.enter_context(listening(stack.enter_context(Terminal())))
        else:
            stack.enter_context(listening(Plain(sys.stderr)))
        yield


@contextmanager
def listening_to_signals(stop: Event) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP asks for a clean end; the second ends what we started at once."""

    def handle(received: int, frame: FrameType | None) -> None:
        if stop.is_set():
            from runner.util.process import stop_all

            stop_all(0.0)
            return
        stop.set()
        click.echo("stopping: the running attempt is ended and recorded; once more to end it at once", err=True)

    before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup: the terminal may go
        before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


COMMAND: click.Command = command
