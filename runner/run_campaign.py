"""STORY run_campaign(): ask, submit the attempt, tell, until the budget ends; then confirm; then say what was found.

The history is the sealed records. Nothing is kept in memory that a killed run would miss: the next run reads the
same records and, with one slot, proposes exactly what this one would have proposed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner import __version__
from runner.campaign.load import load, resolved
from runner.confirm import comparisons, confirm_targets, missing_attempts
from runner.domain.campaign import Campaign
from runner.domain.failure import EndReason, Outcome, Role, TrialStatus
from runner.domain.ids import campaign_id
from runner.domain.metrics import metric_ref
from runner.domain.parameters import Point
from runner.domain.records import ComparisonFact, RecordKind, RejectionFact, RulesFact, RunEnd, RunStart
from runner.domain.trial import Attempt, Configuration
from runner.errors import NoSpace, StoreError
from runner.events import emit
from runner.executors import Executor, executors
from runner.hardware.facts import host_facts
from runner.lineage import Lineage
from runner.lineage_lock import owned_lineage
from runner.precheck import precheck
from runner.preflight import refuse_unless_ready
from runner.reap import reap
from runner.render.comparison import comparison_text
from runner.run_trial import Order
from runner.samplers import samplers
from runner.scoring.judge import judge
from runner.scoring.rules import rules_id, rules_to_plain
from runner.space.resolve import resolve
from runner.store.history import LineageFacts, history, lineage_facts
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from runner.util.clock import new_id, utc_now
from runner.util.codec import from_plain, to_plain
from runner.util.git import commit_of

MOST_ASKS = 200
"""Proposals for one trial number before we say that the space holds nothing new."""

MOST_HOST_FAULTS = 3
"""Attempts of one number that may end by the host's fault in one run; also numbers in a row before we give up."""

