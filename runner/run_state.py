"""The state of one run: what it was asked for, what its records say, what is left to do. Writes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from runner.confirm import missing_attempts
from runner.decide import Over, SoFar, next_step
from runner.domain.campaign import Campaign
from runner.domain.failure import EndReason
from runner.domain.ground import NOTHING_KNOWN, Ground
from runner.domain.prior import Prior
from runner.domain.records import ComparisonFact
from runner.domain.trial import Configuration
from runner.enough import found_before
from runner.executors import Executor, executors
from runner.ground import ground_of
from runner.lineage import Lineage
from runner.store.history import LineageFacts, history, lineage_facts, withdrawn
from runner.util.clock import new_id
from runner.verdict import comparisons

NOTHING_RUNS: Mapping[int, Configuration] = {}


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
    message: str = ""  # of the rule that ended the search

    @property
    def exit_code(self) -> int:
        match self.end_reason:
            case EndReason.INTERRUPTED:
                return 0 if self.out_of_time else 130
            case EndReason.ERROR:
                return 4
            case _:
                return 0 if self.lineage.succeeded else 1


@dataclass
class RunState:
    """The state of one run."""

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
    slots: int = 1
    run_id: str = field(default_factory=new_id)
    began: float | None = None
    executor: Executor = field(default_factory=lambda: executors.get("local"))
    address: str | None = None
    host_faults: dict[int, int] = field(default_factory=dict)
    new_trials: int = 0
    snapshot_at: float = 0.0
    pending: int = 0
    over: EndReason = EndReason.TRIALS
    message: str = ""  # of the rule that ended the search
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
        slots: int = 1,
        executor: str = "local",
        address: str | None = None,
    ) -> Self:
        """What is known of the lineage, read; nothing is written. Raises UnknownMember for an executor."""
        facts = lineage_facts(results, campaign.search_key)
        series = max((start.series for start in facts.starts), default=0)
        run = cls(campaign, path, results, project, series, facts, max_trials, stop, enough, retry_failed, slots)
        run.executor, run.address = executors.get(executor), address
        if again and facts.starts and run.series_is_over():
            run.series += 1  # an unfinished series is resumed first: nothing is abandoned half-way
        return run

    @property
    def lineage(self) -> Lineage:
        """Read afresh from the sealed records: the one source of truth, also for this process."""
        mine = self.results, self.campaign.search_key, self.series
        return Lineage.of(self.campaign, self.series, history(*mine), withdrawn(*mine), self.prior)

    @property
    def prior(self) -> Prior:
        """What the first run of the series froze; nothing before there is one."""
        first = next((start for start in self.facts.starts if start.series == self.series), None)
        return first.prior if first is not None else Prior()

    def so_far(self, pending: Mapping[int, Configuration] = NOTHING_RUNS) -> SoFar:
        """A killed run left no end record: it counts the attempts that it sealed. `pending`: by trial number, what runs
        in the slots."""
        ended = {end.run_id: end.seconds for end in self.facts.ends}
        runs = {start.run_id for start in self.facts.starts if start.series == self.series} - {self.run_id}
        earlier = sum(ended.get(run_id, self.facts.attempt_seconds(run_id)) for run_id in runs)
        left = None if self.max_trials is None else max(self.max_trials - self.new_trials, 0)
        return SoFar(earlier + self.seconds, left, self.host_faults, self.ground, self._found_before(), pending)

    def _found_before(self) -> str:
        """Why `search.stop: auto` had ended the series before this run, if that still holds."""
        starts = [one for one in self.facts.starts if one.series == self.series and one.run_id != self.run_id]
        end = next((one for one in self.facts.ends if starts and one.run_id == starts[-1].run_id), None)
        return found_before(self.campaign, starts[-1], end) if starts else ""

    @property
    def ground(self) -> Ground:
        """What the pre-check stands on: frozen when the series began, so that a resumed run refuses the same."""
        first = next((start for start in self.facts.starts if start.series == self.series), None)
        return ground_of(first, self.campaign) if first is not None else NOTHING_KNOWN

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
        self.over, self.message = step.reason, step.message
        return not self.confirm_left(lineage) and not self.verdicts_left(lineage)

    def may_confirm(self, reason: EndReason) -> bool:
        """Not after an interruption, on a host found broken, or after a slice of the search (`--max-trials`)."""
        return reason not in (EndReason.INTERRUPTED, EndReason.ERROR) and not self.cut_short

    def time_is_up(self) -> bool:
        """Asked where an attempt would start: what runs is not cut, its numbers are paid for."""
        self.out_of_time = self.enough()
        return self.out_of_time

    def confirm_left(self, lineage: Lineage) -> list[tuple[Any, int]]:
        """(target, round) to measure next, in measuring order."""
        return missing_attempts(self.campaign, lineage.trials, lineage.attempts)

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

    def result(self, reason: EndReason) -> RunResult:
        facts = lineage_facts(self.results, self.campaign.search_key)
        newest = self.newest(facts)
        run_id = self.run_id if self.began is not None else None
        return RunResult(
            self.campaign,
            self.lineage,
            reason,
            tuple(newest.values()),
            run_id,
            self.pending,
            self.out_of_time,
            self.message,
        )


def _essence(fact: ComparisonFact) -> tuple[Any, ...]:
    return fact.trial_a, fact.trial_b, fact.metric, fact.client, fact.repeats, fact.log_ratio, fact.verdict, fact.reason
