"""Measure given configurations again, beside every search: for `gate` and `reproduce`.

The attempts are sealed with a role of their own, so that no sampler, ranking or budget hears of them. No run is
recorded: a run is what searches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.campaign.load import resolved
from runner.domain.campaign import Campaign
from runner.domain.failure import Outcome, Role
from runner.domain.ids import campaign_id, trial_id
from runner.domain.metrics import format_value, metric_ref
from runner.domain.records import ComparisonFact, RecordKind, RulesFact
from runner.domain.trial import Attempt, Configuration
from runner.errors import NoSpace, StoreError, Unwritable
from runner.lineage_lock import owned_lineage
from runner.order import Order
from runner.preflight import convert_models, refuse_unless_ready
from runner.reap import reap, sweep
from runner.reference import reference_answers
from runner.run_trial import run_trial
from runner.scoring.judge import judge
from runner.scoring.rules import rules_id, rules_of, rules_to_plain
from runner.stats.compare import Comparison
from runner.store.history import history, lineage_facts
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from runner.util.clock import new_id, utc_now

Notify = Callable[[str, dict[str, Any]], None]
TRIES = 3
"""Of an attempt that the host kept from measuring."""


@dataclass(frozen=True, slots=True)
class Target:
    """A configuration to deploy. `number` is what its trial is called in its campaign."""

    configuration: Configuration
    number: int


@dataclass
class Anew:
    """One measuring session. `campaign` is what the attempts are measured by, its client included."""

    campaign: Campaign
    role: Role
    series: int
    results: Path
    project: Path
    stop: Callable[[], bool]
    notify: Notify
    run_id: str = field(default_factory=new_id)

    @contextmanager
    def session(self) -> Iterator[None]:
        """Own the lineage; afterwards what was sealed is in the store, or waits for the next ingest. Raises NotReady,
        AlreadyRunning, NoSpace."""
        refuse_unless_ready(self.campaign, self.project)
        convert_models(self.campaign, self.project, lambda text: self.notify("notice", {"message": text}), self.stop)
        self.results.mkdir(parents=True, exist_ok=True)
        with owned_lineage(self.results, self.campaign.search_key, self.campaign.name):
            reap(self.results)
            sweep([self.campaign.deploy.kind])
            self._rules()
            try:
                yield
            finally:
                self._store()

    def measure(self, target: Target, repeat: int) -> Attempt:
        """One attempt; again when it met a fault of the host, up to TRIES times."""
        attempt = self._attempt(target, repeat)
        for _ in range(TRIES - 1):
            if attempt.outcome is not Outcome.INFRA or self.stop():
                break
            attempt = self._attempt(target, repeat)
        return attempt

    def trial_id(self, configuration: Configuration) -> str:
        return trial_id(self.campaign.search_key, self.series, configuration.fingerprint)

    def seal(self, result: Comparison, now: Configuration, other: str, **more: Any) -> ComparisonFact:
        """Seal what was found: the configuration now against the trial `other`. `more` are fields of the fact."""
        fact = ComparisonFact(
            comparison_id=new_id(),
            run_id=self.run_id,
            campaign_id=campaign_id(self.campaign.version_sha256),
            search_key=self.campaign.search_key,
            series=self.series,
            trial_a=self.trial_id(now),
            trial_b=other,
            metric=self.campaign.objective.metric,
            verdict=result.verdict,
            repeats=result.repeats,
            client=self.campaign.workload.client,
            reason=result.reason,
            compared_utc=utc_now(),
            log_ratio=result.log_ratio,
            low=result.low,
            high=result.high,
            unit=metric_ref(self.campaign.objective.metric).unit,
            **more,
        )
        seal(self.results, RecordKind.COMPARISON, fact.comparison_id, fact)
        return fact

    def _attempt(self, target: Target, repeat: int) -> Attempt:
        known = history(self.results, self.campaign.search_key)
        order = Order(
            attempt_id=new_id(),
            run_id=self.run_id,
            trial_id=self.trial_id(target.configuration),
            series=self.series,
            number=target.number,
            role=self.role,
            configuration=target.configuration,
            campaign=resolved(self.campaign),
            results=str(self.results),
            project=str(self.project),
            repeat=repeat,
            reference=reference_answers(self.campaign, known, self.results),
        )
        attempt = run_trial(order, self.stop, self._pass_on)
        told = self._told(attempt, repeat)
        self.notify("measured", told)
        self.notify("notice", {"message": self._line(told)})
        return attempt

    def _told(self, attempt: Attempt, repeat: int) -> dict[str, Any]:
        judged = judge(attempt, rules_of(self.campaign))
        return {
            "campaign": self.campaign.name,
            "number": attempt.number,
            "repeat": repeat,
            "role": self.role.value,
            "attempt_id": attempt.attempt_id,
            "value": judged.objective_value if judged.value is not None else None,
            "failure": str(judged.failure.cause) if judged.failure else None,
            "seconds": attempt.seconds,
        }

    def _line(self, told: dict[str, Any]) -> str:
        metric = metric_ref(self.campaign.objective.metric).metric
        found = told["failure"] or format_value(told["value"], metric)
        return f"trial {told['number']:>3} {self.role.value} {told['repeat']}  {found:>14}  [{told['seconds']:.1f}s]"

    def _pass_on(self, message: dict[str, Any]) -> None:
        if message["event"] != "attempt_ended":
            self.notify(message["event"], {key: value for key, value in message.items() if key != "event"})

    def _rules(self) -> None:
        """A lineage that never ran has none, and nothing of it could be judged. Those in force stay."""
        if not lineage_facts(self.results, self.campaign.search_key).rules:
            rules = rules_of(self.campaign)
            fact = RulesFact(
                rules_id(rules),
                campaign_id(self.campaign.version_sha256),
                self.campaign.search_key,
                rules_to_plain(rules),
                utc_now(),
            )
            seal_rules(self.results, fact)

    def _store(self) -> None:
        try:
            taken = ingest(self.results)
            for warning in taken.warnings:
                self.notify("warning", {"message": warning})
            if taken.pending == taken.damaged:
                snapshot(self.results)
        except (StoreError, NoSpace, Unwritable) as error:
            self.notify("warning", {"message": f"sealed, but not yet in the store: {error.what}"})
