"""The highest load at which the SLOs hold, looked for on one running server: which load next, and what was found. Pure.

Up from the lowest load until one misses, then between the last that held and the first that missed, on a logarithmic
scale, until the two are near each other or the levels are used up. GuideLLM's `goodput` profile goes the same way.
Where the range is so wide that doubling would spend the levels before it comes to the top, steps are longer.

A level is judged by the share of its requests that met every limit, as it was counted, and by the limits of a level
as a whole. Whether the share could be on the other side by chance is said with Wilson's interval (JASA 22, 1927), and
decides nothing: a level is as long as the campaign says, and the one who wants to be surer makes it longer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

from runner.domain.campaign import LevelPlan, Workload
from runner.domain.failure import LevelState, SloVerdict
from runner.domain.load import LoadKind, LoadSearch, load_words
from runner.domain.metrics import METRICS, VALUE
from runner.domain.trial import LevelResult, MetricValue
from runner.scoring.levels import counts, metric_at
from runner.scoring.rules import Rules, level_key
from runner.scoring.slo import slo_results
from runner.stats.intervals import wilson

NEAR = 1.1
"""Two loads this near are one: what lies between is not worth a level."""
DIGITS = 3
"""Of a rate that is tried."""


class Ended(StrEnum):
    NEAR = "near"  # what held and what missed are neighbours
    LEVELS = "levels"  # no level is left
    TOP = "top"  # the highest load of the range held
    LOWEST = "lowest"  # not even the lowest did


@dataclass(frozen=True, slots=True)
class Tried:
    load: float
    held: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What the levels of one scenario say: the highest that held below every one that missed, the lowest that
    missed. None: there is none."""

    held: LevelResult | None
    missed: LevelResult | None


def next_load(tried: Sequence[Tried], search: LoadSearch, whole: bool) -> float | Ended:
    """The load to measure after `tried`, or why no further one. `whole`: loads are whole numbers.

    Never a load that was tried, never one outside of the range; ends after `search.levels` at the latest.
    """
    missed = min((one.load for one in tried if not one.held), default=math.inf)
    held = max((one.load for one in tried if one.held and one.load < missed), default=None)
    if held is None:
        return search.low if not tried else Ended.LOWEST
    if held >= search.high:
        return Ended.TOP
    if len(tried) >= search.levels:
        return Ended.LEVELS
    if math.isinf(missed):
        up = held * _factor(search)
        # A last step to the top that is hardly longer than the others saves a level.
        return search.high if up * math.sqrt(NEAR) >= search.high else _rounded(up, held, search.high, whole)
    near = missed - held <= 1 if whole else False
    if near or missed / held <= NEAR:
        return Ended.NEAR
    return _rounded(math.sqrt(held * missed), held, missed, whole)


