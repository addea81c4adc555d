"""The attempts of one run: handed to an executor, watched while they are away, landed with their sealed record."""

from __future__ import annotations

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
from runner.executors import Executor, Lost
from runner.flight import home
from runner.flight.nodes import Nodes, survey
from runner.flight.there import key_of
from runner.flight.watched import Watched
from runner.lineage import Lineage
from runner.order import Order
from runner.store.record import record_path
from runner.util.codec import from_plain, to_plain

Hear = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Flight:
    """An attempt in its slot, and the lineage that it was ordered from."""

    order: Order
    lineage: Lineage
    result: Future[Any]


@dataclass
class Flights:
    """`hear` gets what attempts say, from any thread."""

    executor: Executor
    campaign: Campaign
    results: Path
    project: Path
    hear: Hear
    nodes: Nodes | None = None
    """Where attempts run, when they are away."""
    _watched: dict[str, Watched] = field(default_factory=dict)
    _came_home: list[str] = field(default_factory=list)
    """Names of records of which machines may have copies."""

    @contextmanager
    def open(self, slots: int, address: str | None) -> Iterator[None]:
        """Where attempts run is ready for them. At the end machines away forget what is here."""
        self.executor.open(slots, self.campaign.hardware.gpus, address)
        try:
            yield
            if self.executor.away:
                home.tidy(self.executor, self.results, self._came_home)
        finally:
            self.executor.cancel()
            self.executor.close()

    def find_nodes(self, attempts: Sequence[Attempt]) -> tuple[Nodes, list[str]]:
        """Ask the machines. The second value names the records that an earlier run had left there. Raises NotReady."""
        self.nodes, came = survey(self.executor, self.campaign, self.results, self.project, attempts)
        return self.nodes, came

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
        return Flight(order, lineage, self.executor.submit(f"{home.IN}run_order", payload, hear))

    def first_of(self, flights: Collection[Flight], stop: Callable[[], bool]) -> Flight:
        """The one that ends first. When the run shall stop they are all asked to end."""
        results = {flight.result: flight for flight in flights}
        while not (done := wait(results, timeout=0.1, return_when=FIRST_COMPLETED).done):
            if stop():
                self.executor.cancel()
        return min((results[one] for one in done), key=lambda flight: flight.order.attempt_id)

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
        except Lost as lost:
            host = self.nodes.hosts.get(lost.place) if self.nodes else None
            attempt = home.seal_lost(self.results, watched.first, lost, host, watched.phase)
        watched.end()
        self._came_home.append(record_path(self.results, RecordKind.ATTEMPT, attempt.attempt_id).name)
        return attempt
