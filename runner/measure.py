"""Drive a load generator level by level against a live engine, and say why it ended. Any end is a value.

The load generator is a child process (`runner.loadgens` holds the protocol). This side keeps the clock: it listens to
the child's progress, to the engine's life and to the stop flag, and turns the rows of a level into its result as soon
as the level has ended.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runner.deployers import Engine
from runner.domain.campaign import Campaign, LevelPlan
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.metrics import VALUE
from runner.domain.trial import Endpoint, Exit, LevelResult
from runner.hardware.observer import Observed, Observer
from runner.hardware.telemetry import Sample
from runner.loadgens import Job, Row, loadgens
from runner.loadgens._driver import Child
from runner.scoring.aggregate import WARMUP, aggregate, beside, loop_lag, not_reached
from runner.scoring.capacity import capacity_doubts, never_begun, next_level, with_capacity
from runner.scoring.client_bound import not_ranked
from runner.scoring.doubts import doubts, repeated
from runner.scoring.levels import counts, needed_levels, success_rate
from runner.scoring.reported import differences, reported_metrics
from runner.scoring.rules import rules_of
from runner.util import process
from runner.util.redact import redact

_POLL = 0.1  # seconds between two looks at the engine, the stop flag and the deadlines
_STARTUP = 180.0  # seconds until a load generator must have begun; genai-bench takes 30 on a busy machine
_DYING = 2.0  # seconds in which an engine that stopped answering is seen to end
_EVIDENCE = 500
_UNDER_LOAD = (Cause.CRASH, Cause.HANG, Cause.OOM_SERVE)
"""How an engine fails at a load that is too much for it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`levels` holds one result per planned level, `not_reached` ones included. `rows` is the file of request rows,
    empty when nothing was sent. `warmup_seconds` is the time of all warm-ups, which the levels do not contain."""

    levels: tuple[LevelResult, ...]
    failure: Failure | None
    rows: Path
    warnings: tuple[str, ...] = ()
    warmup_seconds: float = 0.0
    samples: tuple[Sample, ...] = ()


def measure(
    campaign: Campaign,
    endpoint: Endpoint,
    engine: Engine,
    scratch: Path,
    client_log: Path,
    seed: int,
    *,
    read_counters: Callable[[], Mapping[str, float]],
    should_stop: Callable[[], bool],
    on_event: Callable[[str, dict[str, Any]], None],
    judge_level: Callable[[LevelResult], bool],
    label: str | None = None,
    gpus: Sequence[str] = (),
    cpus: Sequence[int] = (),
    requests: Path | None = None,
) -> Measured:
    """Measure every level, lightest first, until one decides; where the load is searched, whichever the search asks
    for, until it has its answer.

    Called when the engine has answered its first completion. `scratch` exists and takes job.json and rows.jsonl;
    `label` names the attempt for `reap` (default: the name of `scratch`), `gpus` the UUIDs of its own, which are
    watched meanwhile, `cpus` the logical CPUs of its load generator; `requests` holds the lines of its trace or
    dataset. `read_counters` gives the engine's counters; when it raises OSError there are none. `on_event` is told
    level_started, progress and level_ended. After a level for which `judge_level` is false no heavier one is measured;
    that alone is no failure. The child has ended when this returns. Raises OSError when it could not be started.
    """
    workload = campaign.workload
    place = engine.load_place
    job = Job(
        endpoint if place is None else replace(place.endpoint, ignore_eos=endpoint.ignore_eos),
        workload.api,
        workload.levels,
        workload.each_level,
        seed,
        workload.arrivals,
        workload.ignore_eos,
        workload.temperature,
        workload.task,
        workload.shape,
        workload.prefix,
        str(requests) if requests else None,
        workload.most_levels,
    )
    name = label or scratch.name
    with (
        Observer(engine.pids, gpus, (process.LABEL, name), shared=campaign.hardware.cpus > 0) as observer,
        Child(
            loadgens.get(workload.client), job, scratch, client_log, name, place.command if place else None, cpus
        ) as child,
    ):
        run = _Run(campaign, engine, child, read_counters, should_stop, on_event, observer)
        for plan in _course(campaign, run.results, judge_level):
            run.level(plan)
            if run.failure is not None:
                break
    levels = run.told()
    if run.failure is None or run.failure.cause is Cause.ERROR_RATE:
        run.failure = not_ranked(levels, rules_of(campaign)) or run.failure
    return Measured(levels, run.failure, child.rows_path, tuple(run.warnings), run.warmup_seconds, observer.samples())


def _course(
    campaign: Campaign, results: Sequence[LevelResult], judge_level: Callable[[LevelResult], bool]
) -> Iterator[LevelPlan]:
    """The levels in the order of measuring; `results` grows by one between two of them. Where the load is searched
    what was measured says which one is next."""
    workload, rules = campaign.workload, rules_of(campaign)
    if workload.load_search is not None:
        while (plan := next_level(workload, rules, results)) is not None:
            yield plan
        return
    for plan in workload.levels:
        yield plan
        if not judge_level(results[-1]):
            return


@dataclass(slots=True)
class _Watch:
    """The clocks of the running level, all monotonic. `started` and `progress` run from the child's level_started: its
    own start-up is not the engine's time."""

    ordered: float
    started: float | None = None
    progress: float = 0.0
    warmed: float | None = None
    seen: tuple[int, int] = (0, 0)  # requests done, tokens
    ended: dict[str, Any] | None = None  # the child's level_ended
    said: str = ""  # why the child can not go on, in its own words


