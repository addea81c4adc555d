"""SEAM: where attempts run. An executor gets a dotted function name and a JSON payload, so it imports neither story."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from runner.util.plugins import Folder


class Executor(Protocol):
    name: str

    def open(self, slots: int) -> None:
        """Get ready for at most `slots` attempts at a time."""
        ...

    def submit(self, function: str, payload: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> Future[Any]:
        """Run `module:function(payload, stop, emit)`; the future gives its JSON result."""
        ...

    def cancel(self) -> None:
        """Ask every running attempt to end (its `stop()` turns true). Does not wait."""
        ...

    def close(self) -> None:
        """Wait for what runs, then release everything."""
        ...


executors: Folder[Executor] = Folder(__name__, "EXECUTOR", "executor", dashed=True)
