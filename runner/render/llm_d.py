"""A level as an llm-d Benchmark Report v0.2 (https://github.com/llm-d/llm-d-benchmark, `br_v0_2_json_schema.json`).

Only what was measured or asked for stands in it. The engine is a component of kind `generic`: `inference_engine` wants
degrees of parallelism, which its flags say only in each engine's own words.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from runner.domain.ids import NAMESPACE, content_hash
from runner.domain.trial import Attempt, LevelResult

LATENCIES = {
    "ttft": ("time_to_first_token", "s"),
    "tpot": ("time_per_output_token", "s/token"),
    "itl": ("inter_token_latency", "s/token"),
    "e2e": ("request_latency", "s"),
}
RATES = {
    "input_throughput": ("input_token_rate", "tokens/s"),
    "output_throughput": ("output_token_rate", "tokens/s"),
    "total_throughput": ("total_token_rate", "tokens/s"),
    "request_throughput": ("request_rate", "queries/s"),
}
LENGTHS = {"prompt_tokens": "input_length", "output_tokens": "output_length"}
_FIXED = re.compile(r"D\((\d+),\s*(\d+)\)")


def report(attempt: Attempt, level: LevelResult, campaign: str, model: str) -> dict[str, Any]:
    """The report of one level. Raises ValueError when no request of it was answered: there is nothing to report."""
    lengths = {name: stats for key, name in LENGTHS.items() if (stats := _statistics(level, key, "count"))}
    latencies = {name: stats for key, (name, unit) in LATENCIES.items() if (stats := _statistics(level, key, unit))}
    if not latencies:
        raise ValueError(f"level {level.position} of attempt {attempt.attempt_id} has no latencies")
    rates = {name: stats for key, (name, unit) in RATES.items() if (stats := _statistics(level, key, unit))}
    return {
        "version": "0.2",
        "run": {
            "uid": str(uuid.uuid5(NAMESPACE, f"llm-d/{attempt.attempt_id}/{level.position}")),
            "eid": attempt.run_id,
            "time": {"start": attempt.started_utc, "end": attempt.ended_utc},
            "description": f"tunebook: campaign {campaign}, trial {attempt.number}, {attempt.role} attempt "
            f"{attempt.attempt_id}, level {level.position}",
        },
        "scenario": {"stack": [_engine(attempt, model)], "load": _load(attempt, level)},
        "results": {
            "request_performance": {
                "aggregate": {
                    "requests": {
                        "total": level.sent, "failures": level.failed, "incomplete": level.lost, **lengths,
                    },
                    "latency": latencies,
                    "throughput": rates,
                }
            }
        },
    }  # fmt: skip


def _statistics(level: LevelResult, metric: str, unit: str) -> dict[str, Any]:
    """Nothing without a mean, which the schema wants: it is never computed here."""
    found = {value.stat: value.value for value in level.metrics if value.metric == metric}
    if "value" in found:
        return {"units": unit, "mean": found["value"]}
    return {"units": unit, **found} if "mean" in found else {}


def _engine(attempt: Attempt, model: str) -> dict[str, Any]:
    configuration = attempt.configuration
    engine = attempt.engine
    gpus = attempt.host.gpus
    standardized: dict[str, Any] = {
        "kind": "generic",
        "tool": engine.name if engine else configuration.runtime,
        "tool_version": (engine.version if engine else "") or "unknown",
        "model": {"name": model},
    }
    if gpus and attempt.gpu_seconds:
        standardized["accelerators_of_host"] = sorted(gpu.name for gpu in gpus)
    native: dict[str, Any] = {"args": dict(configuration.flags), "envars": dict(configuration.env)}
    metadata = {"label": configuration.entry, "cfg_id": configuration.fingerprint}
    return {"metadata": metadata, "standardized": standardized, "native": native}


def _load(attempt: Attempt, level: LevelResult) -> dict[str, Any]:
    standardized: dict[str, Any] = {
        "tool": f"tunebook/{attempt.client}",
        "tool_version": attempt.client_version or "unknown",
        "source": "unknown",
        "stage": level.position,
        **_lengths(level),
    }
    if level.load_kind == "rate":
        standardized["rate_qps"] = level.load_value
    elif level.load_kind == "concurrency":
        standardized["concurrency"] = int(level.load_value)
    config = {
        "scenario": level.scenario,
        "load_kind": str(level.load_kind),
        "load_value": level.load_value,
        "measured_seconds": level.seconds,
    }
    return {
        "metadata": {"cfg_id": content_hash([attempt.workload_key, level.position])[:32]},
        "standardized": standardized,
        "native": {"config": config},
    }


def _lengths(level: LevelResult) -> Mapping[str, Any]:
    """As they were asked for where they are fixed; else what was measured, of a distribution that we do not name."""
    if found := _FIXED.fullmatch(level.scenario):
        return {
            "input_seq_len": {"distribution": "fixed", "value": int(found[1])},
            "output_seq_len": {"distribution": "fixed", "value": int(found[2])},
        }
    mean = level.metric("prompt_tokens", "mean")
    return {"input_seq_len": {"distribution": "other", "value": mean or 0.0}}
