"""Attempts on the machines of a Ray cluster, each with GPUs that Ray gave it.

We choose the machine and Ray keeps it: a task is pinned to its node, is never started again by Ray, and what it says
while it runs goes over a desk, an actor beside us. When the desk is gone, so are we, and the attempt ends itself.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from runner.executors import Executor, Lost
from runner.executors.ray import _on_node
from runner.executors.ray._connect import connect, nodes
from runner.executors.ray._places import Node, Places
from runner.util.hurry import listen

EVERY = 0.5
"""Seconds between two looks at what an attempt says, and between two looks of an attempt at the desk."""
ANSWER = 1800.0
"""Seconds in which a living node answers a question: it may have to convert a model first."""
DESK = 120.0
"""Seconds in which the desk answers: it is beside us."""
START = 3600.0
"""Seconds in which an attempt begins on its node: others may use Ray's GPUs there, as those of a lease."""

Emit = Callable[[dict[str, Any]], None]


class Ray:
    name = "ray"
    away = True

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._hurry = listen()
        self._pool: ThreadPoolExecutor | None = None
        self._places = Places(list, 0, self._stop.is_set)
        self._tickets = itertools.count()
        self._listeners: dict[int, Emit] = {}
        self._begun: set[int] = set()
        self._hearing = threading.Lock()
        self._desk: Any = None
        self._ray: Any = None

    def open(self, slots: int, gpus: int = 0, address: str | None = None) -> None:
        self._ray = connect(address)
        self._stop.clear()
        self._hurry.clear()
        self._desk = _on_node.desk()
        self._places = Places(nodes, gpus, self._stop.is_set)
        self._pool = ThreadPoolExecutor(max_workers=slots, thread_name_prefix="slot")

    def everywhere(self, function: str, payload: dict[str, Any]) -> dict[str, Any]:
        asked = [(node, self._start(node, 0, function, payload, None)) for node in self._places.here()]
        said = {node.name: self._answer(node, task) for node, task in asked}
        return {name: one for name, one in said.items() if not (isinstance(one, Lost) and one.gone)}

    def keep(self, places: Collection[str]) -> None:
        self._places.keep(places)

    def submit(self, function: str, payload: dict[str, Any], emit: Emit) -> Future[Any]:
        assert self._pool is not None, "open() comes first"
        return self._pool.submit(self._attempt, function, payload, emit)

    def cancel(self) -> None:
        self._stop.set()
        if self._desk is not None:
            self._desk.ask_to_end.remote(False)

    def close(self) -> None:
        if self._pool is None:
            return
        self._pool.shutdown(wait=True)
        self._pool = None
        self._ray.kill(self._desk)
        self._desk = None
        self._ray.shutdown()

    def _attempt(self, function: str, payload: dict[str, Any], emit: Emit) -> Any:
        """In a slot of our own: as long as it lasts, the slot is taken."""
        ticket = next(self._tickets)
        node = self._places.take()
        self._listeners[ticket] = emit
        fault, gone = True, False
        try:
            task = self._start(node, self._places.gpus, function, payload, ticket)
            self._await(node, ticket, task)
            said = self._get(node, task)
            fault = False
            return said
        except Lost as lost:
            gone = lost.gone
            raise
        finally:
            self._hear()
            del self._listeners[ticket]
            self._places.give_back(node, fault, gone)

    def _start(self, node: Node, gpus: int, function: str, payload: dict[str, Any], ticket: int | None) -> Any:
        desk = None if ticket is None else self._desk
        return _on_node.task(node.id, gpus, fresh=ticket is not None).remote(function, payload, desk, ticket, EVERY)

    def _await(self, node: Node, ticket: int, task: Any) -> None:
        """Until the task is over, however it ends. Raises Lost for one that never began."""
        end = time.monotonic() + START
        hurried = False
        while not self._ray.wait([task], timeout=EVERY)[0]:
            self._hear()
            if self._hurry.is_set() and not hurried:
                hurried = True
                self._desk.ask_to_end.remote(True)
            if ticket in self._begun:
                continue
            if self._stop.is_set():
                self._ray.cancel(task)
                raise Lost(f"stopped before it began on {node.name}", place=node.name, stopped=True)
            if time.monotonic() > end:
                self._ray.cancel(task)
                free = f"{self._places.gpus} of its {node.gpus} GPUs did not come free in Ray"
                raise Lost(f"not begun on {node.name} in {START:g} s: {free}", place=node.name)

    def _answer(self, node: Node, task: Any) -> Any:
        """Whatever a machine raises is an answer about that machine."""
        try:
            return self._ray.get(task, timeout=ANSWER)
        except self._ray.exceptions.RayError as error:
            return self._lost(node, error)

    def _get(self, node: Node, task: Any) -> Any:
        """Raises what the function raised; Lost for what Ray says of the machine."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(task)
        except errors.RayTaskError as error:
            if isinstance(error.cause, Exception):
                raise error.cause from None
            raise
        except errors.RayError as error:
            raise self._lost(node, error) from None

    def _lost(self, node: Node, error: Any) -> Lost:
        errors = self._ray.exceptions
        gone = isinstance(error, (errors.NodeDiedError, errors.TaskUnschedulableError))
        cause = getattr(error, "cause", None) or error
        words = " ".join(str(cause).split())[:300]
        return Lost(f"{type(cause).__name__}: {words}", place=node.name, gone=gone)

    def _hear(self) -> None:
        """Pass on what the attempts have said, in their order."""
        errors = self._ray.exceptions
        with self._hearing:
            try:
                said = self._ray.get(self._desk.take.remote(), timeout=DESK)
            except errors.RayError:
                return  # the desk is gone: the attempts hear that too, and end
            for ticket, messages in said:
                self._begun.add(ticket)
                for message in messages:
                    self._listeners.get(ticket, _nobody)(message)


def _nobody(message: dict[str, Any]) -> None:
    """Late words of an attempt that is over."""


EXECUTOR: Executor = Ray()
