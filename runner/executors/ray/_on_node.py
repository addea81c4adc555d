"""What Ray runs for us: on each machine the tasks of attempts and a keeper, beside the driver the desk that they talk
over."""

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
        self._given_up: set[int] = set()

    def exchange(self, ticket: int, messages: list[dict[str, Any]]) -> int:
        """0: go on; 1: end; 2: end at once."""
        self._said.append((ticket, messages))
        return 2 if ticket in self._given_up else self._end

    def take(self) -> list[tuple[int, list[dict[str, Any]]]]:
        said, self._said = self._said, []
        return said

    def ask_to_end(self, at_once: bool) -> None:
        self._end = max(self._end, 2 if at_once else 1)

    def give_up(self, ticket: int) -> None:
        """Nobody waits for this attempt any more: if it is heard of again, it ends at once."""
        self._given_up.add(ticket)


class Keeper:
    """Answers for its machine as long as a run lasts, and ends there what an attempt that was lost has left. It takes
    none of the machine's CPUs and GPUs, so that it answers also where every place is taken."""

    def ask(self, function: str, payload: dict[str, Any]) -> Any:
        _all_threads()
        return _function(function)(payload, lambda: False, lambda message: None)


def desk() -> Any:
    """A new one, on our own machine."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    return ray.remote(Desk).options(num_cpus=0, max_restarts=0, scheduling_strategy=_pinned(here)).remote()


def keeper(node: str) -> Any:
    """That of a machine; it begins anew there when it dies. It ends with the driver."""
    import ray

    own = {"num_cpus": 0, "max_restarts": -1, "max_concurrency": 4, "scheduling_strategy": _pinned(node)}
    return ray.remote(Keeper).options(**own).remote()


def task(node: str, gpus: int) -> Any:
    """`run` as a task of that machine, in a process that has run nothing before and runs nothing after. Ray never
    starts it again: what it did would not be seen."""
    import ray

    return ray.remote(max_calls=1)(run).options(
        num_cpus=0, num_gpus=gpus, max_retries=0, retry_exceptions=False, scheduling_strategy=_pinned(node)
    )


def run(function: str, payload: dict[str, Any], desk: Any, ticket: int, every: float) -> Any:
    """On the machine: what the function says."""
    target = _function(function)
    _all_threads()
    line = _Line(desk, ticket, every)
    try:
        return target(payload, line.stopped, line.say)
    finally:
        line.close()


def _function(dotted: str) -> Any:
    module, _, name = dotted.partition(":")
    return getattr(import_module(module), name)


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
