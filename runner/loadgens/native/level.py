"""One level: calibrate, warm up, measure, drain."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from runner.domain.campaign import LevelPlan
from runner.domain.load import LoadKind
from runner.loadgens import Job, Row
from runner.loadgens._progress import Rows, Tally, reporting, say
from runner.loadgens._requests import prompts
from runner.loadgens._requests.asks import PROBE, Ask, Asks, level_seed
from runner.loadgens._requests.prompts import Calibration
from runner.loadgens._requests.recorded import RequestLines
from runner.loadgens.native.client import Client
from runner.loadgens.native.closed import closed_loop, drained
from runner.loadgens.native.lag import Lag
from runner.loadgens.native.open import open_loop
from runner.loadgens.native.shapes import intended
from runner.loadgens.native.storm import LIMIT, Storm


@dataclass
class Session:
    """What the levels of one job share. The calibration is taken once, at the first level whose engine answers."""

    job: Job
    rows: Rows
    calibration: Calibration = field(default=prompts.UNCALIBRATED)
    lines: RequestLines | None = field(init=False)

    def __post_init__(self) -> None:
        self.lines = RequestLines(Path(self.job.requests)) if self.job.requests else None


class Level:
    """Runs one level of a session, for the `round_`th time."""

    def __init__(self, session: Session, plan: LevelPlan, round_: int = 1) -> None:
        self.session = session
        self.job = session.job
        self.plan = plan
        self.round = round_
        self.seed = level_seed(self.job, plan, round_)
        self.tally = Tally()
        self.start = self.ended = 0.0  # the measured window: its start, the end of its last request
        self.users = max(1, int(plan.load_value)) if plan.load_kind is LoadKind.CONCURRENCY else 1
        self.storm = Storm(max(LIMIT, self.users))

    def give_up(self) -> None:
        """End soon: what is in flight is lost, and its rows say so."""
        self.storm.give_up()

    async def run(self) -> None:
        """Measure, and tell the driver. A level whose every warm-up request failed is not measured."""
        position = self.plan.position
        say("level_started", position=position)
        async with Client(self.job, self._tokens) as client, reporting(position, self.tally, client.read):
            await drained({asyncio.create_task(self._calibrate(client))}, self.storm)
            self.asks = Asks(self.job, self.plan, self.round, self.session.calibration, self.session.lines)
            warm = await self._warm_up(client)
            say("warmed", position=position, ok=warm, failed=self.job.each_level.warmup - warm)
            lag = Lag()
            cpu = time.process_time()
            if warm or not self.job.each_level.warmup:
                with lag:
                    await self._measure(client)
            cpu = time.process_time() - cpu
        say(
            "level_ended",
            position=position,
            seconds=round(self.ended - self.start, 6),
            cpu_seconds=round(cpu, 6),
            lag=lag.statistics(),
            looks=lag.looks,
            sent=self.tally.done,
            gave_up=self.storm.broke.is_set(),
        )

    def _tokens(self, count: int) -> None:
        self.tally.tokens += count

    async def _calibrate(self, client: Client) -> None:
        if self.session.calibration.exact:
            return

        async def probe(text: str) -> int | None:
            if self.storm.broke.is_set():
                return None
            row = await client.send(Ask(self.plan.position, 0, "probe", text, 0, 1), time.monotonic())
            return row.prompt_tokens

        self.session.calibration = await prompts.calibrate(probe, self.plan.scenario.prompt or PROBE)

    async def _warm_up(self, client: Client) -> int:
        """How many requests went well. As many at a time as the level will have users; their times count from the
        beginning of the warm-up."""
        start = time.monotonic()
        rows: list[Row] = []

        async def send(number: int, _intended: float | None) -> None:
            row = await client.send(self.asks.ask(number, "warmup"), start)
            self.session.rows.write(row)
            rows.append(row)

        count = self.job.each_level.warmup
        await closed_loop(start, min(self.users, max(1, count)), count, math.inf, send, self.storm)
        return sum(row.error is None for row in rows)

    async def _measure(self, client: Client) -> None:
        each = self.job.each_level
        self.start = self.ended = time.monotonic()

        async def send(number: int, intended: float | None) -> None:
            row = await client.send(self.asks.ask(number, "measure"), self.start, intended)
            self.ended = max(self.ended, self.start + row.ended)
            self._count(row)
            self.session.rows.write(row)

        if self.plan.load_kind is LoadKind.CONCURRENCY:
            await closed_loop(self.start, self.users, each.requests, each.duration, send, self.storm)
        else:
            recorded = self.session.lines.times() if self.session.lines else ()
            times = intended(self.plan, self.job.arrivals, self.job.shape, each.duration, self.seed, recorded)
            await open_loop(self.start, islice(times, each.requests), send, self.storm)

    def _count(self, row: Row) -> None:
        self.tally.done += 1
        if row.error is None:
            self.tally.ok += 1
        elif row.error in ("lost", "cancelled"):
            self.tally.lost += 1
            return  # by ourselves: says nothing of the server
        else:
            self.tally.failed += 1
        self.storm.note(row.error is None)
