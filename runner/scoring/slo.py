"""SLOs: how far each level is from each limit, and what missing a soft one costs.

ratio = actual / limit for a maximum, limit / actual for a minimum: above 1 is a miss, whatever the direction.
Soft penalty  P = sum over soft SLOs of  weight x (exp((ratio - 1) / steepness) - 1),  at most 10: nothing at the
limit, continuous there, finite everywhere. An SLO counts once, with the worst of the levels that matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from runner.domain.campaign import Slo
from runner.domain.failure import SloVerdict
from runner.domain.trial import LevelResult
from runner.scoring.aggregate import limits_of
from runner.scoring.levels import Reached, metric_at
from runner.scoring.rules import ATTAINED, Rules

PENALTY_CAP = 10.0
"""No soft penalty is above this: ten times the value."""
EXPONENT_CAP = 50.0
"""exp() beyond this could overflow and is far above the cap anyway."""
RATIO_CAP = 1e6
"""A limit of 0, or a value of 0 under a minimum, would be infinitely far away: this far at most."""


@dataclass(frozen=True, slots=True)
class SloResult:
    """One SLO at one level. `value` and `ratio` are None when the metric was not measured there."""

    position: int
    slo: str
    hard: bool
    limit: float
    value: float | None
    ratio: float | None
    verdict: SloVerdict


def ratio(value: float, slo: Slo) -> float:
    """How far `value` is from the limit: above 1 is a miss. In [0, RATIO_CAP], never NaN."""
    over, under = (value, slo.limit) if slo.maximum is not None else (slo.limit, value)
    if over <= under:  # met: a zero or negative divisor must not turn it into a miss
        return min(1.0, max(0.0, over / under)) if under > 0 else 1.0
    return min(RATIO_CAP, max(math.nextafter(1.0, 2.0), over / under)) if under > 0 else RATIO_CAP


def soft_penalty(worst_ratio: float, slo: Slo) -> float:
    """P of one soft SLO, in [0, PENALTY_CAP]: 0 up to the limit, then rising steeply."""
    excess = max(0.0, worst_ratio - 1.0)
    exponent = min(EXPONENT_CAP, excess / max(slo.steepness, 1e-9))
    return max(0.0, min(PENALTY_CAP, slo.weight * math.expm1(exponent)))


def slo_results(reached: Reached, rules: Rules) -> tuple[SloResult, ...]:
    """Every SLO at every declared level, by level and name. Empty for an attempt that reached no level."""
    if not reached:
        return ()
    return tuple(
        _result(key.position, _value_at(reached.get(key.position), slo, rules), slo)
        for key in rules.levels
        for slo in rules.limits
    )


def _value_at(level: LevelResult | None, slo: Slo, rules: Rules) -> float | None:
    """The share of good requests is a fact only for the limits that it was counted by."""
    if slo.name != ATTAINED:
        return metric_at(level, slo.metric)
    attained = level.attained if level is not None else None
    if attained is None or not attained.of or attained.limits != limits_of(rules.slos):
        return None
    return attained.good / attained.of


def total_penalty(results: Iterable[SloResult], rules: Rules) -> float:
    """P over the given results: each soft SLO once, with its worst ratio, the sum at most PENALTY_CAP."""
    worst = worst_ratios(result for result in results if not result.hard)
    by_name = {slo.name: slo for slo in rules.limits}
    return min(PENALTY_CAP, sum(soft_penalty(value, by_name[name]) for name, value in worst.items()))


def worst_ratios(results: Iterable[SloResult]) -> dict[str, float]:
    """SLO name -> its worst ratio over the given results; unmeasured ones left out."""
    worst: dict[str, float] = {}
    for result in results:
        if result.ratio is not None:
            worst[result.slo] = max(result.ratio, worst.get(result.slo, 0.0))
    return worst


def _result(position: int, value: float | None, slo: Slo) -> SloResult:
    if value is None:
        return SloResult(position, slo.name, slo.hard, slo.limit, None, None, SloVerdict.UNMEASURED)
    how_far = ratio(value, slo)
    missed = SloVerdict.MISSED_HARD if slo.hard else SloVerdict.MISSED_SOFT
    verdict = missed if how_far > 1 else SloVerdict.MET
    return SloResult(position, slo.name, slo.hard, slo.limit, value, how_far, verdict)
