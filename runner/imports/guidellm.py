"""GuideLLM, `benchmarks.json` (version 2): a load for each benchmark, with percentiles of the requests that succeeded.

Its time per output token is latency / output tokens, the first included, and its inter-token latency weighs the average
of each request by its tokens: neither is our tpot or itl, so they keep its names. Its rates are means over time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from runner.domain.foreign import ForeignLevel, ForeignMetric
from runner.imports import Malformed, Reading, ResultFormat
from runner.imports._fields import Fields

LATENCIES = {
    "time_to_first_token_ms": ("ttft", "ms"),
    "time_per_output_token_ms": ("time_per_output_token", "ms"),
    "inter_token_latency_ms": ("inter_token_latency", "ms"),
    "request_latency": ("e2e", "s"),
    "prompt_token_count": ("prompt_tokens", "tokens"),
    "output_token_count": ("output_tokens", "tokens"),
}
RATES = {
    "requests_per_second": ("request_throughput", "requests/s"),
    "output_tokens_per_second": ("output_throughput", "tokens/s"),
    "prompt_tokens_per_second": ("input_throughput", "tokens/s"),
    "tokens_per_second": ("total_throughput", "tokens/s"),
}
STATS = {"mean": "mean", "std_dev": "stddev", "min": "min", "max": "max"}
PERCENTILES = {
    "p001": "p0.1", "p01": "p1", "p05": "p5", "p10": "p10", "p25": "p25", "p50": "p50", "p75": "p75", "p90": "p90",
    "p95": "p95", "p99": "p99", "p999": "p99.9",
}  # fmt: skip


class GuideLLM:
    name = "guidellm"
    title = "GuideLLM (benchmarks.json)"

    def recognises(self, data: Mapping[str, Any]) -> bool:
        metadata = data.get("metadata")
        ours = isinstance(metadata, dict) and "guidellm_version" in metadata
        return ours and isinstance(data.get("benchmarks"), list)

    def read(self, data: Mapping[str, Any]) -> Reading:
        file = Fields(data)
        metadata = file.within("metadata")
        version, form = metadata.text("guidellm_version"), metadata.count("version")
        if form != 2:
            raise Malformed(f"metadata.version: {form} is not 2, which is what we read")
        metadata.skip(*metadata.keys())
        file.skip("config", "conclusions")
        levels: list[ForeignLevel] = []
        models: list[str] = []
        started: str | None = None
        for one in file.each("benchmarks"):
            levels.append(_level(one))
            begun = one.time("start_time", lambda seconds: datetime.fromtimestamp(seconds, UTC))
            started = min(filter(None, (started, begun)), default=None)
            model = one.within("config").within("backend").text("model")
            models += [model] if model and model not in models else []
            one.skip(*(key for key in one.keys() if key != "metrics"))  # noqa: SIM118
        if not levels:
            raise Malformed("benchmarks: there is none in it")
        return Reading(
            "guidellm", version, ", ".join(models) or None, started, tuple(levels), file.unread(), file.missing()
        )


def _level(one: Fields) -> ForeignLevel:
    found = one.within("metrics")
    totals = found.within("request_totals")
    totals.skip("total")
    metrics: list[ForeignMetric] = []
    for key, (metric, unit) in LATENCIES.items():
        metrics += _statistics(found.within(key).within("successful"), metric, unit)
    for key, (metric, unit) in RATES.items():
        metrics += found.within(key).within("successful").metric("mean", metric, "mean", unit)
    if not metrics:
        raise Malformed(f"{one.place('metrics')}: no request succeeded")
    for key in (*LATENCIES, *RATES):
        below = found.within(key)
        below.skip(*below.keys())
    kind, value = _load(one.within("config").within("strategy"))
    return ForeignLevel(
        kind,
        value,
        totals.count("successful"),
        totals.count("errored"),
        totals.count("incomplete"),
        one.number("duration"),
        tuple(metrics),
    )


def _statistics(found: Fields, metric: str, unit: str) -> list[ForeignMetric]:
    if not found.keys():
        return []
    metrics = [one for key, stat in STATS.items() for one in found.metric(key, metric, stat, unit)]
    below = found.within("percentiles")
    for key, stat in PERCENTILES.items():
        metrics += below.metric(key, metric, stat, unit) if below.has(key) else []
    return metrics


def _load(strategy: Fields) -> tuple[str | None, float | None]:
    """Streams are requests in flight; a constant or Poisson rate is an open loop. Throughput has no load to name."""
    kind = strategy.text("type_")
    if kind == "synchronous":
        return "concurrency", 1.0
    if kind == "concurrent":
        return "concurrency", strategy.number("streams")
    if kind in ("constant", "async", "poisson"):
        return "rate", strategy.number("rate")
    return None, None


FORMAT: ResultFormat = GuideLLM()
