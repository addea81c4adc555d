"""The driver's own running file of an attempt that is away: what `status` shows of it, and what is sealed when neither
the driver nor the machine can say more. The machine that runs it has a running file too."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from runner.domain.campaign import Campaign
from runner.domain.failure import Phase
from runner.domain.trial import Attempt
from runner.errors import NoSpace, Unwritable
from runner.order import Order, campaign_of, first_facts, running_facts
from runner.running_file import Progress, remove_running, scratch_folder, write_running
from runner.util.clock import utc_now


@dataclass
class Watched:
    """`first` are the facts that it began with, `phase` is the last that was heard of."""

    results: Path
    order: Order
    campaign: Campaign
    first: Attempt
    progress: Progress
    phase: Phase = Phase.PRECHECK
    ordered: float = field(default_factory=time.monotonic)
    landed: float = 0.0  # set in another thread, a moment after the result is there

    @property
    def away(self) -> float:
        """Seconds between its order and its result."""
        return (self.landed or time.monotonic()) - self.ordered

    @classmethod
    def begin(cls, results: Path, order: Order) -> Self:
        """Before the attempt is submitted. Raises NoSpace, Unwritable."""
        campaign = campaign_of(order)
        scratch = scratch_folder(results, order.attempt_id)
        watched = cls(results, order, campaign, first_facts(order, campaign), Progress(scratch))
        watched.write()
        scratch.mkdir(exist_ok=True)
        return watched

    def end(self) -> None:
        """Called when its record is here."""
        shutil.rmtree(scratch_folder(self.results, self.order.attempt_id), ignore_errors=True)
        remove_running(self.results, self.order.attempt_id)

    def write(self) -> None:
        facts = running_facts(self.order, self.campaign, self.first, self.phase, utc_now())
        write_running(self.results, self.order.attempt_id, {**facts, "away": True})

    def hear(self, message: dict[str, Any]) -> None:
        """What the attempt says, in the thread of its slot."""
        event = str(message["event"])
        if event == "phase":
            self.phase = Phase(message["phase"])
            with suppress(NoSpace, Unwritable, OSError):  # a disk that is full for a moment costs no measurement
                self.write()
        elif event != "attempt_ended":
            self.progress.hear(event, {key: one for key, one in message.items() if key not in ("event", "number")})
