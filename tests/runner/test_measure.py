"""Measuring a live engine: each way a level can end, and what is left behind. The engine and the client are real."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from runner import measure as story
from runner.domain.campaign import (
    Campaign,
    EachLevel,
    Entry,
    Goal,
    LoadKind,
    LoadSearch,
    Model,
    Objective,
    Scenario,
    Slo,
    Timeouts,
    Workload,
)
from runner.domain.failure import Cause, LevelState, Phase
from runner.domain.hardware import GpuState
from runner.domain.trial import LevelResult
from runner.hardware import observer, telemetry
from runner.hardware.telemetry import Telemetry
from runner.loadgens import Row
from runner.loadgens._driver import Child, client_environment
from runner.measure import Measured, measure
from runner.util import codec, net
from runner.util.process import TOKEN
from tests.runner.simulated.world import PATIENCE, World, serving

SCENARIO = Scenario("D(40,8)", "D", 40, 8)
STATES = LevelState


def campaign(*loads: float, at: str = "worst", timeouts: Timeouts | None = None, **each: Any) -> Campaign:
    level = EachLevel(**{"duration": PATIENCE, "requests": 12, "warmup": 1, "request_timeout": PATIENCE} | each)
    return Campaign(
        name="test",
        model=Model(path="model"),
        entries=(Entry("simulated", "simulated"),),
        workload=Workload(scenarios=(SCENARIO,), loads=loads or (1.0, 2.0), each_level=level),
        objective=Objective("output_throughput", Goal.MAXIMIZE, at),
        timeouts=timeouts or Timeouts(level=PATIENCE, no_progress=PATIENCE),
    )


@dataclass
class Heard:
    """Stands in for the caller of `measure`: hears events, may stop or end the ascent."""

    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    stop_at: str | None = None
    on: Callable[[str, dict[str, Any]], None] = lambda _name, _data: None
    go_on: Callable[[LevelResult], bool] = lambda _level: True

    def hear(self, name: str, data: dict[str, Any]) -> None:
        self.events.append((name, data))
        self.on(name, data)

    def stopped(self) -> bool:
        return self.stop_at is not None and any(name == self.stop_at for name, _ in self.events)


def counters(world: World) -> Mapping[str, float]:
    text = net.get(world.endpoint.base_url + "/metrics", 5.0)[1].decode()
    return {name: float(value) for name, value in re.findall(r"^(\S+) (\S+)$", text, re.MULTILINE)}


def run(world: World, plan: Campaign, folder: Path, heard: Heard | None = None, gpus: Sequence[str] = ()) -> Measured:
    heard = heard or Heard()
    before = set(psutil.Process().children(recursive=True))
    scratch = folder / "scratch"
    scratch.mkdir()
    try:
        return measure(
            plan,
            world.endpoint,
            world,
            scratch,
            folder / "client.log",
            7,
            read_counters=lambda: counters(world),
            should_stop=heard.stopped,
            on_event=heard.hear,
            judge_level=heard.go_on,
            gpus=gpus,
        )
    finally:
        assert set(psutil.Process().children(recursive=True)) <= before, "the load generator is left behind"


def rows(measured: Measured) -> list[Row]:
    return [codec.from_json(Row, line) for line in measured.rows.read_text().splitlines()]


def states(measured: Measured) -> list[LevelState]:
    return [level.state for level in measured.levels]


def test_all_levels_of_a_healthy_engine(tmp_path: Path) -> None:
    heard = Heard()
    with serving(tmp_path) as world:
        measured = run(world, campaign(), tmp_path, heard)
        seen = world.seen()
    assert measured.failure is None
    assert states(measured) == [STATES.COMPLETE, STATES.COMPLETE]
    assert [(level.sent, level.ok, level.short) for level in measured.levels] == [(12, 12, 0)] * 2
    assert measured.warmup_seconds > 0
    told = [(name, data["position"]) for name, data in heard.events if name != "progress"]
    assert told == [("level_started", 0), ("level_ended", 0), ("level_started", 1), ("level_ended", 1)]
    for level in measured.levels:
        asked = [s for s in seen if s["id"].startswith(f"l{level.position}-")]
        assert level.counters["simulated:requests_total"] == len(asked)
        assert level.counters["simulated:generation_tokens_total"] == sum(s["sent_tokens"] for s in asked)
        assert level.load is not None
        assert level.metric("success_rate", "value") == 1.0
    kinds = [(row.position, row.kind) for row in rows(measured)]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        (0, "warmup"): 1, (0, "measure"): 12, (1, "warmup"): 1, (1, "measure"): 12,
    }  # fmt: skip


def searching(low: float, high: float, limit: float = 60.0, **each: Any) -> Campaign:
    plan = campaign(low, high, at="goodput", **each)
    return replace(
        plan,
        workload=replace(plan.workload, load_search=LoadSearch(low, high, 4)),
        objective=replace(plan.objective, attainment=0.9),
        slos=(Slo("ttft_p99", "ttft_p99", maximum=limit, hard=True),),
    )


def test_a_load_that_is_searched_grows_until_the_top_holds(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        measured = run(world, searching(1, 3), tmp_path)
    assert measured.failure is None
    assert [level.load_value for level in measured.levels] == [1, 2, 3]
    assert [level.attained and level.attained.good for level in measured.levels] == [12, 12, 12]
    told = [[level.metric(f"capacity_{end}", "value") for end in ("low", "high")] for level in measured.levels]
    assert told == [[None, None], [None, None], [3, None]]
    assert {(row.position, row.kind) for row in rows(measured) if row.kind == "measure"} == {
        (0, "measure"), (1, "measure"), (2, "measure"),
    }  # fmt: skip
    assert [line for line in measured.warnings if "too few to be sure" in line] == [
        "D(40,8) at 3 users: 12 of 12 of the requests met every limit, 95 % interval 75.8 to 100.0 %: too few to be "
        "sure that 90 % do; longer levels (each_level) would tell"
    ]


def test_a_lightest_load_that_misses_ends_the_search(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        measured = run(world, searching(2, 8, limit=1e-6), tmp_path)
    assert measured.failure is None
    assert [level.load_value for level in measured.levels] == [2]
    assert measured.levels[0].metric("capacity_high", "value") == 2
    assert measured.levels[0].metric("capacity_low", "value") is None


def test_an_engine_that_dies_on_the_way_up_leaves_what_it_held(tmp_path: Path) -> None:
    heard = Heard()
    with serving(tmp_path) as world:

        def kill(name: str, data: dict[str, Any]) -> None:
            if name == "level_started" and data["position"] == 1:
                os.kill(world.owned.pid, signal.SIGKILL)

        heard.on = kill
        measured = run(world, searching(1, 4), tmp_path, heard)
    assert measured.failure is not None
    assert measured.failure.cause is Cause.CRASH
    assert [level.load_value for level in measured.levels] == [1, 2]
    assert measured.levels[0].metric("capacity_low", "value") == 1
    assert measured.levels[0].metric("capacity_high", "value") == 2


def test_a_client_that_ends_with_its_last_level_has_not_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine we may look only when it has said everything and gone."""

    def asleep(child: Child, timeout: float) -> dict[str, Any] | None:
        """Nothing came in time; meanwhile it went to its end."""
        if timeout:
            child.order("next")  # there is no other level: it ends
            assert child._process.wait(PATIENCE) is not None
            return None
        return plain(child, timeout)

    plain = Child.event
    monkeypatch.setattr(Child, "event", asleep)
    with serving(tmp_path) as world:
        measured = run(world, campaign(1.0), tmp_path)
    assert measured.failure is None
    assert [(level.state, level.ok) for level in measured.levels] == [(STATES.COMPLETE, 12)]


