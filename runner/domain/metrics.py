"""One table of metrics: unit, direction of better, formula, source, format. Everything that shows a number reads it.

A campaign spells a metric `name` or `name_stat` (`ttft_p99`): a distribution has statistics, a rate has one value.
Formulas follow the definitions of genai-bench (https://docs.sglang.ai/genai-bench/) except where noted.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

STATS = ("mean", "p50", "p90", "p95", "p99", "min", "max")
"""Statistics of a distribution over the ok requests of ONE level. Never averaged over levels."""

VALUE = "value"
"""The one statistic of a metric that is a number per level."""


@dataclass(frozen=True, slots=True)
class Metric:
    """`unit` as printed; `higher_is_better` None for metrics without a direction; `distribution` says whether it has
    the statistics of STATS or one `value`; `resolution` is the smallest difference that means anything."""

    name: str
    title: str
    unit: str
    higher_is_better: bool | None
    distribution: bool
    formula: str
    digits: int = 3
    resolution: float = 1e-3
    source: str = ""
    of_output: bool = False  # counts or times tokens that come out: embeddings do not have it


REPORTED = "reported_"
"""How the names of metrics begin that a client computed itself, of what it counts. Nothing is judged by them."""
_REPORTED = "computed by genai-bench itself, of what it counts; stands beside ours for comparison and judges nothing"

_ALL = (
    Metric("ttft", "time to first token", "s", False, True,
           "first chunk with content - send (open loop: intended send)"),
    Metric("tpot", "time per output token", "s", False, True,
           "(e2e - ttft) / (output tokens - 1), per request; requests with one token have none", resolution=1e-4),
    Metric("itl", "inter-token latency", "s", False, True,
           "time between two chunks with content, over all chunks of all requests", resolution=1e-4),
    Metric("e2e", "end-to-end latency", "s", False, True, "last token - send (open loop: intended send)"),
    Metric("output_throughput", "output throughput", "tok/s", True, False,
           "output tokens received by ok requests / seconds of the level", digits=4, resolution=0.1),
    Metric("total_throughput", "total throughput", "tok/s", True, False,
           "(prompt + output tokens) of ok requests / seconds of the level", digits=4, resolution=0.1),
    Metric("output_throughput_per_gpu", "output throughput per GPU", "tok/s/GPU", True, False,
           "output throughput / GPUs of the campaign", digits=4, resolution=0.1),
    Metric("total_throughput_per_gpu", "total throughput per GPU", "tok/s/GPU", True, False,
           "total throughput / GPUs of the campaign", digits=4, resolution=0.1),
    Metric("request_throughput", "request throughput", "req/s", True, False,
           "ok requests / seconds of the level", resolution=1e-2),
    Metric("interactivity", "interactivity", "tok/s/user", True, True,
           "1 / tpot, per request", digits=4, resolution=0.1),
    Metric("success_rate", "request success rate", "ratio", True, False, "ok / sent", resolution=1e-3),
    Metric("short_rate", "share of short outputs", "ratio", False, False,
           "ok requests with fewer tokens than asked / ok"),
    Metric("prompt_tokens", "prompt tokens", "tok", None, True, "usage.prompt_tokens of the server", resolution=1),
    Metric("output_tokens", "output tokens", "tok", None, True,
           "usage.completion_tokens of the server, else chunks counted", resolution=1),
    Metric("send_delay", "send delay", "s", False, True,
           "real send - intended send: how late the load generator itself was"),
    Metric("client_cpu", "load generator CPU", "ratio", False, False,
           "CPU seconds of the load generator / seconds of the level"),
    Metric("loop_lag", "event-loop lag of the load generator", "s", False, True,
           "how much after its time a timer of the load generator ran, one each 100 ms of the level"),
    Metric("energy", "energy", "J", False, False,
           "power of the leased GPUs, one look a second, integrated over the level", resolution=1.0),
    Metric("energy_error", "error of the energy", "ratio", None, False,
           "5 % of the power reading + half of what power changed from look to look, times their distance, / energy"),
    Metric("energy_per_token", "energy per output token", "J/tok", False, False,
           "energy / output tokens received by ok requests"),
    Metric("gpu_utilization", "GPU utilisation", "ratio", None, True,
           "share of time with work on the GPU, one look a second, over all leased GPUs"),
    Metric("gpu_memory", "GPU memory in use", "GB", None, True, "of each leased GPU, one look a second"),
    Metric("gpu_power", "GPU power", "W", None, True, "of each leased GPU, one look a second", resolution=1.0),
    Metric("gpu_temperature", "GPU temperature", "°C", None, True, "of each leased GPU, one look a second",
           resolution=1.0),
    Metric("gpu_clock", "GPU clock", "MHz", None, True, "of the multiprocessors of each leased GPU, one look a second",
           digits=4, resolution=1.0),
    Metric("engine_cpu", "engine CPU", "cores", None, False,
           "CPU seconds of the engine's processes on this host / seconds of the level", resolution=1e-2),
    Metric("engine_memory", "engine memory", "GB", None, True,
           "resident memory of the engine's processes, one look a second; shared pages count for each process"),
    Metric("cpu_energy", "CPU energy", "J", False, False,
           "RAPL counters of the CPU packages over the level, whatever else ran on them", resolution=1.0),
    Metric("cpu_energy_per_token", "CPU energy per output token", "J/tok", False, False,
           "CPU energy / output tokens received by ok requests"),
    Metric("reported_ttft", "time to first token, as the client reports it", "s", None, True, _REPORTED),
    Metric("reported_tpot", "time per output token, as the client reports it", "s", None, True, _REPORTED,
           resolution=1e-4),
    Metric("reported_e2e", "end-to-end latency, as the client reports it", "s", None, True, _REPORTED),
    Metric("reported_output_throughput", "output throughput, as the client reports it", "tok/s", None, False,
           _REPORTED, digits=4, resolution=0.1),
    Metric("reported_request_throughput", "request throughput, as the client reports it", "req/s", None, False,
           _REPORTED, resolution=1e-2),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}


@dataclass(frozen=True, slots=True)
class MetricRef:
    """A metric and one of its statistics."""

    metric: Metric
    stat: str

    @property
    def text(self) -> str:
        return self.metric.name if self.stat == VALUE else f"{self.metric.name}_{self.stat}"

    @property
    def unit(self) -> str:
        return self.metric.unit


def metric_ref(text: str) -> MetricRef:
    """`ttft_p99` -> (ttft, p99); `ttft` -> (ttft, p50); `output_throughput` -> its value.

    Raises ValueError with the nearest name.
    """
    if text in METRICS:
        metric = METRICS[text]
        return MetricRef(metric, "p50" if metric.distribution else VALUE)
    name, _, stat = text.rpartition("_")
    if name in METRICS and stat in STATS:
        metric = METRICS[name]
        if metric.distribution:
            return MetricRef(metric, stat)
        raise ValueError(f"metric {name!r} is one number per level and has no statistic {stat!r}; write {name!r}")
    known = [m.name if not m.distribution else f"{m.name}_p50" for m in _ALL]
    near = difflib.get_close_matches(text, [*METRICS, *known], n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"no metric called {text!r}{hint} (known: {', '.join(METRICS)}, with _{'/_'.join(STATS)})")


def format_value(value: float | None, metric: Metric) -> str:
    """`value` with its unit, in the metric's significant digits; times below a second in ms."""
    if value is None:
        return "–"
    if metric.unit == "s":
        if abs(value) < 1:
            return f"{significant(value * 1000, metric.digits)} ms"
        return f"{significant(value, metric.digits)} s"
    if metric.unit == "ratio":
        return f"{significant(value * 100, metric.digits)} %"
    return f"{significant(value, metric.digits)} {metric.unit}"


def significant(value: float, digits: int) -> str:
    """`value` with `digits` significant digits, without an exponent for values people read."""
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    if "e" in text:
        return f"{float(text):.0f}" if abs(value) >= 1 else f"{value:.2e}"
    return text
