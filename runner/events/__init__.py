"""emit(): one event to every sink that listens. The default is silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any, Protocol

from runner.domain.events import Event


class Sink(Protocol):
    def handle(self, event: Event) -> None: ...


_sinks: list[Sink] = []
_lock = RLock()


def emit(name: str, run_id: str | None = None, **data: Any) -> None:
    """Tell every sink. Called from any thread; sinks see one event at a time, in one order."""
    event = Event(name, run_id, data)
    with _lock:
        for sink in list(_sinks):
            sink.handle(event)


@contextmanager
def listening(*sinks: Sink) -> Iterator[None]:
    """The sinks hear everything emitted inside the block."""
    with _lock:
        _sinks.extend(sinks)
    try:
        yield
    finally:
        with _lock:
            for sink in sinks:
                _sinks.remove(sink)
