"""Which levels an objective needs, which of them an attempt reached, and which of those count."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.domain.campaign import Objective
from runner.domain.failure import LevelState
from runner.domain.load import AT, LoadKind
from runner.domain.metrics import metric_ref
from runner.domain.trial import LevelResult
from runner.scoring.rules import LevelKey, Rules

Reached = Mapping[int, LevelResult]
"""Position -> what was measured there. A level that was not reached has no entry."""


@dataclass(frozen=True, slots=True)
class At:
    """`objective.at`, read: kind is worst, mean, goodput or load; a load has a kind and a value."""

    kind: str
    load_kind: LoadKind | None = None
    load_value: float | None = None


def parse_at(text: str) -> At:
    """`worst`, `mean`, `goodput`, or one load: `c=32` (concurrency), `r=4` (requests per second) and the like, as
    `runner.domain.load.AT` has them. Raises ValueError."""
    if text in ("worst", "mean", "goodput"):
        return At(text)
    letter, equals, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not equals or letter not in AT or not math.isfinite(value):
        raise ValueError(f"at: {text!r} is none of worst, mean, goodput, {', '.join(f'{key}=N' for key in AT)}")
    return At("load", AT[letter], value)


def needed_levels(rules: Rules, objective: Objective | None = None) -> tuple[LevelKey, ...]:
    """The levels without which nothing can be said, of one objective or of all together: all levels for `worst` and
    `mean`, those with that load for `c=N` and `r=N`, the lightest one of each scenario for `goodput`. Raises ValueError
    for an unknown `at`."""
    if objective is None:
        needed = {key.position for one in rules.objectives for key in needed_levels(rules, one)}
        return tuple(key for key in rules.levels if key.position in needed)
    at = parse_at(objective.at)
    if at.kind == "load":
        return tuple(key for key in rules.levels if (key.load_kind, key.load_value) == (at.load_kind, at.load_value))
    if at.kind == "goodput":
        return tuple(ladder[0] for ladder in ladders(rules.levels))
    return rules.levels


def ladders(levels: Sequence[LevelKey]) -> list[list[LevelKey]]:
    """The levels scenario by scenario (in the order they are declared), each with its loads ascending."""
    by_scenario: dict[str, list[LevelKey]] = {}
    for key in sorted(levels, key=lambda key: key.position):
        by_scenario.setdefault(key.scenario, []).append(key)
    return [sorted(ladder, key=lambda key: key.load_value) for ladder in by_scenario.values()]


def reached_levels(levels: Sequence[LevelResult], rules: Rules) -> dict[int, LevelResult]:
    """What was measured of the declared levels. A level of another load or scenario than declared does not count."""
    declared = {(key.position, key.scenario, key.load_kind.value, key.load_value) for key in rules.levels}
    return {
        level.position: level
        for level in levels
        if level.state is not LevelState.NOT_REACHED
        and (level.position, level.scenario, str(level.load_kind), level.load_value) in declared
    }


def success_rate(level: LevelResult) -> float:
    """ok / sent; 0 when nothing was sent."""
    return max(0.0, min(1.0, level.ok / level.sent)) if level.sent > 0 else 0.0


def counts(level: LevelResult | None, rules: Rules) -> bool:
    """Whether a level was measured and enough of its requests ended well."""
    if level is None or level.state is LevelState.FAILED or level.ok <= 0:
        return False
    return success_rate(level) >= rules.min_success_rate


def metric_at(level: LevelResult | None, metric: str) -> float | None:
    """The value of `ttft_p99` and the like at one level; None when it was not measured or is no finite number."""
    if level is None:
        return None
    ref = metric_ref(metric)
    value = level.metric(ref.metric.name, ref.stat)
    return value if value is not None and math.isfinite(value) else None
