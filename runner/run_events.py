"""What a run says of itself: the data of its events. The names of the keys are the public JSON of `run --json`."""

from __future__ import annotations

from typing import Any

from runner.domain.campaign import Campaign
from runner.domain.failure import TrialStatus
from runner.domain.metrics import metric_ref
from runner.domain.records import ComparisonFact, RunEnd
from runner.domain.trial import Attempt
from runner.lineage import Lineage
from runner.render.comparison import comparison_text
from runner.run_trial import Order
from runner.scoring.judge import judge


def run_started(campaign: Campaign, lineage: Lineage) -> dict[str, Any]:
    objective = campaign.objective
    return {
        "campaign": campaign.name,
        "series": lineage.series,
        "trials_done": len(lineage.trials),
        "trials_planned": campaign.search.trials,
        "sampler": campaign.search.sampler,
        "objective": f"{objective.goal.value} {objective.metric} at {objective.at}",
    }


def trial_started(order: Order) -> dict[str, Any]:
    return {
        "trial_id": order.trial_id,
        "attempt_id": order.attempt_id,
        "number": order.number,
        "role": order.role.value,
        "repeat": order.repeat,
        "entry": order.configuration.entry,
        "values": dict(order.configuration.values),
    }


def trial_ended(order: Order, attempt: Attempt, lineage: Lineage) -> dict[str, Any]:
    judgement = judge(attempt, lineage.rules)
    failure = judgement.failure or attempt.failure
    ref = metric_ref(lineage.campaign.objective.metric)
    return {
        **trial_started(order),
        "outcome": attempt.outcome.value,
        "status": judgement.status.value,
        "score": judgement.value,
        "objective_value": judgement.objective_value,
        "soft_penalty": judgement.soft_penalty,
        "metric": ref.metric.name,
        "unit": ref.unit,
        "severity": judgement.severity,
        "phase": failure.phase.value if failure else "done",
        "cause": failure.cause.value if failure else None,
        "evidence": failure.evidence if failure and judgement.status is not TrialStatus.SUCCEEDED else None,
        "seconds": attempt.seconds,
    }


def run_ended(campaign: Campaign, end: RunEnd) -> dict[str, Any]:
    return {
        "campaign": campaign.name,
        "end_reason": end.end_reason.value,
        "trials": end.trials,
        "succeeded": end.succeeded,
        "failed": end.failed,
        "seconds": end.seconds,
    }


def comparison(fact: ComparisonFact, lineage: Lineage) -> dict[str, Any]:
    """A comparison as plain JSON, with the words that people read."""
    names = {trial.trial_id: trial for trial in lineage.trials}
    a, b = names.get(fact.trial_a), names.get(fact.trial_b)
    return {
        "comparison_id": fact.comparison_id,
        "trial_a": fact.trial_a,
        "trial_b": fact.trial_b,
        "number_a": a.number if a else None,
        "number_b": b.number if b else None,
        "against": f"the default of {b.entry}" if b and b.is_default else f"trial {b.number if b else '?'}",
        "verdict": fact.verdict.value,
        "log_ratio": fact.log_ratio,
        "low": fact.low,
        "high": fact.high,
        "repeats": fact.repeats,
        "metric": fact.metric,
        "text": comparison_text(fact),
    }
