"""`search.stop: auto`: whether the search has found enough, in words. Pure: the records alone decide."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import variance

from runner.campaign.load import from_resolved
from runner.domain.campaign import Campaign, Goal
from runner.domain.failure import EndReason, TrialStatus
from runner.domain.metrics import metric_ref
from runner.domain.records import RunEnd, RunStart
from runner.domain.trial import Attempt
from runner.lineage import JUDGED_OUTCOMES, Lineage
from runner.scoring.judge import judge
from runner.scoring.rules import rules_of
from runner.stats.gain import expected_gain, since_progress

USUAL_NOISE = 0.03
"""Relative scatter of one measurement where nothing was measured twice: what real engines show on a quiet machine."""

QUIET = 8
"""Trials without progress before the search may end, start-up not counted."""

_DEGREES = 3


def found_enough(campaign: Campaign, lineage: Lineage) -> str | None:
    """Why the search may end, as a sentence; None: go on.

    It may when the trials that are left would together gain less than the noise of one measurement, by what the trials
    so far show, and none of the last ones has gained more than the noise.
    """
    if campaign.search.stop != "auto":
        return None
    sign = 1 if campaign.objective.goal is Goal.MAXIMIZE else -1
    values = [trial.judgement.value for trial in lineage.trials]
    if any(value is not None and value <= 0 for value in values):
        return None  # no relative gain can be told
    logs = [sign * math.log(value) if value is not None else None for value in values]
    left = campaign.search.trials - len(lineage.known)
    noise, told = noise_of(lineage)
    succeeded = [one for one in logs if one is not None]
    gain = expected_gain(succeeded, len(logs), left)
    quiet = since_progress(logs, noise)
    wait = max(QUIET, campaign.search.startup)
    if gain is None or gain >= noise or quiet < wait or len(logs) < campaign.search.startup + wait:
        return None
    metric = metric_ref(campaign.objective.metric).metric.name
    return (
        f"{left} more trials would improve {metric} by {100 * gain:.1f} % together, less than the noise of one "
        f"measurement ({100 * noise:.1f} %, {told}); the last {quiet} trials brought nothing"
    )


def found_before(campaign: Campaign, start: RunStart, end: RunEnd | None) -> str:
    """What the rule said when it ended the last run of a series, while nothing is asked for that it did not weigh: as
    many trials, the same objective and SLOs. Else empty. The confirming repeats after it tell the noise better, and do
    not begin the search anew: who wants more asks for more trials."""
    if campaign.search.stop != "auto" or end is None or end.end_reason is not EndReason.CONVERGED:
        return ""
    same = rules_of(from_resolved(dict(start.campaign))) == rules_of(campaign)
    return end.message if same and start.trials_planned == campaign.search.trials else ""


def noise_of(lineage: Lineage) -> tuple[float, str]:
    """Relative standard deviation of one measurement, and where it is from: all that was measured more than once."""
    repeats: dict[str, list[float]] = defaultdict(list)
    for attempt in lineage.attempts:
        value = _value(attempt, lineage)
        if value is not None and value > 0:
            repeats[attempt.trial_id + attempt.client].append(math.log(value))
    groups = [logs for logs in repeats.values() if len(logs) > 1]
    degrees = sum(len(logs) - 1 for logs in groups)
    if degrees < _DEGREES:
        return USUAL_NOISE, "assumed: too little was measured twice"
    pooled = math.sqrt(sum(variance(logs) * (len(logs) - 1) for logs in groups) / degrees)
    return pooled, f"from {degrees + len(groups)} repeated measurements"


def _value(attempt: Attempt, lineage: Lineage) -> float | None:
    if attempt.outcome not in JUDGED_OUTCOMES:
        return None
    judgement = judge(attempt, lineage.rules)
    return judgement.value if judgement.status is TrialStatus.SUCCEEDED else None
