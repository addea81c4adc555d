"""Attempts on this host, each in a thread of its own: an attempt waits far more than it computes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from threading import Event
from typing import Any

from runner.executors import Executor


class Local:
    name = "local"
    away = False

    def __init__(self) -> None:
        self._stop = Event()
        self._pool: ThreadPoolExecutor | None = None

    def open(self, slots: int, gpus: int = 0, address: str | None = None, alone: bool = False) -> None:
        """GPUs and CPUs are leased by each attempt; there is no address."""
        self._stop.clear()
        self._pool = ThreadPoolExecutor(max_workers=slots, thread_name_prefix="slot")

    def machines(self) -> list[str]:
        return []

    def everywhere(
        self, function: str, payload: dict[str, Any], places: Collection[str] | None = None
    ) -> dict[str, Any]:
        return {}

    def keep(self, places: Collection[str]) -> None:
        """There is one machine."""

    def submit(
        self, function: str, payload: dict[str, Any], emit: Callable[[dict[str, Any]], None], rescue: str = ""
    ) -> Future[Any]:
        """Lost is only what is away: there is nothing to rescue."""
        assert self._pool is not None, "open() comes first"
        module, _, name = function.partition(":")
        target = getattr(import_module(module), name)
        return self._pool.submit(target, payload, self._stop.is_set, emit)

    def cancel(self) -> None:
        self._stop.set()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None


EXECUTOR: Executor = Local()
