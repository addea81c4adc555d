"""Run the native load generator as its driver does, and keep all that came out of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runner.domain.campaign import EachLevel, LevelPlan, LoadKind, Scenario
from runner.domain.trial import Endpoint
from runner.loadgens import Job, LoadGenerator, Row
from runner.loadgens._driver import Child
from runner.loadgens.native import LOADGEN
from tests.runner.simulated.world import PATIENCE

LONG = 4 * PATIENCE  # a real engine on a busy machine

SHORT = Scenario("D(40,8)", "D", 40, 8)


def closed(*users: int, scenario: Scenario = SHORT) -> tuple[LevelPlan, ...]:
    return tuple(LevelPlan(n, scenario, LoadKind.CONCURRENCY, float(u)) for n, u in enumerate(users))


def opened(*rates: float, scenario: Scenario = SHORT) -> tuple[LevelPlan, ...]:
    return tuple(LevelPlan(n, scenario, LoadKind.RATE, rate) for n, rate in enumerate(rates))


def job(endpoint: Endpoint, levels: tuple[LevelPlan, ...], **more: Any) -> Job:
    each = EachLevel(
        duration=more.pop("duration", PATIENCE),
        requests=more.pop("requests", None),
        warmup=more.pop("warmup", 1),
        request_timeout=more.pop("request_timeout", PATIENCE),
    )
    plain = Job(endpoint, "chat", levels, each, 7, "poisson", True, 0.0)
    return replace(plain, **more)


@dataclass
class Ran:
    """`rows` without warm-ups; `events` in order."""

    rows: list[Row] = field(default_factory=list)
    warmups: list[Row] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""

    def named(self, event: str) -> list[dict[str, Any]]:
        return [found for found in self.events if found["event"] == event]


def wait_for(child: Child, event: str, into: Ran) -> dict[str, Any]:
    """Events up to the next of that name."""
    for _ in range(int(LONG / 0.1)):
        found = child.event(0.1)
        if found is None:
            assert child.exit() is None, f"the child ended before {event}"
            continue
        into.events.append(found)
        if found["event"] == event:
            return found
    raise AssertionError(f"no {event} in {LONG} s; came: {into.events}")


def run(work: Job, folder: Path, loadgen: LoadGenerator = LOADGEN) -> Ran:
    """All levels of a job, to their end."""
    ran = Ran()
    with Child(loadgen, work, folder, folder / "client.log", "test") as child:
        for _ in work.levels:
            assert child.order("next")
            wait_for(child, "level_ended", ran)
        child.order("next")
        wait_for(child, "end", ran)
        rows = child.rows()
    ran.rows = [row for row in rows if row.kind == "measure"]
    ran.warmups = [row for row in rows if row.kind == "warmup"]
    ran.text = child.rows_path.read_text() + (folder / "client.log").read_text()
    return ran
