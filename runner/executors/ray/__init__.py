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
SILENCE = 300.0
"""Seconds without a word of an attempt, after which it is given up: it says something every EVERY seconds. It ends
itself long before, when it can not reach the desk."""
CUT_OFF = 20.0
"""The same once Ray holds the machine for dead. Where the network was cut, Ray itself never ends the wait: the task on
the other side neither fails nor comes back."""
ENDING = 300.0
"""Seconds in which an attempt that was asked to end has stopped its engine and sealed its record."""
HURRIED = 20.0
"""The same after the second signal."""
RESCUE = 120.0
"""Seconds in which the keeper of a living machine ends what a lost attempt left there."""
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
        self._heard: dict[int, float] = {}
        self._keepers: dict[str, Any] = {}
        self._hiring = threading.Lock()
        self._hearing = threading.Lock()
        self._desk: Any = None
        self._ray: Any = None

    def open(self, slots: int, gpus: int = 0, address: str | None = None, alone: bool = False) -> None:
        self._ray = connect(address)
        self._stop.clear()
        self._hurry.clear()
        self._heard.clear()
        self._desk = _on_node.desk()
        self._places = Places(nodes, gpus, self._stop.is_set, alone=alone)
        self._pool = ThreadPoolExecutor(max_workers=slots, thread_name_prefix="slot")

    def machines(self) -> list[str]:
        return [node.name for node in self._places.able()]

    def everywhere(
        self, function: str, payload: dict[str, Any], places: Collection[str] | None = None
    ) -> dict[str, Any]:
        chosen = self._places.here() if places is None else [one for one in self._places.able() if one.name in places]
        asked = [(node, self._keeper(node).ask.remote(function, payload)) for node in chosen]
        said = {node.name: self._answer(node, task, ANSWER) for node, task in asked}
        return {name: one for name, one in said.items() if not (isinstance(one, Lost) and one.gone)}

    def keep(self, places: Collection[str]) -> None:
        self._places.keep(places)

    def submit(self, function: str, payload: dict[str, Any], emit: Emit, rescue: str = "") -> Future[Any]:
        assert self._pool is not None, "open() comes first"
        return self._pool.submit(self._attempt, function, payload, emit, rescue)

    def cancel(self) -> None:
        if self._desk is not None and not self._stop.is_set():
            self._desk.ask_to_end.remote(False)
        self._stop.set()

    def close(self) -> None:
        if self._pool is None:
            return
        self._pool.shutdown(wait=True)
        self._pool = None
        for actor in (*self._keepers.values(), self._desk):
            self._ray.kill(actor)
        self._keepers.clear()
        self._desk = None
        self._ray.shutdown()

    def _attempt(self, function: str, payload: dict[str, Any], emit: Emit, rescue: str) -> Any:
        """In a slot of our own: as long as it lasts, the slot is taken."""
        ticket = next(self._tickets)
        node = self._places.take()
        self._listeners[ticket] = emit
        fault, gone = True, False
        try:
            task = _on_node.task(node.id, self._places.gpus).remote(function, payload, self._desk, ticket, EVERY)
            self._await(node, ticket, task)
            said = self._get(node, task)
            fault = False
            return said
        except Lost as lost:
            self._desk.give_up.remote(ticket)
            rescued = self._rescued(node, rescue, payload) if rescue and not lost.gone else None
            gone = lost.gone or isinstance(rescued, Lost)
            if rescued is None or gone:
                raise
            return rescued
        finally:
            self._hear()
            del self._listeners[ticket]
            self._places.give_back(node, fault, gone)

    def _rescued(self, node: Node, rescue: str, payload: dict[str, Any]) -> Any:
        """A Lost when the machine itself does not answer."""
        return self._answer(node, self._keeper(node).ask.remote(rescue, payload), RESCUE)

    def _keeper(self, node: Node) -> Any:
        with self._hiring:
            if node.id not in self._keepers:
                self._keepers[node.id] = _on_node.keeper(node.id)
            return self._keepers[node.id]

    def _await(self, node: Node, ticket: int, task: Any) -> None:
        """Until the task is over, however it ends. Raises Lost for one that never began, that is silent, and that does
        not end when it is asked to."""
        began = time.monotonic()
        asked: float | None = None
        hurried = False
        while not self._ray.wait([task], timeout=EVERY)[0]:
            self._hear()
            now = time.monotonic()
            if self._hurry.is_set() and not hurried:
                hurried, asked = True, now
                self._desk.ask_to_end.remote(True)
            if self._stop.is_set() and asked is None:
                asked = now
            if ticket not in self._heard:
                self._require_begun(node, task, began)
            elif asked is not None and now - asked > (HURRIED if hurried else ENDING):
                told = f"it did not end in {HURRIED if hurried else ENDING:g} s after it was asked to, and was ended"
                raise Lost(told, place=node.name, stopped=True)
            elif (silent := now - self._heard[ticket]) > SILENCE:
                raise Lost(f"nothing was heard of it for {SILENCE:g} s", place=node.name)
            elif silent > CUT_OFF and not self._places.lives(node):
                told = f"Ray holds the machine for dead, and nothing was heard of the attempt for {CUT_OFF:g} s"
                raise Lost(told, place=node.name, gone=True)

    def _require_begun(self, node: Node, task: Any, began: float) -> None:
        if self._stop.is_set():
            self._ray.cancel(task)
            raise Lost(f"stopped before it began on {node.name}", place=node.name, stopped=True)
        if time.monotonic() - began > START:
            self._ray.cancel(task)
            free = f"{self._places.gpus} of its {node.gpus} GPUs did not come free in Ray"
            raise Lost(f"not begun on {node.name} in {START:g} s: {free}", place=node.name)

    def _answer(self, node: Node, task: Any, patience: float) -> Any:
        """Whatever a machine raises is an answer about that machine."""
        end = time.monotonic() + patience
        try:
            while not self._ray.wait([task], timeout=EVERY)[0]:
                if not self._places.lives(node):
                    return Lost("Ray holds the machine for dead", place=node.name, gone=True)
                if time.monotonic() > end:
                    return Lost(f"no answer in {patience:g} s", place=node.name)
            return self._ray.get(task)
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
        unscheduled = (errors.NodeDiedError, errors.TaskUnschedulableError, errors.ActorUnschedulableError)
        gone = isinstance(error, unscheduled) or not self._places.lives(node)
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
                self._heard[ticket] = time.monotonic()
                for message in messages:
                    self._listeners.get(ticket, _nobody)(message)


def _nobody(message: dict[str, Any]) -> None:
    """Late words of an attempt that is over."""


EXECUTOR: Executor = Ray()
