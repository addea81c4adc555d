"""genai-bench's own numbers of a level, in our names and units. Pure.

They are over what it counts: requests that it lost are in none of them, and its clock runs from the start of its users
to their end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DISTRIBUTIONS = {"ttft": "ttft", "tpot": "tpot", "e2e": "e2e_latency"}
_RATES = {
    "output_throughput": "mean_output_throughput_tokens_per_s",
    "request_throughput": "requests_per_second",
}
_OF_EMBEDDINGS = ("e2e", "request_throughput")
_STATS = ("mean", "p50", "p90", "p95", "p99", "min", "max")


def reported(aggregated: Mapping[str, Any] | None, *, text: bool = True) -> dict[str, dict[str, float]]:
    """Of its `aggregated_metrics`; what it does not have is left out, and so is what says nothing of embeddings (not
    `text`). Empty for a level that it refused: one of errors alone."""
    if not aggregated or "stats" not in aggregated:
        return {}
    found: dict[str, dict[str, float]] = {}
    for name, theirs in _DISTRIBUTIONS.items():
        stats = aggregated["stats"].get(theirs) or {}
        found[name] = {stat: stats[stat] for stat in _STATS if stats.get(stat) is not None}
    if aggregated.get("run_duration"):
        found |= {name: {"value": aggregated[theirs]} for name, theirs in _RATES.items() if theirs in aggregated}
    kept = found if text else {name: found[name] for name in _OF_EMBEDDINGS if name in found}
    return {name: values for name, values in kept.items() if values}
