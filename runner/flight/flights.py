"""The attempts of one run: handed to an executor, watched while they are away, landed with their sealed record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.domain.campaign import Campaign
from runner.domain.hardware import HostFacts
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt
from runner.errors import TunebookError
from runner.executors import Executor, Lost
from runner.flight import home
from runner.flight.home import Collected
from runner.flight.nodes import Nodes, joined, survey
from runner.flight.there import key_of
from runner.flight.watched import Watched
from runner.lineage import Lineage
from runner.order import Order
from runner.store.record import record_path
from runner.util.codec import from_plain, to_plain

Hear = Callable[[dict[str, Any]], None]
LOOK = 5.0
"""Seconds between two looks at who joined the cluster."""


@dataclass(frozen=True, slots=True)
class Flight:
    """An attempt in its slot, and the lineage that it was ordered from."""

    order: Order
    lineage: Lineage
    result: Future[Any]


@dataclass
class Flights:
    """`hear` gets what attempts say, `say` sentences for people, both from any thread. At most `slots` attempts run at
    a time: as many as are wanted, or as the machines away hold."""

    executor: Executor
    campaign: Campaign
    results: Path
    project: Path
    hear: Hear
    say: Callable[[str], None]
    slots: int = 1
    nodes: Nodes | None = None
    """Where attempts run, when they are away."""
    overheads: list[float] = field(default_factory=list)
    """Seconds from the order of an attempt to its result beyond the attempt's own, of those away."""
    _wanted: int = 1
    _watched: dict[str, Watched] = field(default_factory=dict)
    _came_home: list[str] = field(default_factory=list)
    """Names of records of which machines may have copies."""
    _asked: set[str] = field(default_factory=set)
    """Names of machines that were asked whether they take part."""
    _joining: Future[tuple[Nodes, Collected]] | None = None
    _looked: float = 0.0

    @contextmanager
    def open(self, slots: int, address: str | None) -> Iterator[None]:
        """Where attempts run is ready for them. At the end machines away forget what is here."""
        self.slots = self._wanted = slots
        hardware = self.campaign.hardware
        self.executor.open(slots, hardware.gpus, address, alone=hardware.cpus > 0)
        try:
            yield
            if self.executor.away:
                self._note(late=home.tidy(self.executor, self.results, self._came_home))
                self._say_overhead()
        finally:
            self.executor.cancel()
            self.executor.close()

    def find_nodes(self, attempts: Sequence[Attempt], connected: float) -> bool:
        """Ask the machines, and say who takes part. `connected`: seconds that the connection took. Returns whether
        records of an earlier run came home. Raises NotReady."""
        began = time.monotonic()
        self._asked |= set(self.executor.machines())
        self.nodes, home = survey(self.executor, self.campaign, self.results, self.project, attempts)
        for line in self.nodes.lines(self.campaign):
            self.say(line)
        asked = f"{connected:.1f} s to connect, {time.monotonic() - began:.1f} s to ask {_machines(len(self._asked))}"
        self.say(f"the cluster is ready: {asked}")
        self._note(home.came, home.late)
        if self.nodes.slots < self.slots:
            self.say(f"{self.nodes.slots} of {self.slots} slots: these machines hold no more attempts at a time")
            self.slots = self.nodes.slots
        return bool(home.came)

    def _note(self, came: Sequence[str] = (), late: Sequence[str] = ()) -> None:
        if came:
            what = f"the records of {len(came)} attempts" if len(came) > 1 else "the record of 1 attempt"
            self.say(f"{what} waited there: here now")
        for sentence in late:
            self.say(sentence)

    def _say_overhead(self) -> None:
        if self.overheads:
            least, most = min(self.overheads), max(self.overheads)
            what = f"for each of {len(self.overheads)} attempts, beyond their own seconds"
            self.say(f"being away took {least:.1f} to {most:.1f} s {what}")

    @property
    def machine(self) -> HostFacts | None:
        """What measures, when it is not this machine."""
        return next(iter(self.nodes.hosts.values())) if self.nodes else None

    def begin(self, order: Order, lineage: Lineage) -> Flight:
        """At home the attempt registers itself; away it is registered in both places, for `status` and `reap`."""
        if not self.executor.away:
            return Flight(
                order, lineage, self.executor.submit("runner.run_trial:run_order", to_plain(order), self.hear)
            )
        watched = Watched.begin(self.results, order)
        self._watched[order.attempt_id] = watched

        def hear(message: dict[str, Any]) -> None:
            watched.hear(message)
            self.hear(message)

        payload = {"order": to_plain(order), "key": key_of(self.results)}
        flight = Flight(order, lineage, self.executor.submit(f"{home.IN}run_order", payload, hear, f"{home.IN}rescue"))
        flight.result.add_done_callback(lambda _: setattr(watched, "landed", time.monotonic()))
        return flight

    def first_of(self, flights: Collection[Flight], stop: Callable[[], bool]) -> Flight | None:
        """The one that ends first; None when machines joined meanwhile, and there is room for more. When the run shall
        stop they are all asked to end."""
        results = {flight.result: flight for flight in flights}
        while not (done := wait(results, timeout=0.1, return_when=FIRST_COMPLETED).done):
            if stop():
                self.executor.cancel()
            elif self.executor.away and self._more_room():
                return None
        return min((results[one] for one in done), key=lambda flight: flight.order.attempt_id)

    def _more_room(self) -> bool:
        """Machines that joined are asked in a thread: it may take them minutes to get ready."""
        if self._joining is not None:
            return self._joining.done() and self._has_joined(self._joining)
        now = time.monotonic()
        if self.nodes is None or now - self._looked < LOOK:
            return False
        self._looked = now
        names = set(self.executor.machines()) - self._asked
        if names:
            self._asked |= names
            asked = self.executor, self.campaign, self.results, self.project, self.nodes, names
            self._joining = in_thread("joining", joined, *asked)
        return False

    def _has_joined(self, asked: Future[tuple[Nodes, Collected]]) -> bool:
        """Raises what taking their records home raised: the disk takes none."""
        assert self.nodes is not None
        self._joining = None
        new, home = asked.result()
        for line in new.lines(self.campaign):
            self.say(line)
        self._note(home.came, home.late)
        all_hosts = {**self.nodes.hosts, **new.hosts}
        self.nodes = Nodes(all_hosts, (*self.nodes.left_out, *new.left_out), self.nodes.slots + new.slots)
        before, self.slots = self.slots, min(self._wanted, self.nodes.slots)
        return self.slots > before

    def land(self, flight: Flight) -> Attempt:
        """What came of it. From another machine the sealed record comes with it; of a machine that is gone we seal what
        we know. Raises what the attempt raised: the disk takes no record, or our bug."""
        watched = self._watched.pop(flight.order.attempt_id, None)
        if watched is None:
            return from_plain(Attempt, flight.result.result())
        try:
            said = flight.result.result()
            if "trouble" in said:
                raise Lost(said["trouble"], place=said["place"])
            home.take_home(self.results, said)
            attempt = from_plain(Attempt, said["attempt"])
            self.overheads.append(watched.away - attempt.seconds)
        except Lost as lost:
            host = self.nodes.hosts.get(lost.place) if self.nodes else None
            attempt = home.seal_lost(self.results, watched.first, lost, host, watched.phase)
        watched.end()
        self._came_home.append(record_path(self.results, RecordKind.ATTEMPT, attempt.attempt_id).name)
        return attempt


def _machines(count: int) -> str:
    return f"{count} machine{'s' if count != 1 else ''}"


def in_thread(name: str, function: Callable[..., Any], *words: Any) -> Future[Any]:
    """What it returns or raises, some day. Nobody waits for the thread."""
    answer: Future[Any] = Future()

    def ask() -> None:
        try:
            answer.set_result(function(*words))
        except (TunebookError, OSError) as error:
            answer.set_exception(error)
        except BaseException as error:
            answer.set_exception(error)
            raise

    threading.Thread(target=ask, name=name, daemon=True).start()
    return answer
