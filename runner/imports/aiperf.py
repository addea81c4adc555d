"""NVIDIA AIPerf, `profile_export_aiperf.json` (schema 1.x): one load, with percentiles.

`inter_token_latency` there is (latency - time to first token) / (output tokens - 1) of a request: our tpot.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from runner.domain.foreign import ForeignLevel, ForeignMetric
from runner.imports import Malformed, Reading, ResultFormat
from runner.imports._fields import Fields

OURS = {
    "time_to_first_token": "ttft",
    "inter_token_latency": "tpot",
    "inter_chunk_latency": "itl",
    "request_latency": "e2e",
    "request_throughput": "request_throughput",
    "output_token_throughput": "output_throughput",
    "input_token_throughput": "input_throughput",
    "total_token_throughput": "total_throughput",
    "output_sequence_length": "output_tokens",
    "input_sequence_length": "prompt_tokens",
}
RATES = ("request_throughput", "output_token_throughput", "input_token_throughput", "total_token_throughput")
STATS = {"avg": "mean", "std": "stddev", "min": "min", "max": "max"}


class AIPerf:
    name = "aiperf"
    title = "NVIDIA AIPerf (profile_export_aiperf.json)"

    def recognises(self, data: Mapping[str, Any]) -> bool:
        return "aiperf_version" in data or ("input_config" in data and isinstance(data.get("request_latency"), dict))

    def read(self, data: Mapping[str, Any]) -> Reading:
        file = Fields(data)
        version, schema = file.text("aiperf_version"), file.text("schema_version")
        if schema is not None and schema.split(".")[0] != "1":
            raise Malformed(f"schema_version: {schema} is not 1.x, which is what we read")
        metrics: list[ForeignMetric] = []
        for key, metric in OURS.items():
            metrics += _statistics(file.within(key), metric, rate=key in RATES)
        config = file.within("input_config")
        kind, load = _load(config)
        file.skip("benchmark_id", "run_info", "end_time", "telemetry_data", "error_summary", "is_complete")
        level = ForeignLevel(
            kind,
            load,
            _count(file, "request_count"),
            _count(file, "error_request_count") if file.has("error_request_count") else None,
            None,
            _seconds(file.within("benchmark_duration")),
            tuple(metrics),
        )
        if file.has("was_cancelled") and data["was_cancelled"]:
            raise Malformed("was_cancelled: the measurement was cut short, its numbers are of a part of it")
        file.skip("was_cancelled")
        started = file.time("start_time", datetime.fromisoformat)
        model = _model(config)
        return Reading("aiperf", version, model, started, (level,), file.unread(), file.missing())


def _statistics(found: Fields, metric: str, *, rate: bool) -> list[ForeignMetric]:
    if not found.keys():
        return []
    unit = found.text("unit") or ""
    if rate:  # one number for the load, which they call its average
        found.skip(*(key for key in found.keys() if key not in ("unit", "avg")))  # noqa: SIM118
        return found.metric("avg", metric, "value", unit)
    found.skip("count", "sum")
    stats = [key for key in found.keys() if key in STATS or _is_percentile(key)]  # noqa: SIM118
    return [one for key in stats for one in found.metric(key, metric, STATS.get(key, key), unit)]


def _is_percentile(key: str) -> bool:
    return key[0] == "p" and key[1:].isdecimal()


def _count(file: Fields, key: str) -> int | None:
    found = file.within(key)
    found.skip("unit")
    return found.count("avg") if found.keys() else None


def _seconds(found: Fields) -> float | None:
    if not found.keys():
        return None
    return next((one.value for one in found.metric("avg", "seconds", "value", found.text("unit") or "")), None)


def _load(config: Fields) -> tuple[str | None, float | None]:
    """Of the phase that is measured. The rest of the settings is not ours to explain."""
    if not config.has("phases"):
        return None, None
    for phase in config.each("phases"):
        if phase.text("kind") not in (None, "profiling"):
            phase.skip(*phase.keys())
            continue
        kind = "concurrency" if phase.has("concurrency") else "rate" if phase.has("rate") else None
        value = phase.number(kind) if kind else None
        phase.skip(*phase.keys())
        return kind, value
    return None, None


def _model(config: Fields) -> str | None:
    names: list[str] = []
    models = config.within("models")
    if models.has("items"):
        for one in models.each("items"):
            names += [name] if (name := one.text("name")) else []
            one.skip(*one.keys())
    models.skip(*models.keys())
    config.skip(*config.keys())
    return ", ".join(names) or None


FORMAT: ResultFormat = AIPerf()
