"""Which request is the n-th of a level: its lengths and its text, by the scenario, the seed and the file of requests.

The same for every load generator of ours, so that two clients are asked to do the same work.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from runner.domain.campaign import LevelPlan
from runner.loadgens import Job
from runner.loadgens.native.lengths import lengths
from runner.loadgens.native.prompts import Calibration, Piece, Prompts
from runner.loadgens.native.recorded import BLOCK, Order, Recorded, RequestLines

PROBE = 256
"""Longest calibrating prompt, in tokens, where the lengths stand in a file."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to send. `number` counts within its level and kind; `prompt` is text, `asked_*` are tokens."""

    position: int
    number: int
    kind: str
    prompt: str
    asked_prompt: int
    asked_output: int

    @property
    def id(self) -> str:
        return f"l{self.position}-{self.kind[0]}-{self.number}"


class Asks:
    """Of one level, run for the `round_`th time: each time has prompts of its own, or the engine would have seen those
    of the second one before. `lines` are those of the job's trace or dataset."""

    def __init__(
        self, job: Job, plan: LevelPlan, round_: int, lines: RequestLines | None, calibration: Calibration
    ) -> None:
        self._job, self._plan, self._lines, self._calibration = job, plan, lines, calibration
        self._seed = level_seed(job, plan, round_)
        self._prompts = Prompts(calibration, job.seed)
        self._order = self._line_order(round_)

    def _line_order(self, round_: int) -> Order | None:
        if self._lines is None or self._plan.scenario.kind not in ("trace", "dataset"):
            return None
        lines, levels = len(self._lines), len(self._job.levels)
        first = self._plan.position + (round_ - 1) * (lines // 2)
        if self._plan.scenario.kind == "dataset":
            return Order(lines, str(self._job.seed), shuffled=True, first=first, step=levels)
        return Order(lines, str(self._job.seed), shuffled=False)

    def ask(self, number: int, kind: str) -> Ask:
        seed = f"{self._seed}/{kind}/{number}"
        line = self._recorded(number, kind)
        if line is None:
            prompt, output = lengths(self._plan.scenario, seed)
        else:
            prompt, output = line.prompt, line.output
        if line is not None and line.text is not None:
            text = line.text
        else:
            shared = self._shared(prompt, seed) if line is None or kind != "measure" else _blocks(line, self._seed)
            text = self._prompts.text(prompt, seed, shared)
        return Ask(self._plan.position, number, kind, text, prompt, output)

    def _recorded(self, number: int, kind: str) -> Recorded | None:
        """The line of a trace or dataset whose lengths a request has; None: the scenario says them."""
        if self._lines is None or self._order is None:
            return None
        return self._lines[self._order.line(number if kind == "measure" else -1 - number)]

    def _shared(self, prompt: int, seed: str) -> list[Piece]:
        """The prefix of the request's group. Each level has prefixes of its own, so that none finds them in the cache
        because another level was measured before it."""
        prefix = self._job.prefix
        if prefix is None:
            return []
        group = random.Random(f"{seed}/group").randrange(prefix.groups)
        own = max(0, prompt - self._calibration.overhead - 1)
        return [(f"{self._seed}/prefix/{group}", min(prefix.tokens(prompt), own))]


def level_seed(job: Job, plan: LevelPlan, round_: int) -> str:
    return f"{job.seed}/{plan.position}" + (f"/again-{round_}" if round_ > 1 else "")


def _blocks(line: Recorded, seed: str) -> list[Piece]:
    """A block of a trace is the same text wherever it comes up again in the level."""
    return [(f"{seed}/block/{block}", BLOCK) for block in line.blocks]
