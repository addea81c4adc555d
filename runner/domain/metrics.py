"""One table of metrics: unit, direction of better, formula, source, format. Everything that shows a number reads it.

A campaign spells a metric `name` or `name_stat` (`ttft_p99`): a distribution has statistics, a rate has one value.
Formulas follow the definitions of genai-bench (https://docs.sglang.ai/genai-bench/) except where noted.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache

STATS = ("mean", "p50", "p90", "p95", "p99", "min", "max")
"""Statistics of a distribution over the ok requests of ONE level. Never averaged over levels."""

VALUE = "value"
"""The one statistic of a metric that is a number per level."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who defined a metric, or counts it, and where that is written down."""

    name: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """`unit` as printed; `higher_is_better` None for metrics without a direction; `distribution` says whether it has
    the statistics of STATS or one `value`; `resolution` is the smallest difference that means anything, `source` who
    defined or counts it, `of_output` says that it counts or times tokens that come out: embeddings have none."""

    name: str
    title: str
    unit: str
    higher_is_better: bool | None
    distribution: bool
    formula: str
    digits: int = 3
    resolution: float = 1e-3
    source: Source = Source("ours")
    of_output: bool = False


OURS = Source("ours")
GENAI_BENCH = Source("genai-bench", "https://docs.sglang.ai/genai-bench/")
VLLM_BENCH = Source("vllm bench serve", "https://docs.vllm.ai/en/latest/cli/bench/serve/")
WRK2 = Source("wrk2", "https://github.com/giltene/wrk2#readme")
DISTSERVE = Source("DistServe", "https://arxiv.org/abs/2401.09670")
WILSON = Source("Wilson 1927", "https://doi.org/10.1080/01621459.1927.10502953")
GUIDELLM = Source("GuideLLM", "https://github.com/vllm-project/guidellm")
OPENAI = Source("OpenAI's usage", "https://platform.openai.com/docs/api-reference/chat/object")
NVML = Source("NVML", "https://docs.nvidia.com/deploy/nvml-api/")
PROC = Source("proc", "https://docs.kernel.org/filesystems/proc.html")
RAPL = Source("powercap", "https://docs.kernel.org/power/powercap/powercap.html")
"""Where a definition, or the number itself, comes from. Ours: it follows from others of the table."""

REPORTED = "reported_"
"""How the names of metrics begin that a client computed itself, of what it counts. Nothing is judged by them."""
_REPORTED = "computed by genai-bench itself, of what it counts; stands beside ours for comparison and judges nothing"

