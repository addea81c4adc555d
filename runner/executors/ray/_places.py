"""Which machine takes the next attempt: one that is alive, that can hold it, and that has room left by our own count.

Ray would let a task that no machine can hold wait for ever, silently; and without GPUs it would put two attempts on
one machine, where each makes the other look slow.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from runner.executors import Lost

GLANCE = 0.2
"""Seconds between two looks at what is free."""
REFRESH = 2.0
"""Seconds for which the list of living machines is believed."""
NOBODY = 120.0
"""Seconds until an attempt that no living machine can hold is given up: a machine may come back, or another come."""


@dataclass(frozen=True, slots=True)
class Node:
    """A living machine of the cluster. `name` is its host name and the beginning of its id; `gpus` are Ray's there."""

    id: str
    name: str
    gpus: int
    cpus: int = 1

    def holds(self, gpus: int) -> bool:
        return self.gpus >= gpus if gpus else self.cpus > 0

    def label(self) -> str:
        return f"{self.name} with {self.gpus} GPU{'s' if self.gpus != 1 else ''}"


class Places:
    """The machines and what our attempts take of them. Several threads ask."""

    def __init__(
        self,
        look: Callable[[], Sequence[Node]],
        gpus: int,
        stopped: Callable[[], bool],
        patience: float = NOBODY,
        alone: bool = False,
    ) -> None:
        self.gpus = gpus
        self._alone = alone
        self._look = look
        self._stopped = stopped
        self._patience = patience
        self._kept: frozenset[str] | None = None
        self._taken: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._gone: set[str] = set()
        self._lock = threading.Lock()
        self._seen: Sequence[Node] = ()
        self._seen_at = float("-inf")
        self._nobody_since: float | None = None

    def keep(self, names: Collection[str]) -> None:
        self._kept = frozenset(names)

    def able(self) -> list[Node]:
        """The living machines that can hold an attempt."""
        now = time.monotonic()
        if now - self._seen_at >= REFRESH:
            self._seen, self._seen_at = self._look(), now
        return [node for node in self._seen if node.holds(self.gpus) and node.id not in self._gone]

    def lives(self, node: Node) -> bool:
        """As Ray has it."""
        self.able()
        return any(one.id == node.id for one in self._seen)

    def here(self) -> list[Node]:
        """Those of them that take part."""
        return [node for node in self.able() if self._kept is None or node.name in self._kept]

    def take(self) -> Node:
        """The machine for one attempt, when there is room: the one with the fewest faults and the most room. Raises
        Lost when we shall stop, and when for `patience` seconds no living machine could ever hold it: the first attempt
        that asks waits for so long, the next ones for what is left of it."""
        while True:
            if self._stopped():
                raise Lost("stopped before a machine was chosen", stopped=True)
            with self._lock:
                able = self.here()
                if free := [node for node in able if self._room(node)]:
                    best = min(free, key=lambda node: (self._faults[node.id], self._taken[node.id], node.name))
                    self._taken[best.id] += 1
                    self._nobody_since = None
                    return best
                now = time.monotonic()
                if able:
                    self._nobody_since = None
                elif self._nobody_since is None:
                    self._nobody_since = now
                if self._nobody_since is not None and now - self._nobody_since >= self._patience:
                    raise Lost(self._nobody())
            time.sleep(GLANCE)

    def give_back(self, node: Node, fault: bool = False, gone: bool = False) -> None:
        """`fault`: the attempt was lost there. `gone`: the machine was, however long Ray still takes it for alive; when
        it comes back it has another id."""
        with self._lock:
            self._taken[node.id] -= 1
            self._faults[node.id] += fault
            if gone:
                self._gone.add(node.id)

    def _room(self, node: Node) -> bool:
        """One attempt without GPUs has the whole machine. What cores one has, so that another is not in its way, only
        the machine itself knows."""
        return self._taken[node.id] < (1 if self._alone or not self.gpus else node.gpus // self.gpus)

    def _nobody(self) -> str:
        """What was asked, and what there is."""
        there = ", ".join(node.label() for node in self._seen) or "no living machine"
        asked = f"{self.gpus} GPU{'s' if self.gpus != 1 else ''} on one machine" if self.gpus else "a machine with CPUs"
        chosen = "" if self._kept is None else f"; chosen for this run: {', '.join(sorted(self._kept)) or 'none'}"
        return f"no machine took it in {self._patience:g} s: asked for {asked}; there is {there}{chosen}"
