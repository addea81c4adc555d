"""Attempts and rules for the tests of scoring: only what a judgement looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.domain.campaign import Goal, LoadKind, Objective, Slo
from runner.domain.failure import Cause, Failure, LevelState, Outcome, Phase, Role
from runner.domain.hardware import HostFacts
from runner.domain.metrics import metric_ref
from runner.domain.trial import Attempt, Configuration, LevelResult, MetricValue
from runner.scoring.rules import LevelKey, Rules

HOST = HostFacts("host", "boot", "cpu", 2, 8 * 2**30, "Linux", "6.1", "3.11")
SCENARIO = "D(100,100)"


def rules(
    metric: str = "e2e_mean",
    goal: Goal = Goal.MINIMIZE,
    at: str = "worst",
    slos: Sequence[Slo] = (),
    loads: Sequence[float] = (1, 8, 32),
    scenarios: Sequence[str] = (SCENARIO,),
) -> Rules:
    keys = [(scenario, load) for scenario in scenarios for load in loads]
    levels = tuple(
        LevelKey(position, scenario, LoadKind.CONCURRENCY, float(load))
        for position, (scenario, load) in enumerate(keys)
    )
    return Rules(Objective(metric, goal, at), tuple(slos), 0.99, levels, 0)


def level(key: LevelKey, metrics: Mapping[str, float], *, sent: int = 50, ok: int | None = None) -> LevelResult:
    """A measured level; `metrics` by campaign spelling (`ttft_p99`)."""
    good = sent if ok is None else ok
    values = []
    for text, value in metrics.items():
        ref = metric_ref(text)
        values.append(MetricValue(ref.metric.name, ref.stat, ref.unit, value))
    state = LevelState.COMPLETE if good == sent else LevelState.DEGRADED
    return LevelResult(
        position=key.position,
        scenario=key.scenario,
        load_kind=key.load_kind.value,
        load_value=key.load_value,
        state=state,
        sent=sent,
        ok=good,
        failed=sent - good,
        seconds=10.0,
        metrics=tuple(values),
    )


def levels(under: Rules, metric: str, values: Sequence[float]) -> list[LevelResult]:
    """The first levels of `under` with one metric each."""
    return [level(key, {metric: value}) for key, value in zip(under.levels, values, strict=False)]


def attempt(
    measured: Sequence[LevelResult] = (),
    failure: Failure | None = None,
    outcome: Outcome | None = None,
    *,
    trial: str = "trial",
    number: int = 0,
    role: Role = Role.SEARCH,
    values: Mapping[str, int] | None = None,
    seconds: float = 60.0,
    repeat: int = 0,
    entry: str = "a",
    client: str = "native",
    host: HostFacts = HOST,
) -> Attempt:
    if outcome is None:
        outcome = Outcome.FAILED if failure else Outcome.MEASURED
    return Attempt(
        attempt_id=f"attempt-{trial}-{role.value}-{repeat}",
        run_id="run",
        trial_id=trial,
        search_key="key",
        series=0,
        number=number,
        role=role,
        configuration=Configuration(entry, "simulated", values or {}, dict(values or {}), {}, f"print-{trial}"),
        outcome=outcome,
        failure=failure,
        phases=(),
        levels=tuple(measured),
        started_utc="2026-01-01T00:00:00Z",
        ended_utc="2026-01-01T00:01:00Z",
        seconds=seconds,
        host=host,
        phase=failure.phase if failure else Phase.DONE,
        client=client,
        client_version="1",
        repeat=repeat,
        workload_key="workload",
    )


def failed(phase: Phase, cause: Cause, *, hung: bool = False) -> Failure:
    return Failure(phase, cause, "a line of the log", hung=hung)
