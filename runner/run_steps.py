"""What a run does to the world: seal that it began, deploy, store, seal what was refused, seal that it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from runner import run_events, run_facts
from runner.campaign.load import resolved
from runner.decide import Refused
from runner.domain.campaign import Campaign
from runner.domain.failure import EndReason, Role
from runner.domain.records import RecordKind, RunStart
from runner.domain.trial import Attempt, Configuration
from runner.earlier import prior
from runner.errors import StoreError
from runner.events import emit
from runner.ground import limits
from runner.hardware.facts import host_facts
from runner.order import Order
from runner.reference import reference_answers
from runner.run_state import RunState
from runner.scoring.rules import rules_of
from runner.store.history import lineage_facts
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from runner.util.clock import new_id
from runner.util.codec import from_plain, to_plain

SNAPSHOT_EVERY = 60.0
"""Seconds between two fresh copies for readers while a run goes on."""


@dataclass
class RunSteps(RunState):
    """The steps of a run that write: records, store, events."""

    def start(self) -> None:
        self.began = time.monotonic()
        known = any(start.series == self.series for start in self.facts.starts)
        learned = self.ground.limits if known else limits(self.results, self.campaign, host_facts())
        began = run_facts.run_start(self.campaign, self.path, self.run_id, self.series, self.project, learned)
        seal(self.results, RecordKind.RUN_START, self.run_id, self.taking(began))
        self.facts = lineage_facts(self.results, self.campaign.search_key)
        lineage = self.lineage
        seal_rules(self.results, run_facts.rules_fact(self.campaign, lineage))
        emit("run_started", self.run_id, **run_events.run_started(self.campaign, lineage))

    def taking(self, began: RunStart) -> RunStart:
        """With what the series takes from earlier lineages: the first run of it looks, the later ones repeat."""
        first = all(start.series != self.series for start in self.facts.starts)
        model = began.model_facts.architecture if began.model_facts else None
        taken = prior(self.results, self.campaign, began.host, model) if first else self.prior
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

    @contextmanager
    def executor_open(self) -> Iterator[None]:
        self.executor.open(1)
        try:
            yield
        finally:
            self.executor.cancel()
            self.executor.close()

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
        future = self.executor.submit("runner.run_trial:run_order", to_plain(order), self.hear)
        while not wait([future], timeout=0.1).done:
            if self.stop():
                self.executor.cancel()
        attempt = from_plain(Attempt, future.result())
        emit("trial_ended", self.run_id, **run_events.trial_ended(order, attempt, lineage))
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
