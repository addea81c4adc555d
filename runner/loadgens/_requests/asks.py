"""Which request is the n-th of a level: its lengths and its text, by the scenario, the seed and the file of requests.

The same for every load generator of ours, so that two clients are asked to do the same work. Pure but for a look into
the file.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from runner.domain.campaign import LevelPlan
from runner.loadgens import Job
from runner.loadgens._requests.lengths import lengths
from runner.loadgens._requests.prompts import Calibration, Piece, Prompts
from runner.loadgens._requests.recorded import BLOCK, Order, Recorded, RequestLines

_FILES = ("trace", "dataset")
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
    """Of one level, measured for the `round_`th time: each round has prompts of its own, or the engine would have seen
    those of the second one before. `lines` are those of the job's trace or dataset."""

    def __init__(
        self, job: Job, plan: LevelPlan, round_: int, calibration: Calibration, lines: RequestLines | None
    ) -> None:
        self.job, self.plan, self.calibration, self.lines = job, plan, calibration, lines
        self.seed = level_seed(job, plan, round_)
        self.prompts = Prompts(calibration, job.seed)
        self.order = self._order(len(lines), round_) if lines is not None and plan.scenario.kind in _FILES else None

    def ask(self, number: int, kind: str) -> Ask:
        """Request `number` of its `kind` (measure or warmup)."""
        seed = f"{self.seed}/{kind}/{number}"
        if self.lines is None or self.order is None:
            prompt, output = lengths(self.plan.scenario, seed)
            text = self.prompts.text(prompt, seed, self._prefix(prompt, seed))
            return Ask(self.plan.position, number, kind, text, prompt, output)
        line = self.lines[self.order.line(number if kind == "measure" else -1 - number)]
        # A warm-up request has none of the trace's blocks: the measured ones would find them in the cache.
        blocks = self._blocks(line) if kind == "measure" else []
        text = line.text if line.text is not None else self.prompts.text(line.prompt, seed, blocks)
        output = line.output if self.job.task == "text" else 0
        return Ask(self.plan.position, number, kind, text, line.prompt, output)

    def _order(self, lines: int, round_: int) -> Order:
        if self.plan.scenario.kind == "trace":
            return Order(lines, "", shuffled=False)
        first = self.plan.position + (round_ - 1) * (lines // 2)
        return Order(lines, str(self.job.seed), shuffled=True, first=first, step=self.job.count)

    def _prefix(self, prompt: int, seed: str) -> list[Piece]:
        """The prefix of the request's group. Each level has prefixes of its own, so that none finds them in the cache
        because another level was measured before it."""
        prefix = self.job.prefix
        if prefix is None:
            return []
        group = random.Random(f"{seed}/group").randrange(prefix.groups)
        own = max(0, prompt - self.calibration.overhead - 1)
        return [(f"{self.seed}/prefix/{group}", min(prefix.tokens(prompt), own))]

    def _blocks(self, line: Recorded) -> list[Piece]:
        """A block of a trace is the same text wherever it comes up again in the level."""
        return [(f"{self.seed}/block/{block}", BLOCK) for block in line.blocks]


def level_seed(job: Job, plan: LevelPlan, round_: int) -> str:
    return f"{job.seed}/{plan.position}" + (f"/again-{round_}" if round_ > 1 else "")
