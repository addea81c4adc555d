"""SEAM: where attempts run. An executor gets a dotted function name and a JSON payload, so it imports neither story."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any, Protocol

from runner.util.plugins import Folder


class Lost(Exception):
    """What an attempt was to say never came: its machine or its worker is gone, or no machine took it. No fault of the
    configuration. `place` names the machine, empty where there was none; `stopped`: it was asked to end before it
    began; `gone`: the machine itself is no more."""

    def __init__(self, what: str, *, place: str = "", stopped: bool = False, gone: bool = False) -> None:
        super().__init__(what)
        self.what, self.place, self.stopped, self.gone = what, place, stopped, gone


class Executor(Protocol):
    name: str
    away: bool
    """Whether attempts run on other machines than ours, each with a results folder of its own."""

    def open(self, slots: int, gpus: int = 0, address: str | None = None, alone: bool = False) -> None:
        """Get ready for at most `slots` attempts at a time, each with so many GPUs of one machine, `alone` on it where
        that is said. `address`: where the machines are asked for, if attempts run away. Raises NotReady, NetworkError,
        UsageError."""
        ...

    def machines(self) -> list[str]:
        """Names of the living machines away that could hold an attempt, also of those that take no part."""
        ...

    def everywhere(
        self, function: str, payload: dict[str, Any], places: Collection[str] | None = None
    ) -> dict[str, Any]:
        """What `module:function(payload, stop, emit)` says on each machine away that takes part, or on these `places`,
        by the machine's name; a Lost for one that could not answer. One that died meanwhile is left out. Nothing of our
        own machine."""
        ...

    def keep(self, places: Collection[str]) -> None:
        """From now on attempts run on these machines only."""
        ...

    def submit(
        self, function: str, payload: dict[str, Any], emit: Callable[[dict[str, Any]], None], rescue: str = ""
    ) -> Future[Any]:
        """Run `module:function(payload, stop, emit)`; the future gives its JSON result, or raises what it raised, or
        Lost. `rescue` is such a name too, called on the machine of an attempt that was lost while the machine lives,
        before another attempt gets its place: it ends what is left, and what it says is the result; None: Lost it is.
        """
        ...

    def cancel(self) -> None:
        """Ask every running attempt to end (its `stop()` turns true). Does not wait."""
        ...

    def close(self) -> None:
        """Wait for what runs, then release everything."""
        ...


executors: Folder[Executor] = Folder(__name__, "EXECUTOR", "executor", dashed=True)
