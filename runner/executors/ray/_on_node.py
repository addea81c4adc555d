"""What Ray runs for us: the task of an attempt on its machine, and the desk beside the driver that both talk over."""

from __future__ import annotations

import os
import threading
from collections import deque
from importlib import import_module
from pathlib import Path
from typing import Any

THREADS = "OMP_NUM_THREADS"
LIFE_SIGN = 60.0
"""Seconds after which a desk that does not answer counts as gone, and its driver with it."""


class Desk:
    """Where attempts put what they say and look whether they shall end. It dies with the driver."""

    def __init__(self) -> None:
        self._said: list[tuple[int, list[dict[str, Any]]]] = []
        self._end = 0

    def exchange(self, ticket: int, messages: list[dict[str, Any]]) -> int:
        """0: go on; 1: end; 2: end at once."""
        self._said.append((ticket, messages))
        return self._end

    def take(self) -> list[tuple[int, list[dict[str, Any]]]]:
        said, self._said = self._said, []
        return said

    def ask_to_end(self, at_once: bool) -> None:
        self._end = max(self._end, 2 if at_once else 1)


def desk() -> Any:
    """A new one, on our own machine."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    return ray.remote(Desk).options(num_cpus=0, max_restarts=0, scheduling_strategy=_pinned(here)).remote()


def task(node: str, gpus: int, fresh: bool) -> Any:
    """`run` as a task of that machine. Ray never starts it again: what it did would not be seen. `fresh`: in a process
    that has run nothing before and runs nothing after."""
    import ray

    return ray.remote(max_calls=1 if fresh else 0)(run).options(
        num_cpus=0, num_gpus=gpus, max_retries=0, retry_exceptions=False, scheduling_strategy=_pinned(node)
    )


def run(function: str, payload: dict[str, Any], desk: Any, ticket: int | None, every: float) -> Any:
    """On the machine: what the function says. Without a desk nobody listens and nothing ends it."""
    module, _, name = function.partition(":")
    target = getattr(import_module(module), name)
    _all_threads()
    if ticket is None:
        return target(payload, lambda: False, lambda message: None)
    line = _Line(desk, ticket, every)
    try:
        return target(payload, line.stopped, line.say)
    finally:
        line.close()


def _all_threads() -> None:
    """Ray gives a task without CPUs of its own one thread, by OMP_NUM_THREADS, and an engine would inherit that. What
    was set where Ray was started stays."""
    begun_with = Path("/proc/self/environ").read_bytes().split(b"\0")
    if not any(one.startswith(f"{THREADS}=".encode()) for one in begun_with):
        os.environ.pop(THREADS, None)


class _Line:
    """One attempt's end of the conversation, in a thread of its own: the attempt itself never waits for the desk."""

    def __init__(self, desk: Any, ticket: int, every: float) -> None:
        self._desk, self._ticket, self._every = desk, ticket, every
        self._said: deque[dict[str, Any]] = deque()
        self._stop, self._over = threading.Event(), threading.Event()
        self._exchange()
        self._thread = threading.Thread(target=self._talk, name="desk", daemon=True)
        self._thread.start()

    def stopped(self) -> bool:
        return self._stop.is_set()

    def say(self, message: dict[str, Any]) -> None:
        self._said.append(message)

    def close(self) -> None:
        """What is left is said before the task is over."""
        self._over.set()
        self._thread.join()
        self._exchange()

    def _talk(self) -> None:
        while not self._over.wait(self._every):
            self._exchange()

    def _exchange(self) -> None:
        import ray

        messages = []
        while self._said:
            messages.append(self._said.popleft())
        try:
            end = ray.get(self._desk.exchange.remote(self._ticket, messages), timeout=LIFE_SIGN)
        except ray.exceptions.RayError:
            end = 1
        if end:
            self._stop.set()
        if end > 1:
            _at_once()


def _at_once() -> None:
    """As the second signal does it on the driver's own machine."""
    from runner.util.hurry import hurry
    from runner.util.process import stop_all

    hurry()
    stop_all(0.0)


def _pinned(node: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id=node, soft=False)
