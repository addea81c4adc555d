"""Best first: every success before every failure, whatever the goal and the sign of the objective."""

from __future__ import annotations

from runner.domain.campaign import Goal
from runner.domain.failure import TrialStatus
from runner.scoring.judge import Judgement

_GROUP = {TrialStatus.SUCCEEDED: 0, TrialStatus.FAILED: 1, TrialStatus.UNMEASURED: 2}


def rank_key(judgement: Judgement, goal: Goal) -> tuple[int, float]:
    """A sort key, smallest best: successes by score, then failures by severity, then what was not measured."""
    group = _GROUP[judgement.status]
    if judgement.value is not None:
        return group, -judgement.value if goal is Goal.MAXIMIZE else judgement.value
    return group, judgement.severity
