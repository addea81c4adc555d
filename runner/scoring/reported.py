"""What a client computed itself of a level, beside what its rows say. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from runner.domain.metrics import METRICS, REPORTED, STATS, VALUE, format_value
from runner.domain.trial import LevelResult, MetricValue

DIFFERS = 0.02
"""A larger difference is said."""
_COMPARED = ("mean", "p50", "p99", VALUE)

Reported = Mapping[str, Mapping[str, float]]
"""Metric -> statistic -> value, in our names and units."""


def reported_metrics(reported: Reported) -> Iterator[MetricValue]:
    """As metrics of the level, `reported_` before their names. What we have no name for is left out."""
    for name, values in reported.items():
        metric = METRICS.get(f"{REPORTED}{name}")
        for stat, value in values.items() if metric else ():
            if metric and stat in (*STATS, VALUE) and math.isfinite(value):
                yield MetricValue(metric.name, stat, metric.unit, float(value))


def differences(result: LevelResult) -> Iterator[str]:
    """One sentence with all that differs by more than DIFFERS, the worst statistic of each metric; none when they
    agree, or when the client reports nothing."""
    worst: dict[str, tuple[float, str]] = {}
    for value in result.metrics:
        name = value.metric.removeprefix(REPORTED)
        ours = result.metric(name, value.stat)
        if name == value.metric or value.stat not in _COMPARED or not ours:
            continue
        change = value.value / ours - 1
        if abs(change) > max(DIFFERS, worst.get(name, (0.0, ""))[0]):
            stat = "" if value.stat == VALUE else f" {value.stat}"
            told = f"{METRICS[name].title}{stat} {format_value(value.value, METRICS[name])}"
            worst[name] = abs(change), f"{told} for {format_value(ours, METRICS[name])} ({100 * change:+.1f} %)"
    if worst:
        yield f"the client's own numbers differ from its rows: {', '.join(text for _, text in worst.values())}"
