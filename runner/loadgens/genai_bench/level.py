"""One level: calibrate, warm up, measure. What is sent and when it ends is decided here; genai-bench sends it."""

from __future__ import annotations

import asyncio
import json
import math
import queue
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.domain.campaign import LevelPlan
from runner.loadgens import Job, Row
from runner.loadgens._progress import Rows, say
from runner.loadgens._requests import prompts
from runner.loadgens._requests.asks import PROBE, Asks
from runner.loadgens._requests.prompts import Calibration
from runner.loadgens._requests.recorded import RequestLines
from runner.loadgens.genai_bench.bench import Bench, Broken, Item
from runner.loadgens.genai_bench.reported import reported
from runner.loadgens.genai_bench.rows import Asked, lost_row, row_of
from runner.util import net
from runner.util.redact import redact

AHEAD = 64
"""Requests handed over before a user wants them: nobody waits for us, and little is thrown away at the end."""
STORM = 20
"""So many errors in a row end a level; a level of more users than that has each of them fail once first."""
STARTING = 170.0
"""Seconds that genai-bench may take to start; the driver waits 180. On an idle machine 6, on a busy one 30."""
LATE = 20.0
"""Seconds that it may be late with what it has been ordered to do."""
_EVERY = 0.5
_COUNTS = ("done", "ok", "failed")
_PROBE, _TRIES = 30.0, 3


@dataclass
class Session:
    """What the levels of a job share."""

    job: Job
    rows: Rows
    python: str
    inbox: queue.SimpleQueue[Item]
    bench: Bench | None = None
    calibration: Calibration = field(default=prompts.UNCALIBRATED)
    lines: RequestLines | None = field(init=False)

    def __post_init__(self) -> None:
        self.lines = RequestLines(Path(self.job.requests)) if self.job.requests else None


@dataclass
class Phase:
    """The warm-up or the measured part of a level, as far as it has come."""

    kind: str
    users: int
    began: float = 0.0
    last: float = 0.0  # end of the last request, from `began`
    done: int = 0
    ok: int = 0
    failed: int = 0
    tokens: int = 0
    in_a_row: int = 0
    all_asked: bool = False  # there are no more requests than these
    closed: bool = False  # its time is over: what was not sent yet is not sent
    gave_up: bool = False
    outstanding: dict[int, Asked] = field(default_factory=dict)
    ended: Mapping[str, Any] | None = None


