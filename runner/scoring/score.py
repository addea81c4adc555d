"""From the levels of a success to one number: aggregate over levels, then made worse by the soft SLO penalty."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from runner.domain.campaign import Goal, Objective
from runner.domain.failure import SloVerdict
from runner.scoring.levels import Reached, counts, ladders, metric_at
from runner.scoring.rules import LevelKey, Rules
from runner.scoring.slo import PENALTY_CAP, SloResult


def score(value: float, penalty: float, goal: Goal) -> float:
    """`value` made worse by `penalty` times its size: value - |value| P when maximising, + when minimising.

    The size, not the value: a product would make a negative value better. P is cut at PENALTY_CAP.
    """
    worse = abs(value) * min(max(penalty, 0.0), PENALTY_CAP)
    return finite(value - worse if goal is Goal.MAXIMIZE else value + worse)


def aggregate(values: Sequence[float], objective: Objective) -> float:
    """One value of several levels: their mean for `mean`, the worst of them otherwise. `values` is not empty."""
    if objective.at == "mean":
        return finite(sum(value / len(values) for value in values))
    return min(values) if objective.goal is Goal.MAXIMIZE else max(values)


def objective_value(levels: Sequence[LevelKey], reached: Reached, objective: Objective) -> float | None:
    """The objective over `levels`; None when one of them was not measured or has no such metric."""
    values = [metric_at(reached.get(key.position), objective.metric) for key in levels]
    known = [value for value in values if value is not None]
    return aggregate(known, objective) if known and len(known) == len(values) else None


def goodput_levels(reached: Reached, results: Sequence[SloResult], rules: Rules) -> list[LevelKey | None]:
    """Per scenario, the highest level up to which every level counts, meets all SLOs, hard and soft, and has the
    metric of each objective; None where not even the lightest does."""
    missed = {result.position for result in results if result.verdict is not SloVerdict.MET}
    tops: list[LevelKey | None] = []
    for ladder in ladders(rules.levels):
        top = None
        for key in ladder:
            level = reached.get(key.position)
            if key.position in missed or not counts(level, rules):
                break
            if any(metric_at(level, objective.metric) is None for objective in rules.objectives):
                break
            top = key
        tops.append(top)
    return tops


def finite(value: float) -> float:
    """`value`, with what overflowed put back to the largest number there is."""
    if math.isnan(value):
        return 0.0
    return max(-sys.float_info.max, min(sys.float_info.max, value))