def _factor(search: LoadSearch) -> float:
    """Of two loads on the way up: 2, or as much as brings the way to the top into half of the levels."""
    steps = max(1, search.levels // 2)
    return float(max(2.0, (search.high / search.low) ** (1 / steps)))


def _rounded(load: float, above: float, below: float, whole: bool) -> float:
    """A load that reads well, strictly between the two."""
    if whole:
        return float(min(max(round(load), above + 1), max(below - 1, above + 1)))
    short = float(f"{load:.{DIGITS}g}")
    return short if above < short < below else load


def next_level(workload: Workload, rules: Rules, levels: Sequence[LevelResult]) -> LevelPlan | None:
    """The level to measure after `levels`, scenario by scenario; None when all is found, or the lowest load of a
    scenario missed, which decides the attempt. For a workload with a load search."""
    search = workload.load_search
    assert search is not None
    whole = workload.load_kind is LoadKind.CONCURRENCY
    for scenario in workload.scenarios:
        mine = [level for level in levels if level.scenario == scenario.text]
        step = next_load([Tried(level.load_value, holds(level, rules)) for level in mine], search, whole)
        if not isinstance(step, Ended):
            return LevelPlan(len(levels), scenario, workload.load_kind, step)
        if step is Ended.LOWEST:
            return None
    return None


def never_begun(workload: Workload, levels: Sequence[LevelResult]) -> list[LevelPlan]:
    """The lowest level of each scenario that a search did not come to."""
    search = workload.load_search
    assert search is not None
    known = {level.scenario for level in levels}
    left = [scenario for scenario in workload.scenarios if scenario.text not in known]
    return [LevelPlan(len(levels) + i, one, workload.load_kind, search.low) for i, one in enumerate(left)]


def holds(level: LevelResult, rules: Rules) -> bool:
    """Whether a level was measured well enough and meets every limit, hard or soft."""
    if level.state is LevelState.NOT_REACHED or not counts(level, rules):
        return False
    if metric_at(level, rules.objective.metric) is None:
        return False
    alone = replace(rules, levels=(level_key(level),))
    return all(one.verdict is SloVerdict.MET for one in slo_results({level.position: level}, alone))


def found(levels: Sequence[LevelResult], rules: Rules) -> Iterator[Found]:
    """The answer of each scenario that was measured, in the order of measuring."""
    measured = [level for level in levels if level.state is not LevelState.NOT_REACHED]
    for scenario in dict.fromkeys(level.scenario for level in measured):
        mine = sorted((one for one in measured if one.scenario == scenario), key=lambda one: one.load_value)
        held: LevelResult | None = None
        missed: LevelResult | None = None
        for level in mine:
            if not holds(level, rules):
                missed = level
                break
            held = level
        yield Found(held, missed)


def with_capacity(levels: Sequence[LevelResult], rules: Rules) -> list[LevelResult]:
    """The levels of a search that came to its end, with the answer told as metrics of the level that holds, or of the
    lightest one where none does."""
    told = {level.position: level for level in levels}
    for one in found(levels, rules):
        at = one.held or one.missed
        assert at is not None
        values = {"attainment_target": rules.objective.attainment}
        values["capacity_low"] = one.held.load_value if one.held else None
        values["capacity_high"] = one.missed.load_value if one.missed else None
        known = ((name, value) for name, value in values.items() if value is not None)
        more = (MetricValue(name, VALUE, METRICS[name].unit, value) for name, value in known)
        told[at.position] = replace(at, metrics=(*at.metrics, *more))
    return [told[level.position] for level in levels]


def capacity_doubts(levels: Sequence[LevelResult], rules: Rules) -> Iterator[str]:
    """One sentence for each reason not to take the answer as sure: an end of the bracket that chance may have put on
    its side, and a share of good requests that grows with the load, which bisection takes for impossible."""
    target = rules.objective.attainment
    if target is None:
        return
    for one in found(levels, rules):
        for level in (one.held, one.missed):
            if level is not None and (reason := _unsure(level, target, level is one.held)):
                yield reason
    measured = sorted((one for one in levels if one.attained and one.attained.of), key=lambda one: one.load_value)
    for light, heavy in combinations(measured, 2):
        if light.scenario != heavy.scenario:
            continue
        (_, high), (low, _) = _interval(light), _interval(heavy)
        if low > high:
            yield (
                f"{_where(heavy)} more requests met every limit ({_share(heavy)}) than at "
                f"{load_words(light.load_kind, light.load_value)} ({_share(light)}): the search assumes that their "
                "share falls with the load, so a load between may hold that it did not try"
            )


def _unsure(level: LevelResult, target: float, held: bool) -> str | None:
    low, high = _interval(level)
    if not low < target <= high or level.attained is None:
        return None
    return (
        f"{_where(level)} {_share(level)} of the requests met every limit, 95 % interval {100 * low:.1f} to "
        f"{100 * high:.1f} %: too few to be sure that {'' if held else 'less than '}{100 * target:g} % do; longer "
        "levels (each_level) would tell"
    )


def _interval(level: LevelResult) -> tuple[float, float]:
    attained = level.attained
    return wilson(attained.good, attained.of) if attained is not None else (0.0, 1.0)


def _share(level: LevelResult) -> str:
    assert level.attained is not None
    return f"{level.attained.good} of {level.attained.of}"


def _where(level: LevelResult) -> str:
    return f"{level.scenario} at {load_words(level.load_kind, level.load_value)}:"