class Level:
    """Runs one level of a session, for the `round_`th time: each has prompts of its own."""

    def __init__(self, session: Session, plan: LevelPlan, round_: int) -> None:
        self.session, self.job, self.plan, self.round = session, session.job, plan, round_
        self.users = max(1, int(plan.load_value))
        self.stopped = False
        self.answered = False  # one real completion, before genai-bench is started
        self.refused: tuple[str, str] | None = None  # error and message of a probe that failed

    def run(self) -> bool:
        """Measure, and tell the driver. False when the driver ordered `stop` meanwhile. Raises Broken."""
        position, warmup = self.plan.position, self.job.each_level.warmup
        if not self._ready():
            say("level_started", position=position)
            say("warmed", position=position, ok=0, failed=1)
            say("level_ended", position=position, seconds=0.0, cpu_seconds=0.0, sent=0, gave_up=False)
            return True
        say("level_started", position=position)
        warm = self._through("warmup", "warmup", min(self.users, warmup), warmup, math.inf) if warmup else None
        say("warmed", position=position, ok=warm.ok if warm else 0, failed=warm.failed if warm else 0)
        if self.stopped or (warm is not None and not warm.ok):
            say("level_ended", position=position, seconds=0.0, cpu_seconds=0.0, sent=0, gave_up=self.stopped)
            return not self.stopped
        each = self.job.each_level
        do = "again" if self.round > 1 else "level"
        phase = self._through(do, "measure", self.users, each.requests, each.duration)
        ended = phase.ended or {}
        say(
            "level_ended",
            position=position,
            seconds=round(phase.last, 6),
            cpu_seconds=round(float(ended.get("cpu", 0.0)), 6),
            sent=phase.done,
            gave_up=phase.gave_up,
            reported=reported(ended.get("reported"), text=self.job.task == "text"),
        )
        return not self.stopped

    def _ready(self) -> bool:
        """Whether the engine answers, and genai-bench has started."""
        session = self.session
        for _ in range(_TRIES):
            if not session.calibration.exact:
                session.calibration = asyncio.run(prompts.calibrate(self._probe, self.plan.scenario.prompt or PROBE))
            if session.calibration.exact or self.answered:
                break
        if self.refused is not None and not (session.calibration.exact or self.answered):
            error, message = self.refused
            asked = Asked(0, "warmup", 1, 1)
            session.rows.write(lost_row(asked, self.plan.position, 0.0, message, error))
            return False
        self.asks = Asks(self.job, self.plan, self.round, session.calibration, session.lines)
        if session.bench is None:
            session.bench = Bench(self.job, session.python, session.inbox)
            self._wait_for("ready", STARTING)
        return True

    async def _probe(self, text: str) -> int | None:
        """One real completion of one token, by ourselves."""
        endpoint = self.job.endpoint
        path = "/v1/embeddings"
        body: dict[str, Any] = {"model": endpoint.model, "input": [text]}
        if self.job.task == "text":
            path = "/v1/chat/completions"
            body = {
                "model": endpoint.model,
                "messages": [{"role": "user", "content": text}],
                "max_tokens": 1,
                "temperature": self.job.temperature,
                "stream": False,
            }
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        limit = min(_PROBE, self.job.each_level.request_timeout)
        began = time.monotonic()
        try:
            status, said = net.post_json(f"{endpoint.base_url}{path}", body, limit, headers)
        except net.NoAnswer as error:
            late = time.monotonic() - began >= limit
            self.refused = ("timeout" if late else "connect", str(error))
            return None
        if status != 200:
            self.refused = (f"http_{status // 100}xx", redact(said.decode(errors="replace")))
            return None
        self.answered = True
        return _prompt_tokens(said)

    def _wait_for(self, event: str, seconds: float) -> Mapping[str, Any]:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                what, content = self.session.inbox.get(timeout=left)
            except queue.Empty:
                break
            if what == "ended":
                raise self._broken()
            if what == "order":
                self.stopped = self.stopped or content == "stop"
            elif content["event"] == "unfit":
                raise Broken(str(content["message"]))
            elif content["event"] == event:
                found: Mapping[str, Any] = content
                return found
        raise Broken(f"genai-bench did not start within {seconds:g} s")

    def _broken(self) -> Broken:
        how = self.session.bench.how_it_ended() if self.session.bench else "it is gone"
        return Broken(f"genai-bench ended by itself ({how})")

    # --- a phase ---

    def _ask(self, number: int, kind: str) -> tuple[Asked, dict[str, Any]]:
        """The same as the native client's request of that number: two clients are asked to do the same work."""
        ask = self.asks.ask(number, kind)
        order = {"do": "ask", "number": number, "prompt": ask.prompt, "output": ask.asked_output}
        return Asked(number, kind, ask.asked_prompt, ask.asked_output), order

    def _through(self, do: str, kind: str, users: int, count: int | None, duration: float) -> Phase:
        """Order a phase, feed it, and hear it to its end."""
        bench, position = self.session.bench, self.plan.position
        assert bench is not None
        phase = Phase(kind, users)
        bench.send({"do": do, "position": position, "users": users})
        number = 0
        ordered = told = heard = time.monotonic()
        before = (-1, -1)
        while phase.ended is None:
            fresh = []
            while not phase.closed and len(phase.outstanding) < users + AHEAD and (count is None or number < count):
                asked, order = self._ask(number, kind)
                phase.outstanding[number] = asked
                fresh.append(order)
                number += 1
            if not phase.closed and not phase.all_asked and count is not None and number >= count:
                fresh.append({"do": "last"})
                phase.all_asked = True
            bench.send(*fresh)
            now = time.monotonic()
            if phase.began and now - phase.began >= duration and not phase.closed:
                bench.send({"do": "close"})
                phase.closed = True
            if now - told >= _EVERY and before != (phase.done, phase.tokens):
                told, before = now, (phase.done, phase.tokens)
                counted = (phase.done, phase.ok, phase.failed) if kind == "measure" else (0, 0, 0)
                say("progress", position=position, **dict(zip(_COUNTS, counted, strict=True)), tokens=phase.tokens)
            left = phase.began + duration - now if phase.began and not phase.closed else _EVERY
            try:
                what, content = self.session.inbox.get(timeout=max(0.0, min(_EVERY, left)))
            except queue.Empty:
                self._watch(phase, heard, ordered)
                continue
            if what == "ended":
                self._all_lost(phase)
                raise self._broken()
            if what == "event":
                heard = time.monotonic()
                self._hear(phase, content)
            elif content == "stop":
                self.stopped = True
                self._give_up(phase)
        return phase

    def _hear(self, phase: Phase, event: Mapping[str, Any]) -> None:
        if event["event"] == "began":
            phase.began = event["at"]
        elif event["event"] == "alive":
            phase.tokens = event["tokens"]
        elif event["event"] == "ended":
            phase.ended = event
        elif event["event"] == "row" and event["number"] in phase.outstanding:
            asked = phase.outstanding.pop(event["number"])
            self._count(phase, row_of(event, asked, self.plan.position, phase.began))

    def _count(self, phase: Phase, row: Row) -> None:
        self.session.rows.write(row)
        phase.last = max(phase.last, row.ended)
        phase.done += 1
        if row.error is None:
            phase.ok += 1
            phase.in_a_row = 0
            return
        phase.failed += 1
        phase.in_a_row += 1
        if phase.in_a_row >= max(STORM, phase.users):
            self._give_up(phase)

    def _give_up(self, phase: Phase) -> None:
        if not phase.gave_up:
            phase.gave_up = phase.closed = True
            assert self.session.bench is not None
            self.session.bench.send({"do": "close"}, {"do": "give_up"})

    def _watch(self, phase: Phase, heard: float, ordered: float) -> None:
        """Every request has a deadline in genai-bench's own process. Should that stand still, this is ours."""
        limit = LATE + (self.job.each_level.request_timeout if phase.began else 0.0)
        if time.monotonic() - max(heard, ordered) > limit:
            self._all_lost(phase)
            raise Broken(f"genai-bench did not say a word for {limit:g} s")

    def _all_lost(self, phase: Phase) -> None:
        """Those that were on their way: its users take them in order."""
        at = max(0.0, time.monotonic() - phase.began) if phase.began else 0.0
        for asked in list(phase.outstanding.values())[: phase.users if phase.began else 0]:
            self.session.rows.write(lost_row(asked, self.plan.position, at, "genai-bench ended before the answer came"))


def _prompt_tokens(said: bytes) -> int | None:
    try:
        return int(json.loads(said)["usage"]["prompt_tokens"])
    except (ValueError, KeyError, TypeError):
        return None
