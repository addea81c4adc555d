"""What a run says of itself: the data of its events. The names of the keys are the public JSON of `run --json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runner.confirm import ConfirmTarget
from runner.domain.campaign import Campaign
from runner.domain.failure import Role, TrialStatus
from runner.domain.metrics import metric_ref
from runner.domain.records import ComparisonFact, RunEnd
from runner.domain.trial import Attempt
from runner.lineage import Lineage
from runner.order import Order
from runner.render.comparison import comparison_text
from runner.scoring.judge import judge
from runner.stats.failing import findings, nearest
from runner.util.codec import to_plain


def run_started(campaign: Campaign, lineage: Lineage) -> dict[str, Any]:
    objective = campaign.objective
    return {
        "campaign": campaign.name,
        "series": lineage.series,
        "trials_done": len(lineage.trials),
        "trials_planned": campaign.search.trials,
        "warm_start": [{**to_plain(warm), "text": warm.text} for warm in lineage.prior.warm_start],
        "replayed": len(lineage.prior.replayed),
        "replayed_from": sorted({one.campaign for one in lineage.prior.replayed}),
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
        "hint": judgement.hint.text if judgement.hint else None,
        "warm_start": _warm_start(order, lineage),
        "seconds": attempt.seconds,
        "token_agreement": attempt.quality.agreement.share if attempt.quality and attempt.quality.agreement else None,
    }


def _warm_start(order: Order, lineage: Lineage) -> str | None:
    """Where the configuration of a search attempt came from, when it came from another campaign."""
    warm = (one for one in lineage.prior.warm_start if one.fingerprint == order.configuration.fingerprint)
    return next((one.text for one in warm if order.role is Role.SEARCH), None)


def run_ended(campaign: Campaign, end: RunEnd) -> dict[str, Any]:
    return {
        "campaign": campaign.name,
        "end_reason": end.end_reason.value,
        "trials": end.trials,
        "succeeded": end.succeeded,
        "failed": end.failed,
        "seconds": end.seconds,
        "message": end.message,
    }


def all_failed(lineage: Lineage, run_id: str) -> dict[str, Any] | None:
    """What an all-failing search ends with; None when something succeeded, or nothing was judged."""
    tried = lineage.tried
    near = nearest(tried)
    if near is None or near.failure is None or lineage.succeeded:
        return None
    return {
        "campaign": lineage.campaign.name,
        "trials": len(tried),
        "nearest": {
            "number": near.number,
            "trial_id": next(trial.trial_id for trial in lineage.trials if trial.number == near.number),
            "entry": near.entry,
            "values": dict(near.values),
            "severity": near.severity,
            "levels_done": near.levels_done,
            "phase": near.failure.phase.value,
            "cause": near.failure.cause.value,
            "evidence": near.failure.evidence,
            "hint": near.hint.text if near.hint else None,
            "changes": [to_plain(change) for change in near.hint.changes] if near.hint else [],
        },
        "later": [
            {
                "entry": one.entry,
                "parameter": one.parameter,
                "what": one.what,
                "trials": one.trials,
                "others": one.others,
                "severity": one.severity,
                "severity_others": one.severity_others,
                "chance": one.chance,
                "text": one.text,
            }
            for one in findings(tried)
        ],
        "follow_up": f"tunebook new --from {run_id}",
    }


def confirm_started(campaign: Campaign, left: Sequence[tuple[ConfirmTarget, int]]) -> dict[str, Any]:
    """Before the planned rounds, and before each further one. `numbers`: the trials that are measured in it."""
    return {
        "attempts": len(left),
        "repeats": campaign.confirm.repeats,
        "round": left[0][1],
        "at_most": campaign.confirm.cap,
        "numbers": sorted({target.number for target, _ in left}),
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
