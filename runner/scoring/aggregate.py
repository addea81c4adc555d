"""From the request rows of one level to its result: counts, statistics, histograms. Pure.

Statistics are over the ok requests of this level alone and are never averaged over levels. A failed, cut or lost
request lends no number to a latency; what it does is lower the success rate, and with it the level's state.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from runner.domain.campaign import LevelPlan, Slo
from runner.domain.failure import LevelState
from runner.domain.metrics import METRICS, STATS, VALUE, metric_ref
from runner.domain.trial import Attained, Bucket, ErrorCount, LevelResult, Load, MetricValue
from runner.stats.intervals import wilson

LOST = "lost"
WARMUP = "warmup"
_PER_GPU = ("output_throughput", "input_throughput", "total_throughput")
HISTOGRAMS = ("ttft", "tpot", "itl", "e2e")
GROWTH = 1.02
"""Each histogram bucket begins 2 % above the one before it."""

_LOG_GROWTH = math.log(GROWTH)
_PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}


class Request(Protocol):
    """What is needed of a row of the load generator (`runner.loadgens.Row`, which lies above this layer)."""

    @property
    def kind(self) -> str: ...
    @property
    def intended(self) -> float: ...
    @property
    def sent(self) -> float: ...
    @property
    def first(self) -> float | None: ...
    @property
    def last(self) -> float | None: ...
    @property
    def ended(self) -> float: ...
    @property
    def asked_prompt(self) -> int: ...
    @property
    def prompt_tokens(self) -> int | None: ...
    @property
    def asked_output(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def tokens_from(self) -> str: ...
    @property
    def error(self) -> str | None: ...
    @property
    def message(self) -> str: ...
    @property
    def token_times(self) -> tuple[float, ...]: ...
    @property
    def reasoning_tokens(self) -> int | None: ...
    @property
    def answered(self) -> float | None: ...


def aggregate(
    plan: LevelPlan,
    rows: Sequence[Request],
    seconds: float,
    *,
    gpus: int,
    min_success_rate: float,
    client_cpu: float,
    load: Load | None,
    counters: Mapping[str, float],
    broken_off: bool = False,
    slos: Sequence[Slo] = (),
) -> LevelResult:
    """The result of one level. Warm-up rows among `rows` are left out.

    `seconds` is the measured window, `client_cpu` the load generator's CPU seconds in it. `broken_off` says that
    the level was ended before its plan was done (the engine died, a deadline passed): its state is `failed` then,
    however good the requests were that ended before. `slos` are those that goodput goes by.
    """
    measured = [row for row in rows if row.kind != WARMUP]
    ok = [row for row in measured if row.error is None]
    lost = sum(row.error == LOST for row in measured)
    rate = len(ok) / len(measured) if measured else 0.0
    distributions = _distributions(plan, ok)
    attained = _attained(measured, ok, slos)
    return LevelResult(
        position=plan.position,
        scenario=plan.scenario.text,
        load_kind=plan.load_kind.value,
        load_value=plan.load_value,
        state=LevelState.FAILED if broken_off else _state(rate, len(ok), min_success_rate),
        sent=len(measured),
        ok=len(ok),
        failed=len(measured) - len(ok) - lost,
        lost=lost,
        short=sum(row.output_tokens < row.asked_output for row in ok),
        seconds=seconds,
        metrics=(
            *_statistics(distributions),
            *_values(measured, ok, seconds, gpus, rate, client_cpu),
            *_of_the_load(plan, measured, ok, seconds),
            *_goodput(attained, seconds),
        ),
        histogram=tuple(_histograms(distributions)),
        errors=_errors(measured),
        load=load,
        counters=dict(counters),
        attained=attained,
    )


def not_reached(plan: LevelPlan) -> LevelResult:
    """The result of a level that was planned and never begun."""
    return LevelResult(plan.position, plan.scenario.text, plan.load_kind.value, plan.load_value, LevelState.NOT_REACHED)


def _state(rate: float, ok: int, min_success_rate: float) -> LevelState:
    if not ok or rate < min_success_rate:
        return LevelState.FAILED
    return LevelState.COMPLETE if rate == 1.0 else LevelState.DEGRADED


def percentile(ordered: Sequence[float], share: float) -> float:
    """Linear interpolation between the two nearest ranks of ascending values (Hyndman and Fan 1996, type 7, which
    numpy and DuckDB's quantile_cont use too). `ordered` is not empty; `share` in [0, 1]."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def bucket(seconds: float) -> int:
    """The histogram bucket of a time: floor(ln(microseconds) / ln 1.02), 0 for a microsecond and less."""
    return math.floor(math.log(max(seconds * 1e6, 1.0)) / _LOG_GROWTH)


def time_per_token(row: Request) -> float | None:
    """(e2e - ttft) / (output tokens - 1). None for one token, and for an answer that came in one piece: the time
    between its tokens is not known."""
    if row.first is None or row.last is None or row.output_tokens < 2 or row.last <= row.first:
        return None
    return (row.last - row.first) / (row.output_tokens - 1)


def beside(output_tokens: float, values: Mapping[str, float], seen: Mapping[str, list[float]]) -> Iterator[MetricValue]:
    """The metrics of a level that come from telemetry: `values` are one number each, `seen` ascending samples by
    metric. Energy is told per output token too. What was not seen has no metric."""
    for name, value in values.items():
        yield MetricValue(name, VALUE, METRICS[name].unit, value)
        if f"{name}_per_token" in METRICS and output_tokens > 0:
            yield MetricValue(f"{name}_per_token", VALUE, METRICS[f"{name}_per_token"].unit, value / output_tokens)
    yield from _statistics(seen)


def loop_lag(statistics: Mapping[str, float]) -> Iterator[MetricValue]:
    """The metrics of what a load generator says of its own event loop: seconds by statistic."""
    for stat in STATS:
        if stat in statistics:
            yield MetricValue("loop_lag", stat, METRICS["loop_lag"].unit, float(statistics[stat]))


def _distributions(plan: LevelPlan, ok: Sequence[Request]) -> dict[str, list[float]]:
    """Metric -> ascending values. Latency counts from the intended send: in a closed loop that is the real one."""
    tpot = [value for row in ok if (value := time_per_token(row)) is not None]
    out = [row for row in ok if row.asked_output]  # embeddings ask for no output, and have none of its metrics
    reasoned = any(row.answered not in (None, row.first) for row in ok)
    values: dict[str, Iterable[float]] = {
        "ttft": (row.first - row.intended for row in ok if row.first is not None),
        "tpot": tpot,
        "itl": (b - a for row in ok for a, b in itertools.pairwise(row.token_times)),
        "e2e": (row.last - row.intended for row in ok if row.last is not None),
        "interactivity": (1 / value for value in tpot),
        "prompt_tokens": (float(row.prompt_tokens) for row in ok if row.prompt_tokens is not None),
        "output_tokens": (float(row.output_tokens) for row in out),
        "reasoning_tokens": (float(row.reasoning_tokens) for row in ok if row.reasoning_tokens is not None),
    }
    if reasoned:
        values["ttfa"] = (row.answered - row.intended for row in ok if row.answered is not None)
    if plan.load_kind.is_open:
        values["send_delay"] = (row.sent - row.intended for row in ok)
    return {name: sorted(found) for name, found in values.items()}


def _statistics(distributions: Mapping[str, list[float]]) -> Iterator[MetricValue]:
    for name, ordered in distributions.items():
        if not ordered:
            continue
        unit = METRICS[name].unit
        yield MetricValue(name, "mean", unit, math.fsum(ordered) / len(ordered))
        for stat, share in _PERCENTILES.items():
            yield MetricValue(name, stat, unit, percentile(ordered, share))
        yield MetricValue(name, "min", unit, ordered[0])
        yield MetricValue(name, "max", unit, ordered[-1])


def _values(
    measured: Sequence[Request],
    ok: Sequence[Request],
    seconds: float,
    gpus: int,
    rate: float,
    client_cpu: float,
) -> Iterator[MetricValue]:
    """The metrics that are one number per level. Throughput counts what ok requests received, and nothing else."""
    found: dict[str, float] = {}
    if measured:
        found["success_rate"] = rate
    if ok:
        found["short_rate"] = sum(row.output_tokens < row.asked_output for row in ok) / len(ok)
    if ok and seconds > 0:
        output = sum(row.output_tokens for row in ok) / seconds
        found["output_throughput"] = output
        found["request_throughput"] = len(ok) / seconds
        if all(row.prompt_tokens is not None for row in ok):
            read = sum(row.prompt_tokens or 0 for row in ok) / seconds
            found["input_throughput"] = read
            found["total_throughput"] = output + read
        if gpus:
            found |= {f"{name}_per_gpu": found[name] / gpus for name in _PER_GPU if name in found}
    if measured and seconds > 0:
        found["client_cpu"] = client_cpu / seconds
    something_out = any(row.asked_output for row in measured)
    for name, value in found.items():
        if something_out or not METRICS[name].of_output:
            yield MetricValue(name, VALUE, METRICS[name].unit, value)


def _of_the_load(
    plan: LevelPlan, measured: Sequence[Request], ok: Sequence[Request], seconds: float
) -> Iterator[MetricValue]:
    """What belongs to one kind of load: throughput per user, or the rate that was asked for and the one reached."""
    found: dict[str, float] = {}
    if plan.load_kind.is_open:
        found["asked_rate"] = _rate([row.intended for row in measured])
        found["request_rate"] = _rate([row.sent for row in measured])
    elif ok and seconds > 0:
        if any(row.asked_output for row in ok):
            output = sum(row.output_tokens for row in ok) / seconds
            found["output_throughput_per_user"] = output / plan.load_value
        if all(row.prompt_tokens is not None for row in ok):
            read = sum(row.prompt_tokens or 0 for row in ok) / seconds
            found["input_throughput_per_user"] = read / plan.load_value
    for name, value in found.items():
        if value > 0:
            yield MetricValue(name, VALUE, METRICS[name].unit, value)


def _rate(moments: Sequence[float]) -> float:
    """Of so many moments; 0 where they say nothing of a rate."""
    span = max(moments) - min(moments) if moments else 0.0
    return (len(moments) - 1) / span if span > 0 else 0.0


def of_a_request(slo: Slo) -> bool:
    """Whether a single request can meet it or miss it; the others speak of a level as a whole."""
    return metric_ref(slo.metric).metric.name in _OF_A_REQUEST


def limits_of(slos: Sequence[Slo]) -> tuple[str, ...]:
    """The limits of single requests, spelled as `Attained.limits` has them: what was counted under some SLOs is good
    for every set of SLOs with the same limits, whatever statistics they name."""
    known = [(metric_ref(slo.metric).metric.name, slo) for slo in slos if of_a_request(slo)]
    return tuple(
        sorted({f"{name}{'<=' if slo.maximum is not None else '>='}{float(slo.limit)!r}" for name, slo in known})
    )


def _attained(measured: Sequence[Request], ok: Sequence[Request], slos: Sequence[Slo]) -> Attained | None:
    """A failed or lost request meets nothing."""
    if not slos:
        return None
    limits = [(_OF_A_REQUEST[metric_ref(slo.metric).metric.name], slo) for slo in slos if of_a_request(slo)]
    good = sum(all(_meets(of(row), slo) for of, slo in limits) for row in ok)
    return Attained(good, len(measured), limits_of(slos))


def _goodput(attained: Attained | None, seconds: float) -> Iterator[MetricValue]:
    """Requests per second that meet every limit, each by itself, and their share with its interval; nothing without an
    SLO that a request can meet."""
    if attained is None or not attained.limits:
        return
    found: dict[str, float] = {}
    if seconds > 0:
        found["goodput"] = attained.good / seconds
    if attained.of:
        low, high = wilson(attained.good, attained.of)
        found |= {"attainment": attained.good / attained.of, "attainment_low": low, "attainment_high": high}
    for name, value in found.items():
        yield MetricValue(name, VALUE, METRICS[name].unit, value)


def _meets(value: float | None, slo: Slo) -> bool:
    """A request that does not have the metric (the time between tokens of an answer of one token) misses nothing."""
    if value is None:
        return True
    return (slo.maximum is None or value <= slo.maximum) and (slo.minimum is None or value >= slo.minimum)


def _since_intended(moment: float | None, row: Request) -> float | None:
    return None if moment is None else moment - row.intended


def _speed(row: Request) -> float | None:
    tpot = time_per_token(row)
    return 1 / tpot if tpot else None


_OF_A_REQUEST: Mapping[str, Callable[[Request], float | None]] = {
    "ttft": lambda row: _since_intended(row.first, row),
    "ttfa": lambda row: _since_intended(row.answered, row),
    "e2e": lambda row: _since_intended(row.last, row),
    "tpot": lambda row: time_per_token(row),
    "interactivity": lambda row: _speed(row),
}


def _histograms(distributions: Mapping[str, list[float]]) -> Iterator[Bucket]:
    for name in HISTOGRAMS:
        for place, n in sorted(Counter(bucket(value) for value in distributions[name]).items()):
            yield Bucket(name, place, n)


def _errors(measured: Sequence[Request]) -> tuple[ErrorCount, ...]:
    """Kinds by count, the most frequent first, each with the first message that came with it."""
    counts: Counter[str] = Counter()
    messages: dict[str, str] = {}
    for row in measured:
        if row.error is not None:
            counts[row.error] += 1
            messages.setdefault(row.error, row.message)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ErrorCount(kind, count, messages[kind]) for kind, count in ordered)
