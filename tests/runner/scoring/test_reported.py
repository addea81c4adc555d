"""What a client reports of itself stands beside what its rows say, and a difference is told."""

from __future__ import annotations

from dataclasses import replace

from runner.domain.failure import LevelState
from runner.domain.trial import LevelResult, MetricValue
from runner.scoring.reported import differences, reported_metrics

LEVEL = LevelResult(0, "D(10,5)", "concurrency", 2.0, LevelState.COMPLETE)
OURS = (
    MetricValue("ttft", "mean", "s", 0.1),
    MetricValue("ttft", "p99", "s", 0.4),
    MetricValue("output_throughput", "value", "tok/s", 335.0),
)


def test_names_and_units_are_those_of_the_table() -> None:
    values = {
        "ttft": {"mean": 0.1, "p75": 0.2, "p99": float("inf")},
        "output_throughput": {"value": 301.0},
        "fun": {"mean": 1.0},
    }
    assert list(reported_metrics(values)) == [
        MetricValue("reported_ttft", "mean", "s", 0.1),
        MetricValue("reported_output_throughput", "value", "tok/s", 301.0),
    ]


def told(ttft: float, p99: float, throughput: float) -> list[str]:
    values = {"ttft": {"mean": ttft, "p99": p99}, "output_throughput": {"value": throughput}}
    return list(differences(replace(LEVEL, metrics=(*OURS, *reported_metrics(values)))))


def test_small_differences_are_none() -> None:
    assert told(0.1015, 0.4, 330.0) == []
    assert list(differences(replace(LEVEL, metrics=OURS))) == []


def test_larger_ones_are_said_once_with_the_worst_statistic() -> None:
    assert told(0.105, 0.5, 301.0) == [
        "the client's own numbers differ from its rows: time to first token p99 500 ms for 400 ms (+25.0 %), "
        "output throughput 301 tok/s for 335 tok/s (-10.1 %)"
    ]
