"""STORY run_campaign(): ask, submit the attempt, tell, until the budget ends; then confirm; then say what was found.

The history is the sealed records. Nothing is kept in memory that a killed run would miss: the next run reads the
same records and, with one slot, proposes exactly what this one would have proposed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runner import run_events, run_facts
from runner.campaign.load import load, resolved
from runner.confirm import SEALED, missing_attempts
from runner.decide import MOST_HOST_FAULTS, Over, Refused, SoFar, Step, next_step
from runner.domain.campaign import Campaign
from runner.domain.failure import EndReason, Role, TrialStatus
from runner.domain.records import ComparisonFact, RecordKind
from runner.domain.trial import Attempt, Configuration
from runner.errors import StoreError
from runner.events import emit
from runner.executors import Executor, executors
from runner.lineage import Lineage
from runner.lineage_lock import owned_lineage
from runner.order import Order
from runner.preflight import convert_models, fetch_requests, refuse_unless_ready
from runner.reap import reap, sweep
from runner.reference import reference_answers
from runner.scoring.judge import judge
from runner.store.history import LineageFacts, history, lineage_facts, withdrawn
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from runner.util.clock import new_id
from runner.util.codec import from_plain, to_plain
from runner.verdict import comparisons

SNAPSHOT_EVERY = 60.0
"""Seconds between two fresh copies for readers while a run goes on."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended, for whoever prints it. `run_id` None: there was nothing to do."""

    campaign: Campaign
    lineage: Lineage
    end_reason: EndReason
    comparisons: tuple[ComparisonFact, ...]
    run_id: str | None
    pending: int = 0  # sealed records not yet in the store
    out_of_time: bool = False  # `enough` said so: interrupted as it was asked for

    @property
    def exit_code(self) -> int:
        match self.end_reason:
            case EndReason.INTERRUPTED:
                return 0 if self.out_of_time else 130
            case EndReason.ERROR:
                return 4
            case _:
                return 0 if self.lineage.succeeded else 1


def run_campaign(
    path: Path,
    results: Path,
    project: Path,
    *,
    again: bool = False,
    max_trials: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    enough: Callable[[], bool] = lambda: False,
    retry_failed: bool = False,
) -> RunResult:
    """Run one campaign file to its end, or on from where its records stop.

    `again` starts the next series of a finished lineage; `retry_failed` first tries each failed trial once more;
    `max_trials` caps the new trials of this run; `stop` is polled and ends the run cleanly, its attempt too; when
    `enough` turns true no further attempt starts. Raises CampaignError, NotReady (Unwritable too), AlreadyRunning,
    StoreError, NoSpace.
    """
    campaign = load(path)
    results.mkdir(parents=True, exist_ok=True)
    with owned_lineage(results, campaign.search_key, campaign.name):
        reap(results)
        sweep([campaign.deploy.kind])
        run = Run.open(campaign, path, results, project, again, max_trials, stop, enough, retry_failed)
        if run.nothing_to_do():
            run.store(last=True)
            run.say_if_all_failed(run.over, run.facts.starts[-1].run_id)
            return run.result(run.over)
        if fetch_requests(campaign, run.say, stop):
            campaign = load(path)  # how long its requests are, is known now
            run = Run.open(campaign, path, results, project, again, max_trials, stop, enough, retry_failed)
        refuse_unless_ready(campaign, project)
        convert_models(campaign, project, run.say, stop)
        run.start()
        with run.executor_open():
            reason = run.retry() or run.search()
            if run.may_confirm(reason):
                reason = run.confirm() or reason
        run.compare()
        run.end(reason)
        return run.result(reason)