@dataclass(slots=True)
class _Run:
    """All levels of one attempt. `failure` is set once; nothing is measured after it."""

    campaign: Campaign
    engine: Engine
    child: Child
    read_counters: Callable[[], Mapping[str, float]]
    should_stop: Callable[[], bool]
    on_event: Callable[[str, dict[str, Any]], None]
    observer: Observer
    failure: Failure | None = None
    results: list[LevelResult] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    warmup_seconds: float = 0.0

    def level(self, plan: LevelPlan) -> LevelResult:
        """Run one level to its end, whichever that is, and put its result beside the others."""
        result, rows, observed = self._once(plan, lambda: self.child.next(plan))
        if observed.contended and self.failure is None and self.engine.poll() is None:
            self._warn(plan, [*observed.warnings, "measured once more for that"])
            result, rows, observed = self._once(plan, self.child.again)
        self.results.append(result)
        self._warn(plan, [*observed.warnings, *differences(result)])
        self.warnings += [*doubts(plan, rows, result), *repeated(plan, rows, self.campaign.workload)]
        self.failure = self.failure or self._died_at_the_end(result) or self._verdict(plan, rows, result)
        if self.failure is not None and not any(level.sent for level in self.results):
            self.failure = replace(self.failure, phase=Phase.WARMUP)  # nothing was measured yet
        self.on_event("level_ended", _summary(result))
        return result

    def told(self) -> tuple[LevelResult, ...]:
        """Every level, those that were not reached too. A search that ended has its answer among their metrics: also
        where the engine died of a load, for what held below is known all the same."""
        workload, rules, done = self.campaign.workload, rules_of(self.campaign), self.results
        if workload.load_search is None:
            return (*done, *map(not_reached, workload.levels[len(done) :]))
        if self.failure is None or self.failure.cause in _UNDER_LOAD:
            self.warnings += capacity_doubts(done, rules)
            done = with_capacity(done, rules)
        return (*done, *map(not_reached, never_begun(workload, done)))

    def _once(self, plan: LevelPlan, order: Callable[[], bool]) -> tuple[LevelResult, list[Row], Observed]:
        """One pass of a level: its result, its rows, and what the hardware did meanwhile."""
        self.on_event("level_started", {"position": plan.position, **_named(plan)})
        self.observer.begin()
        before, watch = self._counters(), _Watch(time.monotonic())
        order()
        self.failure = self._listen(watch)
        if self.failure is not None:
            watch.ended = self.child.give_up_level()
        rows = self.child.rows()
        after = {} if self.failure is not None else self._counters()
        ended = watch.ended or {}
        now = time.monotonic()
        seconds = float(ended.get("seconds", now - (watch.warmed or now)))
        began = watch.warmed or now - seconds
        self.warmup_seconds += max(0.0, began - (watch.started or began))
        observed = self.observer.end(began, seconds)
        result = aggregate(
            plan,
            rows,
            seconds,
            gpus=self.campaign.hardware.gpus,
            min_success_rate=self.campaign.workload.min_success_rate,
            client_cpu=float(ended.get("cpu_seconds", 0.0)),
            load=observed.load,
            counters={name: after[name] - before[name] for name in after if name in before},
            slos=self.campaign.slos,
            broken_off=self.failure is not None or bool(ended.get("gave_up")),
        )
        tokens = (result.metric("output_throughput", VALUE) or 0.0) * seconds
        more = (
            *beside(tokens, observed.values, observed.seen),
            *loop_lag(ended.get("lag") or {}),
            *reported_metrics(ended.get("reported") or {}),
        )
        return replace(result, metrics=(*result.metrics, *more)), rows, observed

    def _warn(self, plan: LevelPlan, lines: Sequence[str]) -> None:
        where = f"{plan.scenario.text} at {plan.load_kind.value} {plan.load_value:g}"
        self.warnings += [f"{where}: {line}" for line in lines]

    def _counters(self) -> Mapping[str, float]:
        try:
            return self.read_counters()
        except OSError:  # an engine that is dying, or has no counters: no reason to lose the level
            return {}

    def _listen(self, watch: _Watch) -> Failure | None:
        """Until the child says that the level ended (None), or something else ends it."""
        while True:
            event = self.child.event(_POLL)
            if event is not None:
                self._hear(event, watch)
            elif self.child.exit() is not None:  # its last words may have come since we looked
                for last in self.child.last_events():
                    self._hear(last, watch)
            if watch.ended is not None:
                return None
            failure = self._interrupted() or self._engine_died() or self._client_died(watch) or self._late(watch)
            if failure is not None:
                return failure

    def _hear(self, event: Mapping[str, Any], watch: _Watch) -> None:
        now = time.monotonic()
        if event["event"] == "level_started":
            watch.started = watch.progress = now
        elif event["event"] == "level_ended":
            watch.ended = dict(event)
        elif event["event"] == "warmed":
            watch.warmed = watch.progress = now
            self.observer.window()
        elif event["event"] == "failed":
            watch.said = redact(str(event.get("message", "")))[:_EVIDENCE]
        elif event["event"] == "progress":
            seen = (int(event.get("done", 0)), int(event.get("tokens", 0)))
            if seen != watch.seen:
                watch.seen, watch.progress = seen, now
            self.on_event("progress", {key: value for key, value in event.items() if key != "event"})

    def _interrupted(self) -> Failure | None:
        if not self.should_stop():
            return None
        return Failure(Phase.MEASURE, Cause.INTERRUPTED, "stopped on request")

    def _engine_died(self) -> Failure | None:
        end = self.engine.poll()
        return None if end is None else crash(end)

    def _client_died(self, watch: _Watch) -> Failure | None:
        end = self.child.exit()
        if end is None:
            return None
        how = watch.said or f"it ended by itself ({end.signal or f'exit code {end.code}'})"
        return Failure(Phase.MEASURE, Cause.INFRA, f"the load generator can not go on: {how}; see client.log")

    def _late(self, watch: _Watch) -> Failure | None:
        """A level that takes too long, or in which nothing moves: no token came and no request ended."""
        now, limits = time.monotonic(), self.campaign.timeouts
        if watch.started is None:
            if now - watch.ordered <= _STARTUP:
                return None
            return Failure(Phase.MEASURE, Cause.INFRA, f"the load generator did not begin within {_STARTUP:g} s")
        if now - watch.progress > limits.no_progress:
            what, limit = f"no token and no answer for {limits.no_progress:g} s", "no_progress"
        elif now - watch.started > limits.level:
            what, limit = f"the level was not done after {limits.level:g} s", "level"
        else:
            return None
        return Failure(Phase.MEASURE, Cause.HANG, what, hung=True, limit=f"timeouts.{limit}")

    def _died_at_the_end(self, result: LevelResult) -> Failure | None:
        """A level that ended in errors: give an engine that is just dying the time to be seen dead."""
        if self.failure is not None or counts(result, rules_of(self.campaign)):
            return None
        gone = {error.kind for error in result.errors} & {"connect", "reset", "cut"}
        deadline = time.monotonic() + (_DYING if gone or not result.sent else 0.0)
        while (end := self.engine.poll()) is None and time.monotonic() < deadline:
            time.sleep(_POLL / 2)
        return None if end is None else crash(end)

    def _verdict(self, plan: LevelPlan, rows: list[Row], result: LevelResult) -> Failure | None:
        """What the requests of a level that came to its end say."""
        bad = [row for row in rows if row.error is not None]
        if not result.sent and not bad:
            return Failure(Phase.MEASURE, Cause.INFRA, "the load generator sent nothing; see client.log")
        rules = rules_of(self.campaign)
        if counts(result, rules):
            return self._short(result)
        if plan.position not in {key.position for key in needed_levels(rules.seen(self.results))}:
            return None  # the answer lies below this level, or at another
        if not result.sent:
            return _errors_failure(f"all {len(bad)} warm-up requests failed", bad)
        what = f"{result.ok} of {result.sent} requests ended well ({100 * success_rate(result):.3g} %)"
        return _errors_failure(what, [row for row in bad if row.kind != WARMUP])

    def _short(self, result: LevelResult) -> Failure | None:
        """Too many answers ended early although the engine was told not to: its token rate means nothing."""
        workload = self.campaign.workload
        if not workload.ignore_eos or result.short <= (1 - workload.min_success_rate) * result.ok:
            return None
        what = f"{result.short} of {result.ok} answers had fewer tokens than asked for, ignore_eos was set"
        return Failure(Phase.MEASURE, Cause.SHORT_OUTPUT, what)


