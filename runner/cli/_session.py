"""What surrounds a long command: its progress, and what a signal does to it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event
from types import FrameType
from typing import Any

import click


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
