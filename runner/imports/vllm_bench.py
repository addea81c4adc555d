"""`vllm bench serve --save-result`: one load, with the percentiles that were asked for.

`tpot` and `itl` are defined as ours are. The statistics are in milliseconds, the throughputs are of all requests that
were answered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from runner.domain.foreign import ForeignLevel, ForeignMetric
from runner.imports import Malformed, Reading, ResultFormat
from runner.imports._fields import Fields

LATENCIES = {"ttft": "ttft", "tpot": "tpot", "itl": "itl", "e2el": "e2e"}
WORDS = {"mean": "mean", "median": "p50", "std": "stddev"}
"""Their words of a statistic. numpy's median is its 50th percentile."""
RATES = {
    "request_throughput": ("request_throughput", "requests/s"),
    "request_goodput": ("goodput", "requests/s"),
    "request_goodput:": ("goodput", "requests/s"),  # the key has a colon in it, in many versions
    "output_throughput": ("output_throughput", "tokens/s"),
    "total_token_throughput": ("total_throughput", "tokens/s"),
}
_STAT = re.compile(r"(mean|median|std|p\d+(?:\.\d+)?)_(ttft|tpot|itl|e2el)_ms")
_REQUESTS = (
    "input_lens", "output_lens", "ttfts", "itls", "start_times", "generated_texts", "errors", "latencies",
)  # fmt: skip


class VllmBench:
    name = "vllm-bench"
    title = "vllm bench serve (--save-result)"

    def recognises(self, data: Mapping[str, Any]) -> bool:
        return {"completed", "request_throughput", "output_throughput", "duration"} <= data.keys()

    def read(self, data: Mapping[str, Any]) -> Reading:
        file = Fields(data)
        metrics: list[ForeignMetric] = []
        for key in data:
            if found := _STAT.fullmatch(str(key)):
                metrics += file.metric(key, LATENCIES[found[2]], WORDS.get(found[1], found[1]), "ms")
        if not metrics:
            raise Malformed("no statistic of a latency: --percentile-metrics names those that are wanted")
        for key, (metric, unit) in RATES.items():
            if key in data and (data[key] is not None or "goodput" not in key):
                metrics += file.metric(key, metric, "value", unit)
        kind, load = _load(file)
        ok = file.count("completed")
        level = ForeignLevel(kind, load, ok, _failed(file, ok), None, file.number("duration"), tuple(metrics))
        file.skip(*_REQUESTS, "total_input_tokens", "total_output_tokens", "tokenizer_id", "label", "num_prompts")
        started = file.time("date", lambda text: datetime.strptime(text, "%Y%m%d-%H%M%S"))
        model = file.text("model_id")
        return Reading("vllm bench serve", None, model, started, (level,), file.unread(), file.missing())


def _load(file: Fields) -> tuple[str | None, float | None]:
    """A finite rate is an open loop, whatever else limits it; without one it is the requests in flight."""
    if file.has("request_rate") and not file.says("request_rate", "inf"):
        file.skip("max_concurrency")
        return "rate", file.number("request_rate")
    concurrency = file.number("max_concurrency")
    return ("concurrency", concurrency) if concurrency is not None else (None, None)


def _failed(file: Fields, ok: int | None) -> int | None:
    """As it says; older versions say only how many were to be sent."""
    if file.has("failed"):
        return file.count("failed")
    sent = file.count("num_prompts")
    if sent is None or ok is None:
        return None
    if sent < ok:
        raise Malformed(f"completed: {ok} of {sent} requests")
    return sent - ok


FORMAT: ResultFormat = VllmBench()