def crash(end: Exit, phase: Phase = Phase.MEASURE, when: str = "under load") -> Failure:
    """The failure of an engine that ended while it served."""
    if end.host_fault:
        return Failure(phase, Cause.INFRA, redact(end.host_fault)[:_EVIDENCE], rule="host")
    how = end.signal or f"exit code {end.code}"
    cause = Cause.OOM_SERVE if end.oom_killed else Cause.CRASH
    return Failure(phase, cause, f"the engine ended {when} ({how})", exit_code=end.code, signal=end.signal)


def _errors_failure(what: str, bad: list[Row]) -> Failure:
    """Mostly timeouts are a hang; anything else is an error rate, with its most frequent kind as evidence."""
    kinds = Counter(row.error or "" for row in bad)
    kind, count = kinds.most_common(1)[0]
    message = next(row.message for row in bad if row.error == kind)
    evidence = redact(f"{what}; {count} x {kind}: {message}").replace("\n", " ")[:_EVIDENCE]
    if 2 * kinds["timeout"] > len(bad):
        return Failure(Phase.MEASURE, Cause.HANG, evidence, hung=True, limit="each_level.request_timeout")
    return Failure(Phase.MEASURE, Cause.ERROR_RATE, evidence)


def _named(plan: LevelPlan) -> dict[str, Any]:
    return {
        "scenario": plan.scenario.text,
        "load_kind": plan.load_kind.value,
        "load_value": plan.load_value,
    }


def _summary(result: LevelResult) -> dict[str, Any]:
    return {
        "position": result.position,
        "scenario": result.scenario,
        "load_kind": result.load_kind,
        "load_value": result.load_value,
        "state": result.state.value,
        "sent": result.sent,
        "ok": result.ok,
        "failed": result.failed,
        "lost": result.lost,
        "short": result.short,
        "seconds": round(result.seconds, 3),
        "output_throughput": result.metric("output_throughput", "value"),
        "ttft_p50": result.metric("ttft", "p50"),
        "ttft_p99": result.metric("ttft", "p99"),
    }