USED = "GPU-0 was also used by process 1"


@pytest.mark.parametrize("passes", [1, 2])
def test_a_level_beside_somebody_elses_process_is_measured_once_more(
    passes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is there for so many passes of the first level; the second level is ours alone."""
    heard = Heard()

    def state(gpu: str) -> GpuState:
        begun = [data["position"] for name, data in heard.events if name == "level_started"]
        theirs = begun.count(0) <= passes and 1 not in begun
        return GpuState(utilization=0.9, pids=(world.owned.pid, 1) if theirs else (world.owned.pid,))

    monkeypatch.setattr(observer, "Telemetry", functools.partial(Telemetry, read=state))
    monkeypatch.setattr(telemetry, "EVERY", 0.02)
    with serving(tmp_path) as world:
        measured = run(world, campaign(requests=200), tmp_path, heard, gpus=["GPU-0"])
        prompts = [s["prompt_sha256"] for s in world.seen() if s["id"].startswith("l0-m-")]
    assert measured.failure is None
    assert [data["position"] for name, data in heard.events if name == "level_started"] == [0, 0, 1]
    assert [data["position"] for name, data in heard.events if name == "level_ended"] == [0, 1]
    assert [(level.state, level.sent) for level in measured.levels] == [(STATES.COMPLETE, 200)] * 2
    kinds = [(row.position, row.kind) for row in rows(measured)]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        (0, "warmup"): 2, (0, "contended"): 200, (0, "measure"): 200, (1, "warmup"): 1, (1, "measure"): 200,
    }  # fmt: skip
    told = [line for line in measured.warnings if line.startswith("D(40,8) at concurrency 1: ")]
    assert [line.partition(": ")[2] for line in told][:2] == [USED, "measured once more for that"]
    assert (told.count(f"D(40,8) at concurrency 1: {USED}") == 2) is (passes == 2), "and the second pass says so too"
    assert len(set(prompts)) == len(prompts) == 400, "no cache of the engine has seen one of the second pass"


def test_what_an_engine_takes_of_its_host_stands_beside_its_levels(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        # The kernel counts in hundredths of a second: twelve answers of the simulated engine may take less than one.
        measured = run(world, campaign(requests=150), tmp_path)
    for level in measured.levels:
        cores, memory = level.metric("engine_cpu", "value"), level.metric("engine_memory", "max")
        assert cores is not None
        assert 0 < cores < 2, "one thread of Python"
        assert memory is not None
        assert 0.01 < memory < 1


def test_what_the_client_reports_is_what_the_server_sent(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        measured = run(world, campaign(3.0, requests=30), tmp_path)
        seen = [s for s in world.seen() if "-m-" in s["id"]]
    level = measured.levels[0]
    tokens = level.metric("output_throughput", "value")
    assert tokens is not None
    assert tokens * level.seconds == pytest.approx(sum(s["sent_tokens"] for s in seen))
    # The client's window contains the server's: it begins before the first request came and ends after the last.
    assert level.seconds >= max(s["last"] for s in seen) - min(s["received"] for s in seen)
    truth = sorted(s["first"] - s["received"] for s in seen)
    fastest, slowest = level.metric("ttft", "min"), level.metric("ttft", "max")
    assert fastest is not None
    assert slowest is not None
    assert fastest >= truth[0] - 1e-5
    assert slowest >= truth[-1] - 1e-5


@pytest.mark.parametrize(
    ("fault", "phase", "cause", "hung", "states_", "evidence"),
    [
        ("crash_at_level:1", Phase.MEASURE, Cause.CRASH, False, [STATES.COMPLETE, STATES.FAILED], "SIGABRT"),
        ("crash_after:8", Phase.MEASURE, Cause.CRASH, False, [STATES.FAILED, STATES.NOT_REACHED], "SIGABRT"),
        ("crash_after:0", Phase.WARMUP, Cause.CRASH, False, [STATES.FAILED, STATES.NOT_REACHED], "SIGABRT"),
        ("storm_503@5", Phase.MEASURE, Cause.ERROR_RATE, False, [STATES.FAILED, STATES.NOT_REACHED], "x http_5xx"),
        ("storm_503", Phase.WARMUP, Cause.ERROR_RATE, False, [STATES.FAILED, STATES.NOT_REACHED], "warm-up"),
        ("http_400@l1", Phase.MEASURE, Cause.ERROR_RATE, False, [STATES.COMPLETE, STATES.FAILED], "x http_4xx"),
        ("cut_stream:0.4@5", Phase.MEASURE, Cause.ERROR_RATE, False, [STATES.FAILED, STATES.NOT_REACHED], "x cut"),
        ("silent_truncate@5", Phase.MEASURE, Cause.ERROR_RATE, False, [STATES.FAILED, STATES.NOT_REACHED], "x cut"),
        ("truncate@5", Phase.MEASURE, Cause.SHORT_OUTPUT, False, [STATES.COMPLETE, STATES.NOT_REACHED], "ignore_eos"),
    ],
)
def test_how_a_level_fails(
    fault: str,
    phase: Phase,
    cause: Cause,
    hung: bool,
    states_: list[LevelState],
    evidence: str,
    tmp_path: Path,
) -> None:
    with serving(tmp_path, "--fault", fault) as world:
        measured = run(world, campaign(), tmp_path)
    assert measured.failure is not None
    assert (measured.failure.phase, measured.failure.cause, measured.failure.hung) == (phase, cause, hung)
    assert evidence in measured.failure.evidence
    assert states(measured) == states_


@pytest.mark.parametrize("fault", ["hang@6", "hang_after_tokens:3@6"])
def test_an_engine_that_sends_nothing_more_is_a_hang(fault: str, tmp_path: Path) -> None:
    limits = Timeouts(level=PATIENCE, no_progress=1.0)
    with serving(tmp_path, "--fault", fault) as world:
        measured = run(world, campaign(2.0, 4.0, timeouts=limits), tmp_path)
    failure = measured.failure
    assert failure is not None
    assert (failure.phase, failure.cause, failure.hung) == (Phase.MEASURE, Cause.HANG, True)
    assert "no token" in failure.evidence
    level = measured.levels[0]
    assert level.state is STATES.FAILED
    assert level.ok > 0
    assert level.sent - level.ok == 2, "both users were in flight, and both are counted"
    assert level.lost == (2 if fault == "hang@6" else 0)
    assert measured.levels[1].state is STATES.NOT_REACHED


def test_a_hang_in_the_warm_up_has_that_phase(tmp_path: Path) -> None:
    with serving(tmp_path, "--fault", "hang") as world:
        measured = run(world, campaign(timeouts=Timeouts(level=PATIENCE, no_progress=1.0)), tmp_path)
    assert measured.failure is not None
    assert (measured.failure.phase, measured.failure.cause) == (Phase.WARMUP, Cause.HANG)


def test_requests_that_run_into_their_deadline_are_a_hang_too(tmp_path: Path) -> None:
    with serving(tmp_path, "--fault", "hang@6") as world:
        measured = run(world, campaign(2.0, request_timeout=1.0, requests=6), tmp_path)
    assert measured.failure is not None
    assert (measured.failure.cause, measured.failure.hung) == (Cause.HANG, True)
    assert "x timeout" in measured.failure.evidence


def test_a_level_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    limits = Timeouts(level=1.5, no_progress=PATIENCE)
    with serving(tmp_path) as world:
        measured = run(world, campaign(requests=None, timeouts=limits), tmp_path)
    assert measured.failure is not None
    assert (measured.failure.cause, measured.failure.hung) == (Cause.HANG, True)
    assert "not done after 1.5 s" in measured.failure.evidence
    assert measured.levels[0].ok > 0


def test_an_engine_killed_from_outside_is_seen_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as world:

        def kill(name: str, _data: dict[str, Any]) -> None:
            if name == "progress":
                os.kill(world.owned.pid, signal.SIGKILL)

        measured = run(world, campaign(requests=None), tmp_path, Heard(on=kill))
    assert measured.failure is not None
    assert (measured.failure.cause, measured.failure.signal) == (Cause.CRASH, "SIGKILL")
    assert measured.levels[0].state is STATES.FAILED


def test_a_stop_is_obeyed_in_the_middle_of_a_level(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        measured = run(world, campaign(requests=None), tmp_path, Heard(stop_at="progress"))
    assert measured.failure is not None
    assert measured.failure.cause is Cause.INTERRUPTED
    assert states(measured) == [STATES.FAILED, STATES.NOT_REACHED]


def test_the_ascent_ends_where_the_judge_says(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        measured = run(world, campaign(1.0, 2.0, 3.0), tmp_path, Heard(go_on=lambda level: level.load_value < 2))
    assert measured.failure is None
    assert states(measured) == [STATES.COMPLETE, STATES.COMPLETE, STATES.NOT_REACHED]


@pytest.mark.parametrize(("at", "failed"), [("worst", True), ("goodput", False), ("c=1", False), ("c=2", True)])
def test_too_many_errors_are_a_failure_where_the_objective_needs_the_level(
    at: str, failed: bool, tmp_path: Path
) -> None:
    with serving(tmp_path, "--fault", "storm_503:0.5@l1") as world:
        measured = run(world, campaign(at=at, warmup=0), tmp_path)
    assert (measured.failure is not None) is failed
    assert states(measured) == [STATES.COMPLETE, STATES.FAILED]


def test_short_outputs_are_no_failure_where_the_model_may_end(tmp_path: Path) -> None:
    plan = campaign(1.0)
    plan = replace(plan, workload=replace(plan.workload, ignore_eos=False))
    with serving(tmp_path) as world:
        measured = run(world, plan, tmp_path)
    assert measured.failure is None
    assert measured.levels[0].short > 0


@pytest.mark.parametrize(("at", "ranked"), [("worst", False), ("goodput", False), ("c=1", True)])
def test_a_level_in_which_the_client_was_the_bottleneck_decides_nothing(
    at: str, ranked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All levels are measured and keep their metrics; only an objective that reads that level gets no answer."""

    def busy(child: Child, timeout: float) -> dict[str, Any] | None:
        event = plain(child, timeout)
        if event and event["event"] == "level_ended" and event["position"] == 1:
            return {**event, "seconds": 2.0, "cpu_seconds": 1.9}
        return event

    plain = Child.event
    monkeypatch.setattr(Child, "event", busy)
    with serving(tmp_path) as world:
        measured = run(world, campaign(1.0, 3.0, 6.0, at=at), tmp_path)
    assert states(measured) == [STATES.COMPLETE] * 3
    assert measured.levels[1].metric("client_cpu", "value") == pytest.approx(0.95)
    assert any("used 95 % of a core; the level shows the client" in warning for warning in measured.warnings)
    assert (measured.failure is None) == ranked
    if measured.failure:
        assert (measured.failure.cause, measured.failure.rule) == (Cause.INFRA, "client")
        assert "concurrency 3: the load generator used 95 % of a core" in measured.failure.evidence


def test_how_late_the_clients_loop_was_stands_beside_its_level(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        measured = run(world, campaign(1.0, duration=1.0, requests=None), tmp_path)
    late = [measured.levels[0].metric("loop_lag", stat) for stat in ("min", "p50", "p99", "max")]
    assert all(value is not None and value >= 0 for value in late)
    assert late == sorted(value for value in late if value is not None)


class Broken:
    """A load generator that dies, or says nothing that is right."""

    name = "broken"

    def __init__(self, code: str) -> None:
        self.code = code

    def version(self) -> str:
        return "0"

    def command(self, job: Path, rows: Path) -> list[str]:
        return [sys.executable, "-c", self.code]


@pytest.mark.parametrize(
    ("code", "cause", "evidence"),
    [
        ("raise SystemExit(3)", Cause.INFRA, "exit code 3"),
        ('print(\'{"event":"level_ended","position":0}\', flush=True); input()', Cause.INFRA, "sent nothing"),
        ("import time; time.sleep(600)", Cause.INFRA, "did not begin within 1.5 s"),
        (
            "import signal,time; signal.signal(15, signal.SIG_IGN); "
            'print(\'{"event":"level_started","position":0}\', flush=True); time.sleep(600)',
            Cause.HANG,
            "no token",
        ),
    ],
)
def test_a_broken_load_generator_is_not_the_engines_fault_and_never_left_behind(
    code: str, cause: Cause, evidence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "loadgens", {"native": Broken(code)})
    monkeypatch.setattr(story, "_STARTUP", 1.5)
    with serving(tmp_path) as world:
        measured = run(world, campaign(timeouts=Timeouts(level=PATIENCE, no_progress=1.5)), tmp_path)
    assert measured.failure is not None
    assert measured.failure.cause is cause
    assert evidence in measured.failure.evidence


def test_an_open_loop_in_which_no_request_was_due_is_no_measurement(tmp_path: Path) -> None:
    plan = campaign(duration=0.2, requests=None)
    plan = replace(plan, workload=replace(plan.workload, load_kind=LoadKind.RATE, loads=(0.001,)))
    with serving(tmp_path) as world:
        measured = run(world, plan, tmp_path)
    assert measured.failure is not None
    assert (measured.failure.cause, measured.levels[0].sent) == (Cause.INFRA, 0)


def test_the_child_inherits_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_TOKEN", "canary")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    assert "canary" not in client_environment().values()
    found: list[dict[str, str]] = []

    def look(name: str, _data: dict[str, Any]) -> None:
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess):  # it may end while we look; a zombie is one of these
                if "runner.loadgens.native" in child.cmdline():
                    found.append(child.environ())

    with serving(tmp_path) as world:
        run(world, campaign(1.0), tmp_path, Heard(on=look))
    assert found
    assert all(TOKEN in environment and "canary" not in environment.values() for environment in found)
