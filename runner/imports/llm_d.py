"""llm-d Benchmark Report v0.2, YAML or JSON: one load with percentiles, whatever client measured it.

Its schema: https://github.com/llm-d/llm-d-benchmark, `br_v0_2_json_schema.json`. `time_per_output_token` and
`inter_token_latency` are the client's, which may compute them otherwise than we do: they keep the name of the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from runner.domain.foreign import ForeignLevel, ForeignMetric
from runner.imports import Malformed, Reading, ResultFormat
from runner.imports._fields import Fields

LATENCIES = {
    "time_to_first_token": "ttft",
    "time_per_output_token": "time_per_output_token",
    "inter_token_latency": "inter_token_latency",
    "normalized_time_per_output_token": "normalized_time_per_output_token",
    "request_latency": "e2e",
}
RATES = {
    "input_token_rate": "input_throughput",
    "output_token_rate": "output_throughput",
    "total_token_rate": "total_throughput",
    "request_rate": "request_throughput",
}
LENGTHS = {"input_length": "prompt_tokens", "output_length": "output_tokens"}
STATS = {
    "mean": "mean", "stddev": "stddev", "min": "min", "max": "max", "p0p1": "p0.1", "p99p9": "p99.9",
    **{f"p{number}": f"p{number}" for number in (1, 5, 10, 25, 50, 75, 90, 95, 99)},
}  # fmt: skip
"""Their words of a statistic -> ours."""


class LlmD:
    name = "llm-d"
    title = "llm-d Benchmark Report v0.2"

    def recognises(self, data: Mapping[str, Any]) -> bool:
        return "version" in data and isinstance(data.get("run"), dict) and isinstance(data.get("results"), dict)

    def read(self, data: Mapping[str, Any]) -> Reading:
        file = Fields(data)
        version = file.text("version")
        if version != "0.2":
            raise Malformed(f"version: {version} is not 0.2, which is what we read")
        run, scenario = file.within("run"), file.within("scenario")
        started = run.within("time").time("start", _time)
        run.skip(*run.keys())
        load = scenario.within("load").within("standardized")
        aggregate = file.within("results").within("request_performance").within("aggregate")
        requests = aggregate.within("requests")
        metrics = [one for key, name in LENGTHS.items() for one in _statistics(requests.within(key), name, "tokens")]
        for part, names in (("latency", LATENCIES), ("throughput", RATES)):
            found = aggregate.within(part)
            metrics += [one for key, name in names.items() for one in _statistics(found.within(key), name)]
        if not metrics:
            raise Malformed("results.request_performance.aggregate: no statistics")
        total, failed = requests.count("total"), requests.count("failures")
        lost = requests.count("incomplete")
        kind, value = _load(load)
        tool, tool_version = load.text("tool"), load.text("tool_version")
        load.skip(*load.keys())
        level = ForeignLevel(kind, value, _ok(total, failed, lost), failed, lost, None, tuple(metrics))
        model = _model(scenario)
        return Reading(tool or "unknown", tool_version, model, started, (level,), file.unread(), file.missing())


def _time(value: Any) -> datetime:
    """YAML reads a time by itself, JSON has it as text."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _statistics(found: Fields, metric: str, count_is: str | None = None) -> list[ForeignMetric]:
    """`count_is`: what is counted, where their unit only says that it is a count."""
    if not found.keys():
        return []
    unit = found.text("units") or ""
    if unit == "count" and count_is:
        unit = count_is
    return [one for key, stat in STATS.items() if found.has(key) for one in found.metric(key, metric, stat, unit)]


def _load(load: Fields) -> tuple[str | None, float | None]:
    """A rate is an open loop; an endless concurrency is none."""
    if load.has("rate_qps"):
        return "rate", load.number("rate_qps")
    if load.has("concurrency") and not load.says("concurrency", "inf"):
        if load.says("concurrency", float("inf")):  # type: ignore[arg-type]
            return None, None
        return "concurrency", load.number("concurrency")
    return None, None


def _ok(total: int | None, failed: int | None, lost: int | None) -> int | None:
    """What was sent less what is known to have gone wrong; unknown while one of them is."""
    if total is None or failed is None:
        return None
    if total < failed + (lost or 0):
        raise Malformed(f"results.request_performance.aggregate.requests: {failed} of {total} failed")
    return total - failed - (lost or 0)


def _model(scenario: Fields) -> str | None:
    names: list[str] = []
    if scenario.has("stack"):
        for one in scenario.each("stack"):
            model = one.within("standardized").within("model") if _has_model(one) else None
            names += [name] if model and (name := model.text("name")) and name not in names else []
    return ", ".join(names) or None


def _has_model(component: Fields) -> bool:
    return component.has("standardized") and component.within("standardized").has("model")


FORMAT: ResultFormat = LlmD()