_ALL = (
    Metric("ttft", "time to first token", "s", False, True,
           "first chunk with content, of reasoning or answer, - send (open loop: intended send)",
           source=GENAI_BENCH, of_output=True),
    Metric("tpot", "time per output token", "s", False, True,
           "(e2e - ttft) / (output tokens - 1), per request; requests with one token have none", resolution=1e-4,
           source=GENAI_BENCH, of_output=True),
    Metric("itl", "inter-token latency", "s", False, True,
           "time between two chunks with content, over all chunks of all requests", resolution=1e-4,
           source=VLLM_BENCH, of_output=True),
    Metric("e2e", "end-to-end latency", "s", False, True,
           "last token, or whole embedding, - send (open loop: intended send)", source=GENAI_BENCH),
    Metric("ttfa", "time to first answer token", "s", False, True,
           "first chunk of the answer itself - send (open loop: intended send); only where chunks of reasoning came "
           "before it", source=OURS, of_output=True),
    Metric("output_throughput", "output throughput", "tok/s", True, False,
           "output tokens received by ok requests / seconds of the level", digits=4, resolution=0.1,
           source=GENAI_BENCH, of_output=True),
    Metric("input_throughput", "input throughput", "tok/s", True, False,
           "prompt tokens of ok requests / seconds of the level", digits=4, resolution=0.1, source=GENAI_BENCH),
    Metric("total_throughput", "total throughput", "tok/s", True, False,
           "(prompt + output tokens) of ok requests / seconds of the level", digits=4, resolution=0.1,
           source=GENAI_BENCH),
    Metric("output_throughput_per_gpu", "output throughput per GPU", "tok/s/GPU", True, False,
           "output throughput / GPUs of the campaign", digits=4, resolution=0.1,
           source=OURS, of_output=True),
    Metric("input_throughput_per_gpu", "input throughput per GPU", "tok/s/GPU", True, False,
           "input throughput / GPUs of the campaign", digits=4, resolution=0.1, source=OURS),
    Metric("total_throughput_per_gpu", "total throughput per GPU", "tok/s/GPU", True, False,
           "total throughput / GPUs of the campaign", digits=4, resolution=0.1,
           source=OURS),
    Metric("request_throughput", "request throughput", "req/s", True, False,
           "ok requests / seconds of the level", resolution=1e-2,
           source=GENAI_BENCH),
    Metric("output_throughput_per_user", "output throughput per user", "tok/s/user", True, False,
           "output throughput / users of the level; closed loop only", digits=4, resolution=0.1, source=OURS,
           of_output=True),
    Metric("input_throughput_per_user", "input throughput per user", "tok/s/user", True, False,
           "input throughput / users of the level; closed loop only", digits=4, resolution=0.1, source=OURS),
    Metric("goodput", "goodput", "req/s", True, False,
           "ok requests that meet the limit of every SLO on ttft, ttfa, tpot, interactivity and e2e, each request by "
           "itself, / seconds of the level; with the SLOs that the campaign had then", resolution=1e-2,
           source=DISTSERVE),
    Metric("attainment", "SLO attainment", "ratio", True, False,
           "requests that meet the limit of every SLO on ttft, ttfa, tpot, interactivity and e2e, each request by "
           "itself, / all requests of the level, failed and lost ones too; with the SLOs that the campaign had then",
           source=DISTSERVE),
    Metric("attainment_low", "SLO attainment, lower bound", "ratio", None, False,
           "lower end of the 95 % interval of the attainment", source=WILSON),
    Metric("attainment_high", "SLO attainment, upper bound", "ratio", None, False,
           "upper end of the 95 % interval of the attainment", source=WILSON),
    Metric("attainment_target", "SLO attainment asked for", "ratio", None, False,
           "objective.attainment of the campaign when the load was searched", source=OURS),
    Metric("capacity_low", "highest load that held", "load", None, False,
           "highest load up to which a search found the SLOs met, in the unit of the load; told at that level",
           source=GUIDELLM),
    Metric("capacity_high", "lowest load that missed", "load", None, False,
           "lowest load at which a search found the SLOs missed, in the unit of the load; told beside capacity_low, or "
           "at the lightest level where not even that held", source=GUIDELLM),
    Metric("asked_rate", "request rate asked for", "req/s", None, False,
           "(requests - 1) / time from the first intended send to the last; open loop only", resolution=1e-2,
           source=VLLM_BENCH),
    Metric("request_rate", "request rate reached", "req/s", None, False,
           "(requests - 1) / time from the first real send to the last; open loop only", resolution=1e-2,
           source=VLLM_BENCH),
    Metric("interactivity", "interactivity", "tok/s/user", True, True,
           "1 / tpot, per request", digits=4, resolution=0.1,
           source=GENAI_BENCH, of_output=True),
    Metric("success_rate", "request success rate", "ratio", True, False, "ok / sent", resolution=1e-3,
           source=OURS),
    Metric("short_rate", "share of short outputs", "ratio", False, False,
           "ok requests with fewer tokens than asked / ok",
           source=OURS, of_output=True),
    Metric("prompt_tokens", "prompt tokens", "tok", None, True, "usage.prompt_tokens of the server", resolution=1,
           source=GENAI_BENCH),
    Metric("output_tokens", "output tokens", "tok", None, True,
           "usage.completion_tokens of the server, else chunks counted", resolution=1,
           source=GENAI_BENCH, of_output=True),
    Metric("reasoning_tokens", "reasoning tokens", "tok", None, True,
           "usage.completion_tokens_details.reasoning_tokens, where the server reports it; output tokens hold them too",
           resolution=1, source=OPENAI, of_output=True),
    Metric("send_delay", "queueing at the load generator", "s", False, True,
           "real send - intended send: how late the load generator itself was; open loop only",
           source=WRK2),
    Metric("client_cpu", "load generator CPU", "ratio", False, False,
           "CPU seconds of the load generator / seconds of the level",
           source=OURS),
    Metric("loop_lag", "event-loop lag of the load generator", "s", False, True,
           "how much after its time a timer of the load generator ran, one each 100 ms of the level", source=OURS),
    Metric("energy", "energy", "J", False, False,
           "power of the leased GPUs, one look a second, integrated over the level", resolution=1.0,
           source=NVML),
    Metric("energy_error", "error of the energy", "ratio", None, False,
           "5 % of the power reading + half of what power changed from look to look, times their distance, / energy",
           source=NVML),
    Metric("energy_per_token", "energy per output token", "J/tok", False, False,
           "energy / output tokens received by ok requests",
           source=NVML, of_output=True),
    Metric("gpu_utilization", "GPU utilisation", "ratio", None, True,
           "share of time with work on the GPU, one look a second, over all leased GPUs",
           source=NVML),
    Metric("gpu_memory", "GPU memory in use", "GB", None, True, "of each leased GPU, one look a second",
           source=NVML),
    Metric("gpu_power", "GPU power", "W", None, True, "of each leased GPU, one look a second", resolution=1.0,
           source=NVML),
    Metric("gpu_temperature", "GPU temperature", "°C", None, True, "of each leased GPU, one look a second",
           resolution=1.0,
           source=NVML),
    Metric("gpu_clock", "GPU clock", "MHz", None, True, "of the multiprocessors of each leased GPU, one look a second",
           digits=4, resolution=1.0,
           source=NVML),
    Metric("engine_cpu", "engine CPU", "cores", None, False,
           "CPU seconds of the engine's processes on this host / seconds of the level", resolution=1e-2,
           source=PROC),
    Metric("engine_memory", "engine memory", "GB", None, True,
           "resident memory of the engine's processes, one look a second; shared pages count for each process",
           source=PROC),
    Metric("cpu_energy", "CPU energy", "J", False, False,
           "RAPL counters of the CPU packages over the level, whatever else ran on them; not with pinned CPUs",
           resolution=1.0, source=RAPL),
    Metric("cpu_energy_per_token", "CPU energy per output token", "J/tok", False, False,
           "CPU energy / output tokens received by ok requests",
           source=RAPL, of_output=True),
    Metric("reported_ttft", "time to first token, as the client reports it", "s", None, True, _REPORTED,
           source=GENAI_BENCH),
    Metric("reported_tpot", "time per output token, as the client reports it", "s", None, True, _REPORTED,
           resolution=1e-4, source=GENAI_BENCH),
    Metric("reported_e2e", "end-to-end latency, as the client reports it", "s", None, True, _REPORTED,
           source=GENAI_BENCH),
    Metric("reported_output_throughput", "output throughput, as the client reports it", "tok/s", None, False,
           _REPORTED, digits=4, resolution=0.1, source=GENAI_BENCH),
    Metric("reported_request_throughput", "request throughput, as the client reports it", "req/s", None, False,
           _REPORTED, resolution=1e-2, source=GENAI_BENCH),
)  # fmt: skip

ERROR_KINDS: dict[str, str] = {
    "connect": "no connection",
    "http_4xx": "refused: status 400 to 499, but for 429",
    "http_429": "too many requests",
    "http_5xx": "status 500 to 599",
    "timeout": "no end within each_level.request_timeout",
    "reset": "the connection ended before an answer began",
    "cut": "the answer ended without finish reason, usage or [DONE]",
    "malformed": "a piece of the answer is not JSON",
    "server_error": "an error inside the answer",
    "empty": "an answer without a token",
    "cancelled": "the level was given up in the middle of the answer",
    "lost": "the level ended before an answer began",
}
"""How a request can end that is not ok. The store counts them by level in `level_error`."""

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


@cache
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
