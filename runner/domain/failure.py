"""Failures are values: phase + cause + evidence. Nothing here is an exception."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from runner.domain.parameters import Scalar


class Phase(StrEnum):
    """How far an attempt got, in order."""

    PRECHECK = "precheck"
    LEASE = "lease"
    PULL = "pull"
    START = "start"
    LOAD = "load"
    READY = "ready"
    WARMUP = "warmup"
    MEASURE = "measure"
    SLO = "slo"
    DONE = "done"


class Cause(StrEnum):
    BAD_FLAG = "bad_flag"
    OOM_LOAD = "oom_load"
    OOM_GRAPH = "oom_graph"
    OOM_SERVE = "oom_serve"
    KV_TOO_SMALL = "kv_too_small"
    MODEL_MISSING = "model_missing"
    GATED = "gated"
    PORT = "port"
    DRIVER = "driver"
    NCCL = "nccl"
    DTYPE = "dtype"
    CRASH = "crash"
    HANG = "hang"
    ERROR_RATE = "error_rate"
    SHORT_OUTPUT = "short_output"
    SLO = "slo"
    QUALITY = "quality"
    IMAGE = "image"
    INFRA = "infra"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """attempts.outcome: raw, never changes."""

    MEASURED = "measured"
    FAILED = "failed"
    INFRA = "infra"
    INTERRUPTED = "interrupted"


class TrialStatus(StrEnum):
    """trials.status: derived from the attempts and the rules."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNMEASURED = "unmeasured"


class LevelState(StrEnum):
    COMPLETE = "complete"
    DEGRADED = "degraded"
    FAILED = "failed"
    NOT_REACHED = "not_reached"


class Role(StrEnum):
    SEARCH = "search"
    BASELINE = "baseline"
    REPEAT = "repeat"
    CONFIRM = "confirm"
    RETRY = "retry"
    AUDIT = "audit"
    GATE = "gate"
    CAPACITY = "capacity"


class SloVerdict(StrEnum):
    MET = "met"
    MISSED_SOFT = "missed_soft"
    MISSED_HARD = "missed_hard"
    UNMEASURED = "unmeasured"


class Verdict(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    TIE = "tie"
    INCONCLUSIVE = "inconclusive"
    INCOMPARABLE = "incomparable"


class EndReason(StrEnum):
    TRIALS = "trials"
    WALL = "wall"
    GPU_HOURS = "gpu_hours"
    FAILURES = "failures"
    CONVERGED = "converged"
    INTERRUPTED = "interrupted"
    ERROR = "error"


INFRA_CAUSES = frozenset({Cause.PORT, Cause.DRIVER, Cause.IMAGE, Cause.INFRA})
"""Not the configuration's fault: told to nobody, retried, recorded. The attempt's outcome is `infra`."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change that a hint asks for. `parameter` is a flag, `env.NAME`, `timeouts.NAME` (s) or `slo.NAME` (in the
    metric's own unit). Exactly one of `value`, `at_most`, `at_least` and `remove` says what; `when` is an expression
    of `where:`, empty when the change is needed whatever the other parameters are."""

    parameter: str
    value: Scalar | None = None
    at_most: float | None = None
    at_least: float | None = None
    remove: bool = False
    when: str = ""


@dataclass(frozen=True, slots=True)
class Hint:
    """What to do about a failure: a sentence for people, with numbers where there are some, and the same as changes
    that a follow-up campaign can apply. No changes: the text says where to look."""

    text: str
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt did not get to the end.

    `evidence` is the line that proves it (one line, at most 500 characters, redacted); `rule` names the signature
    that matched, None when nothing did. `hung` is true when a deadline or the no-progress watchdog ended it; `limit`
    names that deadline (`timeouts.load`). `hint` is what only the moment of the failure could tell: the numbers of
    the engine's log, the memory that was free, the limits that were set. Other hints follow from the facts
    (runner.scoring.hints).
    """

    phase: Phase
    cause: Cause
    evidence: str
    rule: str | None = None
    hung: bool = False
    exit_code: int | None = None
    signal: str | None = None
    limit: str | None = None
    hint: Hint | None = None


_UNEXPLAINED = frozenset({Cause.HANG, Cause.ERROR_RATE, Cause.CRASH, Cause.UNKNOWN})


def out_of_memory(failure: Failure) -> Failure:
    """The failure of an engine of which the kernel has ended a process for memory. That explains a hang, errors or an
    end; what the engine itself has explained stays as it is."""
    if failure.cause not in _UNEXPLAINED:
        return failure
    cause = Cause.OOM_SERVE if failure.phase in (Phase.WARMUP, Phase.MEASURE) else Cause.OOM_LOAD
    told = "; the kernel ended one of its processes for memory"
    return replace(failure, cause=cause, evidence=failure.evidence[: 500 - len(told)] + told, rule="process-killed")
