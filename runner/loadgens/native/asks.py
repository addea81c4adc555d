"""What each request of a level asks for: its text and its lengths, by number. Pure but for a look into a file."""

from __future__ import annotations

import random

from runner.domain.campaign import LevelPlan
from runner.loadgens import Job
from runner.loadgens.native.client import Ask
from runner.loadgens.native.lengths import lengths
from runner.loadgens.native.prompts import Calibration, Piece, Prompts
from runner.loadgens.native.recorded import BLOCK, Order, Recorded, RequestLines

FILES = ("trace", "dataset")


class Asks:
    """Of one level, measured for the `round_`th time: each round has prompts of its own, or the engine would have seen
    those of the second one before. `lines` are those of the job's trace or dataset."""

    def __init__(
        self, job: Job, plan: LevelPlan, round_: int, calibration: Calibration, lines: RequestLines | None
    ) -> None:
        self.job, self.plan, self.calibration, self.lines = job, plan, calibration, lines
        self.seed = level_seed(job, plan, round_)
        self.prompts = Prompts(calibration, job.seed)
        self.order = self._order(len(lines), round_) if lines is not None and plan.scenario.kind in FILES else None

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
        return Order(lines, str(self.job.seed), shuffled=True, first=first, step=len(self.job.levels))

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
