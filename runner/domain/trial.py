"""What runs: configuration, placement, launch, endpoint; and what came out of it: levels and an attempt's facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from runner.domain.answers import QualityFacts
from runner.domain.failure import Failure, LevelState, Outcome, Phase, Role
from runner.domain.hardware import HostFacts
from runner.domain.parameters import Scalar


@dataclass(frozen=True, slots=True)
class Configuration:
    """One point, resolved: `values` is what the sampler chose, `flags` and `env` what the engine gets (fixed ones
    included). `fingerprint` is the hash of entry + flags + env."""

    entry: str
    runtime: str
    values: Mapping[str, Scalar]
    flags: Mapping[str, Scalar]
    env: Mapping[str, str]
    fingerprint: str

    @property
    def is_default(self) -> bool:
        return not self.values


@dataclass(frozen=True, slots=True)
class Placement:
    """What the deployer gives before launch. `python` is the engine's own interpreter, not ours; `revision` belongs to
    a `model_path` that is a hub id."""

    host: str
    port: int
    model_path: str
    served_model: str
    python: str
    work_dir: str
    gpus: tuple[str, ...] = ()
    image_digest: str | None = None
    revision: str | None = None
    node: str = ""  # the machine that the engine runs on, where a scheduler chose it
    cpus: tuple[int, ...] = ()  # logical CPUs that the engine is pinned to; empty: it may use all
    client_cpus: tuple[int, ...] = ()  # the same of the load generator


@dataclass(frozen=True, slots=True)
class Health:
    """How to tell that the engine serves: GET `path` answers 200 within the load timeout, then one completion of a
    few tokens within the ready timeout. `loading_status` are HTTP codes that mean "still loading"."""

    path: str = "/health"
    loading_status: tuple[int, ...] = (503, 404)


IGNORE_EOS: Mapping[str, Any] = MappingProxyType({"ignore_eos": True})


@dataclass(frozen=True, slots=True)
class Launch:
    """The effective command: a pure function of configuration and placement.

    `portable` is the same command for another machine, with `$MODEL` and `$PORT` in place of ours. `served` is the
    model's name in requests where the engine does not take ours. `ignore_eos` is what a request holds so that its
    answer goes on to the asked number of tokens.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    health: Health
    portable: tuple[str, ...]
    served: str | None = None
    ignore_eos: Mapping[str, Any] = field(default_factory=lambda: dict(IGNORE_EOS))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A live server. `base_url` has no trailing slash and no `/v1`. `ignore_eos` as in Launch."""

    base_url: str
    model: str
    api_key: str | None = None
    ignore_eos: Mapping[str, Any] = field(default_factory=lambda: dict(IGNORE_EOS))


@dataclass(frozen=True, slots=True)
class Exit:
    """How an engine ended. `code` is its exit code, or None with the `signal` name that ended it. `host_fault` says
    what of the host ended it, where that is known: it is nothing that the configuration did."""

    code: int | None
    signal: str | None = None
    oom_killed: bool = False
    host_fault: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a runtime reads from a log and an exit: cause, the line that proves it, the rule that matched. `fatal`: the
    engine is over though its process may live, so this says more than what a client counted."""

    phase: Phase | None
    cause: str
    evidence: str
    rule: str | None
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """Who answered: name, version, build (commit or compiler line), and what it says of its effective settings."""

    name: str
    version: str
    build: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One number with its name, statistic and unit. `stat` is mean, p50, p90, p95, p99, min, max or `value`."""

    metric: str
    stat: str
    unit: str
    value: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bar of a log histogram: bucket = floor(ln(max(microseconds, 1)) / ln(1.02)), `n` observations."""

    metric: str
    bucket: int
    n: int


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """Requests of one level that ended with the same kind of error; `message` is the first one seen, redacted."""

    kind: str
    count: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """The machine around a level: load averages (1 min) before and after, CPU share stolen by the hypervisor."""

    before: float
    after: float
    steal: float
    cpus: int


@dataclass(frozen=True, slots=True)
class Attained:
    """How many of all measured requests of a level, failed and lost ones too, met every one of `limits`, each request
    by itself. A limit reads `ttft<=0.5` or `interactivity>=20`, in the metric's own unit; they are sorted."""

    good: int
    of: int
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LevelResult:
    """One scenario at one load. sent = ok + failed + lost; `short` counts ok requests that got fewer tokens than asked
    (they are in `ok` and in `short`). `seconds` is the measured window. `lost` got no answer at all before the end."""

    position: int
    scenario: str
    load_kind: str
    load_value: float
    state: LevelState
    sent: int = 0
    ok: int = 0
    failed: int = 0
    lost: int = 0
    short: int = 0
    seconds: float = 0.0
    metrics: tuple[MetricValue, ...] = ()
    histogram: tuple[Bucket, ...] = ()
    errors: tuple[ErrorCount, ...] = ()
    load: Load | None = None
    counters: Mapping[str, float] = field(default_factory=dict)  # engine's own, difference over the level
    attained: Attained | None = None  # None: the campaign had no SLO

    def metric(self, name: str, stat: str) -> float | None:
        for value in self.metrics:
            if value.metric == name and value.stat == stat:
                return value.value
        return None


@dataclass(frozen=True, slots=True)
class PhaseTime:
    phase: Phase
    seconds: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """Facts of one deployment for a trial: exactly the content of attempt.json. Times are UTC, ISO 8601 with Z.

    No score stands here: scores belong to rules and are computed from these facts.
    """

    attempt_id: str
    run_id: str
    trial_id: str
    search_key: str
    series: int
    number: int
    role: Role
    configuration: Configuration
    outcome: Outcome
    failure: Failure | None
    phases: tuple[PhaseTime, ...]
    levels: tuple[LevelResult, ...]
    started_utc: str
    ended_utc: str
    seconds: float
    host: HostFacts
    gpu_seconds: float = 0.0
    phase: Phase = Phase.PRECHECK  # the furthest phase reached; `done` when everything was measured
    launch: Launch | None = None
    placement: Placement | None = None
    engine: EngineFacts | None = None
    client: str = ""
    client_version: str = ""
    repeat: int = 0  # round of a confirm attempt, from 1
    warnings: tuple[str, ...] = ()
    workload_key: str = ""  # hash of workload + client: attempts of two keys are not comparable
    quality: QualityFacts | None = None  # None: nobody asked for its answers