SNAPSHOT_EVERY = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended, for whoever prints it."""

    campaign: Campaign
    lineage: Lineage
    end_reason: EndReason
    comparisons: tuple[ComparisonFact, ...]
    run_id: str | None  # None: there was nothing to do
    pending: int = 0  # sealed records not yet in the store

    @property
    def exit_code(self) -> int:
        if self.end_reason is EndReason.INTERRUPTED:
            return 130
        if self.end_reason is EndReason.ERROR:
            return 4
        return 0 if self.lineage.succeeded else 1


def run_campaign(
    path: Path,
    results: Path,
    project: Path,
    *,
    again: bool = False,
    max_trials: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> RunResult:
    """Run one campaign file to its end, or on from where its records stop.

    `again` starts the next series of a finished lineage; `max_trials` caps the new trials of this run; `stop` is
    polled and ends the run cleanly. Raises CampaignError, NotReady, AlreadyRunning, StoreError, NoSpace.
    """
    campaign = load(path)
    results.mkdir(parents=True, exist_ok=True)
    with owned_lineage(results, campaign.search_key, campaign.name):
        reap(results)
        run = _Run.open(campaign, path, results, project, again=again, max_trials=max_trials, stop=stop)
        if run.nothing_to_do():
            run.record()
            return run.result(EndReason.CONVERGED, started=False)
        refuse_unless_ready(campaign, project)
        run.start()
        with run.executor_open():
            reason = run.search()
            if reason is not EndReason.INTERRUPTED:
                reason = run.confirm() or reason
        run.compare()
        run.end(reason)
        return run.result(reason)


@dataclass
class _Run:
    """The state of one run; every step of the story is one of its methods."""

    campaign: Campaign
    path: Path
    results: Path
    project: Path
    series: int
    facts: LineageFacts
    max_trials: int | None
    stop: Callable[[], bool]
    run_id: str = field(default_factory=new_id)
    began: float = field(default_factory=time.monotonic)
    executor: Executor = field(default_factory=lambda: executors.get("local"))
    host_faults: dict[int, int] = field(default_factory=dict)
    new_trials: int = 0
    snapshot_at: float = 0.0
    pending: int = 0
    started: bool = False

    @classmethod
    def open(
        cls,
        campaign: Campaign,
        path: Path,
        results: Path,
        project: Path,
        *,
        again: bool,
        max_trials: int | None,
        stop: Callable[[], bool],
    ) -> _Run:
        facts = lineage_facts(results, campaign.search_key)
        series = max((start.series for start in facts.starts), default=0 if not again else -1)
        return cls(campaign, path, results, project, series + again, facts, max_trials, stop)

    @property
    def lineage(self) -> Lineage:
        """Read afresh from the sealed records: the one source of truth, also for this process."""
        return Lineage.of(self.campaign, self.series, history(self.results, self.campaign.search_key, self.series))

    # ---- what is there to do

    def nothing_to_do(self) -> bool:
        lineage = self.lineage
        known_version = any(start.version_sha256 == self.campaign.version_sha256 for start in self.facts.starts)
        search_done = isinstance(self.next_configuration(lineage, quiet=True), EndReason)
        return known_version and search_done and not self.confirm_left(lineage)

    def next_configuration(self, lineage: Lineage, *, quiet: bool = False) -> tuple[int, Configuration] | EndReason:
        """The next trial number and its configuration, or why the search is over."""
        if reason := self.over_budget(lineage):
            return reason
        for number in lineage.unjudged:
            if self.host_faults.get(number, 0) < MOST_HOST_FAULTS:
                return number, lineage.known[number]
        number = len(lineage.known)
        if number >= self.campaign.search.trials:
            return EndReason.TRIALS
        if self.max_trials is not None and self.new_trials >= self.max_trials:
            return EndReason.TRIALS
        if self.campaign.search.baseline and number < len(self.campaign.entries):
            entry = self.campaign.entries[number]
            return number, resolve(entry, Point(entry.name))
        return self.asked(lineage, number, quiet=quiet)

    def asked(self, lineage: Lineage, number: int, *, quiet: bool) -> tuple[int, Configuration] | EndReason:
        """A configuration from the sampler that was never deployed and that the pre-check lets pass."""
        sampler = samplers.get(self.campaign.search.sampler)
        deployed = {configuration.fingerprint for configuration in lineage.known.values()}
        told, space = lineage.told, self.campaign.space
        for skip in range(MOST_ASKS):
            point = sampler.ask(space, self.campaign.objective.goal, told, (), self.campaign.search, number, skip)
            if point is None:
                break
            configuration = resolve(self.campaign.entry(point.entry), point)
            if configuration.fingerprint in deployed:
                continue
            refused = precheck(configuration, self.campaign)
            if refused is None:
                return number, configuration
            if not quiet:
                self.reject(configuration, *refused)
        return EndReason.CONVERGED

    def over_budget(self, lineage: Lineage) -> EndReason | None:
        budget = self.campaign.budget
        if self.stop():
            return EndReason.INTERRUPTED
        if budget.wall is not None and self.seconds_used() >= budget.wall:
            return EndReason.WALL
        if budget.gpu_hours is not None and lineage.gpu_hours >= budget.gpu_hours:
            return EndReason.GPU_HOURS
        if budget.failures is not None and len(lineage.failed) >= budget.failures:
            return EndReason.FAILURES
        given_up = [n for n in lineage.unjudged if self.host_faults.get(n, 0) >= MOST_HOST_FAULTS]
        return EndReason.ERROR if len(given_up) >= MOST_HOST_FAULTS else None

    def seconds_used(self) -> float:
        """Running time of the series over all runs; a killed run counts the attempts that it sealed."""
        ended = {end.run_id: end.seconds for end in self.facts.ends}
        before = [start.run_id for start in self.facts.starts if start.series == self.series]
        earlier = sum(ended.get(run_id, self.facts.attempt_seconds(run_id)) for run_id in before)
        return earlier + (time.monotonic() - self.began if self.started else 0.0)

    # ---- the steps

    def record(self) -> None:
        """What is sealed goes into the store; readers get a fresh copy."""
        self.store(last=True)

    def start(self) -> None:
        self.started, self.began = True, time.monotonic()
        lineage = self.lineage
        self.seal(RecordKind.RUN_START, self.run_id, self.run_start())
        self.seal_rules(lineage)
        objective = self.campaign.objective
        emit(
            "run_started",
            self.run_id,
            campaign=self.campaign.name,
            series=self.series,
            trials_done=len(lineage.trials),
            trials_planned=self.campaign.search.trials,
            sampler=self.campaign.search.sampler,
            objective=f"{objective.goal.value} {objective.metric} at {objective.at}",
        )

    def run_start(self) -> RunStart:
        return RunStart(
            run_id=self.run_id,
            campaign_id=campaign_id(self.campaign.version_sha256),
            name=self.campaign.name,
            version_sha256=self.campaign.version_sha256,
            search_key=self.campaign.search_key,
            series=self.series,
            campaign=resolved(self.campaign),
            campaign_text=self.path.read_text(encoding="utf-8"),
            campaign_path=self.campaign.path,
            seed=self.campaign.search.seed,
            started_utc=utc_now(),
            host=host_facts(),
            git_commit=commit_of(self.path.parent),
            tunebook_version=__version__,
            trials_planned=self.campaign.search.trials,
        )

    def seal_rules(self, lineage: Lineage) -> None:
        rules = RulesFact(
            rules_id=rules_id(lineage.rules),
            campaign_id=campaign_id(self.campaign.version_sha256),
            search_key=self.campaign.search_key,
            rules=rules_to_plain(lineage.rules),
            written_utc=utc_now(),
        )
        seal_rules(self.results, rules)

    def search(self) -> EndReason:
        while True:
            lineage = self.lineage
            step = self.next_configuration(lineage)
            if isinstance(step, EndReason):
                return step
            number, configuration = step
            first = number not in lineage.known
            role = Role.BASELINE if configuration.is_default else Role.SEARCH
            attempt = self.deploy(number, configuration, role)
            self.new_trials += first
            if attempt.outcome is Outcome.INFRA:
                self.host_faults[number] = self.host_faults.get(number, 0) + 1
                if self.host_faults[number] < MOST_HOST_FAULTS and attempt.failure:
                    emit("retry", self.run_id, number=number, cause=attempt.failure.cause.value)

    def confirm_left(self, lineage: Lineage) -> list[tuple[Any, int]]:
        """(target, repeat) still to measure, in measuring order."""
        targets = confirm_targets(self.campaign, lineage.trials)
        return missing_attempts(targets, self.campaign.confirm.repeats, lineage.attempts)

    def confirm(self) -> EndReason | None:
        """Measure the finalists and each entry's default again, interleaved. A reason when it was cut short."""
        left = self.confirm_left(self.lineage)
        if left:
            emit("confirm_started", self.run_id, attempts=len(left), repeats=self.campaign.confirm.repeats)
        for target, repeat in left:
            for _ in range(MOST_HOST_FAULTS):
                if self.stop():
                    return EndReason.INTERRUPTED
                attempt = self.deploy(target.number, target.configuration, Role.CONFIRM, repeat)
                if attempt.outcome is not Outcome.INFRA:
                    break
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
        )
        self.tell("trial_started", order)
        future = self.executor.submit("runner.run_trial:run_order", to_plain(order), self.hear)
        while True:
            try:
                attempt = from_plain(Attempt, future.result(timeout=0.1))
                break
            except NotYet:
                if future.done():
                    raise
                if self.stop():
                    self.executor.cancel()
        self.tell_ended(order, attempt, lineage)
        self.store()
        return attempt

    def compare(self) -> None:
        """Seal what the confirm attempts say, unless exactly that is sealed already."""
        known = {(c.trial_a, c.trial_b, c.metric, c.repeats, c.log_ratio) for c in self.facts.comparisons}
        for fact in self.comparisons():
            if (fact.trial_a, fact.trial_b, fact.metric, fact.repeats, fact.log_ratio) not in known:
                self.seal(RecordKind.COMPARISON, fact.comparison_id, fact)
                emit("comparison", self.run_id, **comparison_data(fact, self.lineage))

    def comparisons(self) -> list[ComparisonFact]:
        lineage = self.lineage
        return comparisons(self.campaign, lineage.trials, lineage.attempts, series=self.series, run_id=self.run_id)

    def end(self, reason: EndReason) -> None:
        lineage = self.lineage
        seconds = round(time.monotonic() - self.began, 3)
        end = RunEnd(
            run_id=self.run_id,
            campaign_id=campaign_id(self.campaign.version_sha256),
            ended_utc=utc_now(),
            end_reason=reason,
            seconds=seconds,
            trials=len(lineage.known),
            succeeded=len(lineage.succeeded),
            failed=len(lineage.failed),
        )
        self.seal(RecordKind.RUN_END, new_id(), end)
        self.store(last=True)
        emit(
            "run_ended",
            self.run_id,
            campaign=self.campaign.name,
            end_reason=reason.value,
            trials=end.trials,
            succeeded=end.succeeded,
            failed=end.failed,
            seconds=seconds,
        )

    def result(self, reason: EndReason, *, started: bool = True) -> RunResult:
        facts = lineage_facts(self.results, self.campaign.search_key)
        sealed = [fact for fact in facts.comparisons if fact.series == self.series]
        newest: dict[tuple[str, str], ComparisonFact] = {}
        for fact in sealed:
            newest[fact.trial_a, fact.trial_b] = fact
        return RunResult(
            self.campaign,
            self.lineage,
            reason,
            tuple(newest.values()),
            self.run_id if started else None,
            self.pending,
        )

    # ---- helpers of the steps

    @contextmanager
    def executor_open(self) -> Iterator[None]:
        self.executor.open(1)
        try:
            yield
        finally:
            self.executor.cancel()
            self.executor.close()

    def seal(self, kind: RecordKind, record_id: str, fact: Any) -> None:
        seal(self.results, kind, record_id, fact)

    def store(self, *, last: bool = False) -> None:
        """Ingest what is sealed. A locked or damaged store never stops a run: the records wait for it."""
        try:
            done = ingest(self.results)
            self.pending = done.pending
            if done.pending:
                emit("warning", self.run_id, message=f"{done.pending} records wait for the store: {done.reason}")
            elif last or time.monotonic() - self.snapshot_at >= SNAPSHOT_EVERY:
                snapshot(self.results)
                self.snapshot_at = time.monotonic()
        except (StoreError, NoSpace) as error:
            emit("warning", self.run_id, message=f"the records are sealed but not in the store: {error.what}")

    def reject(self, configuration: Configuration, rule: str, reason: str) -> None:
        """A row of its own, once per configuration of the lineage."""
        refused = {rejection.fingerprint for rejection in self.facts.rejections if rejection.series == self.series}
        if configuration.fingerprint in refused:
            return
        fact = RejectionFact(
            rejection_id=new_id(),
            run_id=self.run_id,
            campaign_id=campaign_id(self.campaign.version_sha256),
            search_key=self.campaign.search_key,
            series=self.series,
            entry=configuration.entry,
            runtime=configuration.runtime,
            fingerprint=configuration.fingerprint,
            params=configuration.values,
            rule=rule,
            reason=reason,
            rejected_utc=utc_now(),
        )
        self.seal(RecordKind.REJECTION, fact.rejection_id, fact)
        self.facts = lineage_facts(self.results, self.campaign.search_key)
        emit("rejected", self.run_id, entry=fact.entry, values=dict(fact.params), rule=rule, reason=reason)

    def hear(self, message: dict[str, Any]) -> None:
        """Progress of an attempt, from whatever thread or host."""
        rest = {key: value for key, value in message.items() if key != "event"}
        emit(str(message["event"]), self.run_id, **rest)

    def tell(self, name: str, order: Order) -> None:
        emit(
            name,
            self.run_id,
            trial_id=order.trial_id,
            attempt_id=order.attempt_id,
            number=order.number,
            role=order.role.value,
            repeat=order.repeat,
            entry=order.configuration.entry,
            values=dict(order.configuration.values),
        )

    def tell_ended(self, order: Order, attempt: Attempt, lineage: Lineage) -> None:
        judgement = judge(attempt, lineage.rules)
        failure = judgement.failure or attempt.failure
        ref = metric_ref(self.campaign.objective.metric)
        emit(
            "trial_ended",
            self.run_id,
            trial_id=order.trial_id,
            attempt_id=order.attempt_id,
            number=order.number,
            role=order.role.value,
            repeat=order.repeat,
            entry=order.configuration.entry,
            values=dict(order.configuration.values),
            outcome=attempt.outcome.value,
            status=judgement.status.value,
            score=judgement.value,
            metric=ref.metric.name,
            unit=ref.unit,
            severity=judgement.severity,
            phase=failure.phase.value if failure else "done",
            cause=failure.cause.value if failure else None,
            evidence=failure.evidence if failure and judgement.status is not TrialStatus.SUCCEEDED else None,
            seconds=attempt.seconds,
        )


def comparison_data(fact: ComparisonFact, lineage: Lineage) -> dict[str, Any]:
    """A comparison as plain JSON, with the words that people read."""
    names = {trial.trial_id: trial for trial in lineage.trials}
    a, b = names.get(fact.trial_a), names.get(fact.trial_b)
    return {
        "comparison_id": fact.comparison_id,
        "trial_a": fact.trial_a,
        "trial_b": fact.trial_b,
        "number_a": a.number if a else -1,
        "number_b": b.number if b else -1,
        "against": f"the default of {b.entry}" if b and b.is_default else f"trial {b.number if b else '?'}",
        "verdict": fact.verdict.value,
        "log_ratio": fact.log_ratio,
        "low": fact.low,
        "high": fact.high,
        "repeats": fact.repeats,
        "metric": fact.metric,
        "text": comparison_text(fact),
    }


__all__ = ["RunResult", "comparison_data", "run_campaign"]