@dataclass
class Run:
    """The state of one run; every step of the story is one of its methods."""

    campaign: Campaign
    path: Path
    results: Path
    project: Path
    series: int
    facts: LineageFacts
    max_trials: int | None
    stop: Callable[[], bool]
    enough: Callable[[], bool] = lambda: False
    retry_failed: bool = False
    run_id: str = field(default_factory=new_id)
    began: float | None = None
    executor: Executor = field(default_factory=lambda: executors.get("local"))
    host_faults: dict[int, int] = field(default_factory=dict)
    new_trials: int = 0
    snapshot_at: float = 0.0
    pending: int = 0
    over: EndReason = EndReason.TRIALS
    cut_short: bool = False
    out_of_time: bool = False

    @classmethod
    def open(
        cls,
        campaign: Campaign,
        path: Path,
        results: Path,
        project: Path,
        again: bool = False,
        max_trials: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        enough: Callable[[], bool] = lambda: False,
        retry_failed: bool = False,
    ) -> Run:
        """What is known of the lineage, read; nothing is written."""
        facts = lineage_facts(results, campaign.search_key)
        series = max((start.series for start in facts.starts), default=0)
        run = cls(campaign, path, results, project, series, facts, max_trials, stop, enough, retry_failed)
        if again and facts.starts and run.series_is_over():
            run.series += 1  # an unfinished series is resumed first: nothing is abandoned half-way
        return run

    @property
    def lineage(self) -> Lineage:
        """Read afresh from the sealed records: the one source of truth, also for this process."""
        mine = self.results, self.campaign.search_key, self.series
        return Lineage.of(self.campaign, self.series, history(*mine), withdrawn(*mine))

    def so_far(self) -> SoFar:
        """A killed run left no end record: it counts the attempts that it sealed."""
        ended = {end.run_id: end.seconds for end in self.facts.ends}
        runs = {start.run_id for start in self.facts.starts if start.series == self.series} - {self.run_id}
        earlier = sum(ended.get(run_id, self.facts.attempt_seconds(run_id)) for run_id in runs)
        left = None if self.max_trials is None else max(self.max_trials - self.new_trials, 0)
        return SoFar(earlier + self.seconds, left, self.host_faults)

    @property
    def seconds(self) -> float:
        return 0.0 if self.began is None else time.monotonic() - self.began

    def nothing_to_do(self) -> bool:
        """Also false when the file differs from what ran last: a changed objective is recorded and re-scores."""
        if not self.facts.starts or self.facts.starts[-1].version_sha256 != self.campaign.version_sha256:
            return False
        return self.series_is_over() and not (self.retry_failed and self.lineage.worth_a_retry)

    def series_is_over(self) -> bool:
        lineage = self.lineage
        step = next_step(self.campaign, lineage, replace(self.so_far(), trials_left=None))
        if not isinstance(step, Over):
            return False
        self.over = step.reason
        return not self.confirm_left(lineage) and not self.verdicts_left(lineage)

    def may_confirm(self, reason: EndReason) -> bool:
        """Not after an interruption, on a host found broken, or after a slice of the search (`--max-trials`)."""
        return reason not in (EndReason.INTERRUPTED, EndReason.ERROR) and not self.cut_short

    def start(self) -> None:
        self.began = time.monotonic()
        began = run_facts.run_start(self.campaign, self.path, self.run_id, self.series, self.project)
        seal(self.results, RecordKind.RUN_START, self.run_id, began)
        lineage = self.lineage
        seal_rules(self.results, run_facts.rules_fact(self.campaign, lineage))
        emit("run_started", self.run_id, **run_events.run_started(self.campaign, lineage))

    def search(self) -> EndReason:
        """Trial after trial until a budget, the space or somebody's patience ends."""
        while not self.stop():
            lineage = self.lineage
            step = next_step(self.campaign, lineage, self.so_far())
            self.reject(step.refused)
            if isinstance(step, Over):
                self.cut_short = step.cut_short
                return step.reason
            if self.time_is_up():
                break
            self.try_step(step, lineage)
        return EndReason.INTERRUPTED

    def retry(self) -> EndReason | None:
        """Each failed trial once more, as `--retry-failed` asks. INTERRUPTED when it was cut short."""
        for trial in self.lineage.worth_a_retry if self.retry_failed else ():
            if self.stop() or self.time_is_up():
                return EndReason.INTERRUPTED
            self.deploy(trial.number, trial.configuration, Role.RETRY)
        return None

    def time_is_up(self) -> bool:
        """Asked where an attempt would start: what runs is not cut, its numbers are paid for."""
        self.out_of_time = self.enough()
        return self.out_of_time

    def try_step(self, step: Step, lineage: Lineage) -> None:
        role = Role.BASELINE if step.configuration.is_default else Role.SEARCH
        attempt = self.deploy(step.number, step.configuration, role)
        self.new_trials += step.number not in lineage.known
        if judge(attempt, lineage.rules).status is TrialStatus.UNMEASURED and not self.stop():
            faults = self.host_faults[step.number] = self.host_faults.get(step.number, 0) + 1
            if faults < MOST_HOST_FAULTS and attempt.failure:
                emit("retry", self.run_id, number=step.number, cause=attempt.failure.cause.value)

    def confirm_left(self, lineage: Lineage) -> list[tuple[Any, int]]:
        """(target, round) to measure next, in measuring order."""
        return missing_attempts(self.campaign, lineage.trials, lineage.attempts)

    def confirm(self) -> EndReason | None:
        """Measure the finalists and each entry's default again, interleaved, until their order is decided.
        INTERRUPTED when it was cut short."""
        lost: set[tuple[str, int]] = set()  # met nothing but host faults: the next run tries them again
        while left := [one for one in self.confirm_left(self.lineage) if (one[0].trial_id, one[1]) not in lost]:
            emit("confirm_started", self.run_id, **run_events.confirm_started(self.campaign, left))
            for target, repeat in left:
                for _ in range(MOST_HOST_FAULTS):
                    if self.stop() or self.time_is_up():
                        return EndReason.INTERRUPTED
                    attempt = self.deploy(target.number, target.configuration, Role.CONFIRM, repeat)
                    if attempt.outcome in SEALED:
                        break
                else:
                    lost.add((target.trial_id, repeat))
        return EndReason.INTERRUPTED if self.stop() else None

    def deploy(self, number: int, configuration: Configuration, role: Role, repeat: int = 0) -> Attempt:
        """One attempt, from order to sealed record and ingest."""
        lineage = self.lineage
        order = Order(
            attempt_id=new_id(),
            run_id=self.run_id,
            trial_id=lineage.trial_id(configuration),
            series=self.series,
            number=number,
            role=role,
            configuration=configuration,
            campaign=resolved(self.campaign),
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

    def verdicts_left(self, lineage: Lineage) -> list[ComparisonFact]:
        """What the confirm attempts say and nobody has sealed: a run may be killed between the two."""
        newest = self.newest(self.facts)
        known = {_essence(fact) for fact in newest.values()}
        found = comparisons(self.campaign, lineage.trials, lineage.attempts, series=self.series, run_id=self.run_id)
        return [fact for fact in found if _essence(fact) not in known]

    def newest(self, facts: LineageFacts) -> dict[tuple[str, str], ComparisonFact]:
        """The latest verdict on each pair by confirming; those of a gate or a reproduction are somebody else's."""
        mine = (fact for fact in facts.comparisons if fact.series == self.series and fact.purpose == "confirm")
        return {(fact.trial_a, fact.trial_b): fact for fact in mine}

    def compare(self) -> None:
        """Seal what the confirm attempts say, unless exactly that is sealed already."""
        lineage = self.lineage
        for fact in self.verdicts_left(lineage):
            seal(self.results, RecordKind.COMPARISON, fact.comparison_id, fact)
            emit("comparison", self.run_id, **run_events.comparison(fact, lineage))

    def end(self, reason: EndReason) -> None:
        message = "the time of --budget was used up" if self.out_of_time else ""
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

    def result(self, reason: EndReason) -> RunResult:
        facts = lineage_facts(self.results, self.campaign.search_key)
        newest = self.newest(facts)
        run_id = self.run_id if self.began is not None else None
        return RunResult(
            self.campaign, self.lineage, reason, tuple(newest.values()), run_id, self.pending, self.out_of_time
        )

    @contextmanager
    def executor_open(self) -> Iterator[None]:
        self.executor.open(1)
        try:
            yield
        finally:
            self.executor.cancel()
            self.executor.close()

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


def _essence(fact: ComparisonFact) -> tuple[Any, ...]:
    return fact.trial_a, fact.trial_b, fact.metric, fact.client, fact.repeats, fact.log_ratio, fact.verdict, fact.reason
