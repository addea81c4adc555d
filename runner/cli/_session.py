"""What surrounds a long command: its progress, what a signal does to it, and its last word."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event
from types import FrameType
from typing import Any

import click

from runner.errors import TunebookError


@contextmanager
def progress(as_json: bool, live: bool = True) -> Iterator[None]:
    """JSON lines on stdout, a display on a terminal that is `live`, or plain lines; the last two on stderr."""
    from runner.events import listening
    from runner.events.console import Plain, Terminal
    from runner.events.jsonl import JsonLines

    with ExitStack() as stack:
        if as_json:
            stack.enter_context(listening(JsonLines(sys.stdout)))
        elif live and sys.stderr.isatty():
            stack.enter_context(listening(stack.enter_context(Terminal())))
        else:
            stack.enter_context(listening(Plain(sys.stderr)))
        yield


@contextmanager
def listening_to_signals(
    stop: Event, told: str = "stopping: the running attempt is ended and recorded; once more to end it at once"
) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP asks for a clean end; the second ends what we started at once."""

    def handle(received: int, frame: FrameType | None) -> None:
        if stop.is_set():
            from runner.util.hurry import hurry
            from runner.util.process import stop_all

            hurry()
            stop_all(0.0)
            return
        stop.set()
        click.echo(told, err=True)

    with handling(handle, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def handling(handle: Callable[[int, FrameType | None], Any], *numbers: signal.Signals) -> Iterator[None]:
    """These signals go to `handle` while the block runs."""
    before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}
    for number in numbers:
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup: the terminal may go
        before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def closing(as_json: bool) -> Iterator[dict[str, Any]]:
    """The last JSON line: what came of it (put into what is given) and the exit status, whatever happens in the
    block."""
    from runner.events import emit

    end: dict[str, Any] = {}
    status = 3  # what a program reads when our own bug ends us
    try:
        yield end
        status = 0
    except TunebookError as error:
        status = error.status
        if as_json:
            emit("error", slug=error.slug, what=error.what, where="", hint=error.hint)
        raise
    finally:
        if as_json:
            emit("end", **{"exit_code": status, **end})
