"""What a run does to the world: seal that it began, deploy, store, seal what was refused, seal that it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from runner import run_events, run_facts
from runner.campaign.load import resolved
from runner.decide import Refused
from runner.deployers import deployers
from runner.domain.campaign import Campaign
from runner.domain.failure import EndReason, Role
from runner.domain.records import RecordKind, RunStart
from runner.domain.trial import Attempt, Configuration
from runner.earlier import prior
from runner.errors import StoreError, UsageError
from runner.events import emit
from runner.flight.flights import Flight, Flights
from runner.ground import limits
from runner.hardware.facts import host_facts
from runner.order import Order
from runner.reap import reap
from runner.reference import reference_answers
from runner.run_state import RunState
from runner.scoring.rules import rules_of
from runner.slots import slots_here
from runner.store.history import lineage_facts
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from runner.util.clock import new_id

SNAPSHOT_EVERY = 60.0
"""Seconds between two fresh copies for readers while a run goes on."""


@dataclass
class RunSteps(RunState):
    """The steps of a run that write: records, store, events."""

    flying: dict[int, Flight] = field(default_factory=dict)
    """What the search has running, by trial number."""
    flights: Flights = field(init=False)
    """All that runs. There from `executor_open` on."""

    def start(self) -> None:
        self.began = time.monotonic()
        known = any(start.series == self.series for start in self.facts.starts)
        there = self.flights.machine
        learned = self.ground.limits if known else limits(self.results, self.campaign, there or host_facts())
        began = run_facts.run_start(self.campaign, self.path, self.run_id, self.series, self.project, learned)
        began = replace(began, measured_on=there)
        seal(self.results, RecordKind.RUN_START, self.run_id, self.taking(began))
        self.facts = lineage_facts(self.results, self.campaign.search_key)
        lineage = self.lineage
        seal_rules(self.results, run_facts.rules_fact(self.campaign, lineage))
        emit("run_started", self.run_id, **run_events.run_started(self.campaign, lineage))

    def taking(self, began: RunStart) -> RunStart:
        """With what the series takes from earlier lineages: the first run of it looks, the later ones repeat."""
        first = all(start.series != self.series for start in self.facts.starts)
        model = began.model_facts.architecture if began.model_facts else None
        taken = prior(self.results, self.campaign, began.machine, model) if first else self.prior
        return replace(began, warm_start=taken.warm_start, replayed=taken.replayed)

    def end(self, reason: EndReason) -> None:
        message = "the time of --budget was used up" if self.out_of_time else self.message
        end = run_facts.run_end(self.campaign, self.lineage, self.run_id, reason, self.seconds, message)
        seal(self.results, RecordKind.RUN_END, new_id(), end)
        self.store(last=True)
        self.say_if_all_failed(reason, self.run_id)
        emit("run_ended", self.run_id, **run_events.run_ended(self.campaign, end))

    def say_if_all_failed(self, reason: EndReason, run_id: str) -> None:
        """A search that was cut off, or that the machine kept from measuring, has not failed yet."""
        if reason in (EndReason.INTERRUPTED, EndReason.ERROR):
            return
        told = run_events.all_failed(self.lineage, run_id)
        if told is not None:
            emit("all_failed", run_id, **told)

    def fit_slots(self) -> None:
        self.slots, why = slots_here(self.campaign, self.slots)
        if why:
            self.say(why)

    @contextmanager
    def executor_open(self) -> Iterator[None]:
        """Where attempts run. Away, the machines are asked first; what an earlier run left there comes home. Raises
        UsageError for a deployer that starts nothing on the machines of an executor."""
        kind, name = self.campaign.deploy.kind, self.executor.name
        if self.executor.away and not deployers.get(kind).leases:
            what = f"`deploy: {kind}` starts no engine on the machines of --executor {name}"
            raise UsageError(what, hint="run this campaign without --executor: its attempts are led from here")
        mine = self.executor, self.campaign, self.results, self.project
        self.flights = Flights(*mine, self.hear, self.say)
        began = time.monotonic()
        with self.flights.open(self.slots, self.address):
            if self.executor.away:
                came = self.flights.find_nodes(self.lineage.attempts, time.monotonic() - began)
                reap(self.results)  # what no machine could tell of
                if came:
                    self.facts = lineage_facts(self.results, self.campaign.search_key)
            yield

    def deploy(
        self,
        number: int,
        configuration: Configuration,
        role: Role,
        repeat: int = 0,
        campaign: Campaign | None = None,
    ) -> Attempt:
        """One attempt, from order to sealed record and ingest; of `campaign`, where it asks another question of the
        same lineage."""
        flight = self.begin(number, configuration, role, repeat, campaign)
        while self.flights.first_of([flight], self.stop) is None:
            pass  # machines that joined take no part of one attempt
        return self.end_of(flight)

    def begin(
        self,
        number: int,
        configuration: Configuration,
        role: Role,
        repeat: int = 0,
        campaign: Campaign | None = None,
    ) -> Flight:
        """Order an attempt and hand it to the executor."""
        lineage = (
            self.lineage if campaign is None else replace(self.lineage, campaign=campaign, rules=rules_of(campaign))
        )
        order = Order(
            attempt_id=new_id(),
            run_id=self.run_id,
            trial_id=lineage.trial_id(configuration),
            series=self.series,
            number=number,
            role=role,
            configuration=configuration,
            campaign=resolved(campaign or self.campaign),
            results=str(self.results),
            project=str(self.project),
            repeat=repeat,
            reference=reference_answers(self.campaign, lineage.attempts, self.results),
        )
        emit("trial_started", self.run_id, **run_events.trial_started(order))
        return self.flights.begin(order, lineage)

    @property
    def pending_trials(self) -> dict[int, Configuration]:
        return {number: flight.order.configuration for number, flight in self.flying.items()}

    def end_of(self, flight: Flight) -> Attempt:
        """What came of it, told and ingested. Raises what the attempt raised: the disk takes no record, or our bug."""
        attempt = self.flights.land(flight)
        emit("trial_ended", self.run_id, **run_events.trial_ended(flight.order, attempt, flight.lineage))
        self.store()
        return attempt

    def store(self, *, last: bool = False) -> None:
        """Ingest what is sealed. A locked or damaged store never stops a run: the records wait for it. A full or
        read-only disk does: the next attempt could not be sealed either. Raises NoSpace, Unwritable."""
        try:
            done = ingest(self.results)
            self.pending = done.pending
            for warning in done.warnings:
                emit("warning", self.run_id, message=warning)
            if done.pending == done.damaged and (last or time.monotonic() - self.snapshot_at >= SNAPSHOT_EVERY):
                snapshot(self.results)
                self.snapshot_at = time.monotonic()
        except StoreError as error:
            emit("warning", self.run_id, message=f"the records are sealed but not in the store: {error.what}")

    def reject(self, refused: tuple[Refused, ...]) -> None:
        """A record of its own, once per configuration of the series."""
        known = {rejection.fingerprint for rejection in self.facts.rejections if rejection.series == self.series}
        for one in refused:
            if one.configuration.fingerprint in known:
                continue
            fact = run_facts.rejection(self.campaign, one, self.run_id, self.series)
            seal(self.results, RecordKind.REJECTION, fact.rejection_id, fact)
            values = dict(fact.params)
            emit("rejected", self.run_id, entry=fact.entry, values=values, rule=fact.rule, reason=fact.reason)
        self.facts = lineage_facts(self.results, self.campaign.search_key) if refused else self.facts

    def say(self, text: str) -> None:
        """What happens before the first attempt."""
        emit("notice", self.run_id, message=text)

    def hear(self, message: dict[str, Any]) -> None:
        """Progress of an attempt, from whatever thread or host."""
        rest = {key: value for key, value in message.items() if key != "event"}
        emit(str(message["event"]), self.run_id, **rest)
